"""The processes of the benchmark: started here, watched by their ids, ended by their ids."""

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.place import CHECKOUT
from tests.support.services import command, environment

START_SECONDS = 300.0
#: Nobody logs a line a request: neither the service nor what it is compared with. No limit is ever reached, but each
#: request is counted.
QUIET: dict[str, Any] = {
    "FA_LOG_LEVEL": "warning",
    "FA_RATE_PER_PRINCIPAL": 1_000_000_000,
    "FA_RATE_PER_ADDRESS": 1_000_000_000,
}
_TICKS = os.sysconf("SC_CLK_TCK")
_ADDRESS = re.compile(r"://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Server:
    """A server on a loopback port.

    Args:
        children: it hands requests to child processes.
    """

    process: subprocess.Popen[bytes]
    port: int
    children: bool = False

    def cpu(self) -> float:
        """Return the CPU seconds so far, to a hundredth."""
        fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._pids())
        return sum(int(user) + int(system) for *_, user, system in (one[:13] for one in fields)) / _TICKS

    def _pids(self) -> list[str]:
        own = str(self.process.pid)
        if not self.children:
            return [own]
        return [own, *Path(f"/proc/{own}/task/{own}/children").read_text().split()]

    def watch_peak(self) -> float:
        """Let the kernel forget the peak of the process's memory. Return what it takes now, in megabytes."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        return self.peak()

    def peak(self) -> float:
        """Return the most memory in megabytes that the process took since `watch_peak`."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise LookupError("the kernel reports no VmHWM")

    def pss(self) -> float:
        """Proportional set size in megabytes: what it holds alone, and its share of what it shares."""
        for line in Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
        raise LookupError("the kernel reports no Pss")


@contextmanager
def started(
    arguments: Sequence[str | Path], *, cwd: Path = CHECKOUT, children: bool = False, **settings: str | Path
) -> Iterator[Server]:
    """Start a server, and yield it when it has written the address at which it takes requests."""
    with tempfile.TemporaryFile("w+b") as output:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            [str(one) for one in arguments],
            cwd=cwd,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            yield Server(process, _port(process, output), children)
        finally:
            end(process)


def _port(process: subprocess.Popen[bytes], output: Any) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        text = os.pread(output.fileno(), 65_536, 0).decode()
        found = _ADDRESS.search(text)
        if found and text.find("\n", found.end()) >= 0:
            return int(found[1])
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended: {text}")
        time.sleep(0.002)
    raise TimeoutError(f"{process.args!r} says no address")


def end(process: subprocess.Popen[Any]) -> None:
    """End one process."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def service(**settings: Any) -> Any:
    """Start the service, as `serve` runs it."""
    return started(command("serve", "--port", "0"), **QUIET, **settings)


def worker(kind: str, *numbers: int, **settings: Any) -> Any:
    """Start one of the servers of `tests.bench.worker`."""
    return started([sys.executable, "-m", "tests.bench.worker", kind, *map(str, numbers)], **QUIET, **settings)


def seconds_to_ready(data_dir: Path) -> float:
    """From the start of the process, with an embedded server and data there, to the first answer that it is ready."""
    begun = time.perf_counter()
    with service(FA_DATA_DIR=data_dir) as server:
        url = f"http://127.0.0.1:{server.port}/healthz/ready"
        with urllib.request.urlopen(url, timeout=START_SECONDS) as answer:
            assert answer.status == 200
        return time.perf_counter() - begun
