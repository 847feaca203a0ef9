"""The processes of the benchmark: started here, watched by their ids, ended by their ids."""

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.place import CHECKOUT
from tests.start.services import command, environment

START_SECONDS = 60.0
#: Nobody logs a line a request: neither the service nor what it is compared with.
QUIET = {"FA_LOG_LEVEL": "warning"}
_ADDRESS = re.compile(r"://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Server:
    """A server on a loopback port.

    Args:
        children: it hands requests to processes of its own.
    """

    process: subprocess.Popen[bytes]
    port: int
    children: bool = False

    def cpu(self) -> float:
        """CPU seconds of all its threads so far."""
        total = 0
        for pid in self._pids():
            for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with suppress(OSError):
                    total += int(thread.read_text().split()[0])
        return total / 1e9

    def _pids(self) -> list[str]:
        own = str(self.process.pid)
        if not self.children:
            return [own]
        return [own, *Path(f"/proc/{own}/task/{own}/children").read_text().split()]

    def pss(self) -> float:
        """Proportional set size in megabytes: what it holds alone, and its share of what it shares."""
        for line in Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
        raise LookupError("the kernel tells no Pss")


@contextmanager
def started(
    arguments: Sequence[str | Path], *, cwd: Path = CHECKOUT, children: bool = False, **settings: str | Path
) -> Iterator[Server]:
    """A server that says, in what it writes, at which address it takes requests."""
    with tempfile.TemporaryFile("w+b") as told:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            [str(one) for one in arguments],
            cwd=cwd,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
        )
        try:
            yield Server(process, _port(process, told), children)
        finally:
            end(process)


def _port(process: subprocess.Popen[bytes], told: Any) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        text = os.pread(told.fileno(), 65_536, 0).decode()
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


def service(**settings: str | Path) -> Any:
    """The service, as `serve` runs it."""
    return started(command("serve", "--port", "0"), **QUIET, **settings)


def worker(kind: str, argument: int, **settings: str | Path) -> Any:
    """One of the servers of `tests.bench.worker`."""
    return started([sys.executable, "-m", "tests.bench.worker", kind, str(argument)], **QUIET, **settings)


def seconds_to_ready(data_dir: Path) -> float:
    """From the start of the process, with an embedded server and data there, to the first answer that it is ready."""
    begun = time.perf_counter()
    with service(FA_DATA_DIR=data_dir) as server:
        url = f"http://127.0.0.1:{server.port}/healthz/ready"
        with urllib.request.urlopen(url, timeout=START_SECONDS) as answer:
            assert answer.status == 200
        return time.perf_counter() - begun


@dataclass(frozen=True)
class Target:
    """Requests to one server, taken in turn.

    Args:
        body: of a POST; `{unique}` in the headers becomes another text with every request.
        status: of every answer, or the measurement is void.
    """

    server: Server
    paths: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    status: int = 200

    def job(self) -> dict[str, Any]:
        """The job for the load generator."""
        return {
            "port": self.server.port,
            "method": "GET" if self.body is None else "POST",
            "paths": list(self.paths),
            "headers": dict(self.headers),
            "body": self.body or "",
            "status": self.status,
            "unique": secrets.token_hex(8),
        }


@dataclass(frozen=True)
class Load:
    """How hard a server is asked."""

    connections: int = 8
    seconds: float = 1.0
    warm: float = 0.3


@dataclass(frozen=True)
class Sample:
    """What one measurement told.

    Args:
        rate: answers a second.
        cpu_us: the server's CPU microseconds an answer; not known of pgbench.
        busy: the share of the time the load generator was busy.
    """

    rate: float
    p50_ms: float
    p99_ms: float | None = None
    cpu_us: float | None = None
    busy: float = 0


class Generator:
    """The load generator's process."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load"],
            cwd=CHECKOUT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Generator":
        return self

    def __exit__(self, *_: object) -> None:
        end(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def at(self, target: Target) -> Callable[[], Sample]:
        """What asks this target for a while."""
        return lambda: self.drive(target)

    def drive(self, target: Target) -> Sample:
        """Ask a server for a while.

        Raises:
            RuntimeError: an answer was not what it should be.
        """
        load = self.load
        job = target.job() | {"connections": load.connections, "seconds": load.seconds, "warm": load.warm}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        before = target.server.cpu()
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        if told.get("error") or told["failures"] or not told["rate"]:
            raise RuntimeError(f"{target.paths[0]}: {told}")
        cpu = (target.server.cpu() - before) / told["requests"] * 1e6
        return Sample(told["rate"], told["p50_ms"], told["p99_ms"], cpu, told["busy"])
