"""Runs the real command in separate processes, and ends each of them by its id."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import app
from tests.support.processes import is_alive, wait_for

CHECKOUT = Path(app.__file__).parents[1]
START_SECONDS = 300.0


@dataclass
class Service:
    """A running `fa-readiness serve`."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    announcement: str
    log: Path
    err: Path

    @property
    def address(self) -> str:
        [line] = [line for line in self.announcement.splitlines() if " takes requests at " in line]
        return line.rpartition(" ")[2]

    @property
    def operations(self) -> str:
        """The address of the operations listener."""
        [line] = [line for line in self.announcement.splitlines() if line.startswith("  operations ")]
        return line.split()[1].removesuffix("/metrics")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def key(self) -> str:
        """The first admin key, from its file."""
        return (self.data_dir / "first-admin-key").read_text().strip()

    @property
    def postmaster(self) -> int:
        return int((self.data_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])

    def end(self, ending: signal.Signals) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(ending)
        return self.process.wait(300)


#: Settings that turn off the limits of requests.
WITHOUT_LIMITS: dict[str, Any] = {"rate_per_principal": 0, "rate_per_address": 0, "failures_per_address": 0}


#: An address that the service never connects to: the run of a connector that no test serves fails at once.
NOWHERE = "http://10.0.0.1/{company}"


def environment(**settings: str | Path) -> dict[str, str]:
    """This process's environment with these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FA_")}
    if kept.pop("PYTHONDONTWRITEBYTECODE", None):
        # Where no bytecode may be written next to the sources, each process would compile them again.
        kept["PYTHONPYCACHEPREFIX"] = compiled()
    # All callers of a test share an address, and answers are compared whole.
    kept |= {f"FA_{name.upper()}": "0" for name in WITHOUT_LIMITS} | {"FA_BAMBOOHR_URL": NOWHERE}
    return kept | {name: str(value) for name, value in settings.items()}


@cache
def compiled() -> str:
    folder = tempfile.mkdtemp(prefix="fa-test-compiled-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app", *arguments]


def begin(*arguments: str, **settings: str | Path) -> subprocess.Popen[str]:
    """Start a command."""
    return subprocess.Popen(  # noqa: S603 - our own command
        command(*arguments),
        cwd=CHECKOUT,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(begun: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a command's end: its exit status, and what it said on stdout and stderr."""
    try:
        out, err = begun.communicate(timeout=START_SECONDS)
    finally:
        begun.kill()
    return begun.returncode, out, err


def run(*arguments: str, **settings: str | Path) -> tuple[int, str, str]:
    """Run a command to its end."""
    return finish(begin(*arguments, **settings))


@contextmanager
def serving(data_dir: Path, port: int = 0, **settings: str | Path) -> Iterator[Service]:
    """Yield a service on a port, by default a free one; ready when the context begins and gone when it ends."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 - our own command
                command("serve", "--port", str(port)),
                cwd=CHECKOUT,
                env=environment(**{"FA_DATA_DIR": data_dir, "FA_DRAIN_SECONDS": "0", **settings}),
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        try:
            deadline = time.monotonic() + START_SECONDS
            while "/healthz/ready" not in err.read_text():
                assert process.poll() is None, err.read_text()
                assert time.monotonic() < deadline, err.read_text()
                time.sleep(0.02)
            time.sleep(0.05)
            yield Service(process, data_dir, err.read_text(), out, err)
        finally:
            pid_file = data_dir / "postgres" / "data" / "postmaster.pid"
            postmaster = int(pid_file.read_text().split()[0]) if pid_file.exists() else None
            process.kill()
            process.wait()
            if postmaster is not None:
                wait_for(lambda: not is_alive(postmaster))
