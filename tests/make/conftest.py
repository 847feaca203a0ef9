"""A copy of the checkout for each test, so that a target may write; the outer run's settings do not reach it."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.processes import is_alive, open_folder, wait_for
from tests.support.services import environment
from tests.support.tools import ROOT, peers

LIMIT_SECONDS = 1_800.0
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "*.egg-info", "build", "dist")


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout that uses the environment of the original.

    Args:
        folder: the copy.
        data_dir: where the service that a target starts keeps its data.
    """

    folder: Path
    data_dir: Path

    def make(self, target: str, *variables: str) -> str:
        """Run a target to its end and return its output; a target that fails fails the test."""
        done = subprocess.run(  # noqa: S603 - our own Makefile
            self._command(target, *variables),
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-20_000:]
        return done.stdout

    @contextmanager
    def serving(self, target: str) -> Iterator[str]:
        """Yield the address of the service that a target starts on a free port; it ends with the context."""
        with tempfile.TemporaryFile("w+b") as output:
            process = subprocess.Popen(  # noqa: S603 - our own Makefile
                self._command(target, "ARGS=--port 0"),
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                yield _address(process, output.fileno())
            finally:
                process.terminate()
                process.wait(LIMIT_SECONDS)
                self._wait_for_the_database()

    @staticmethod
    def _command(target: str, *variables: str) -> list[str]:
        make = shutil.which("make")
        assert make is not None
        return [make, "--no-print-directory", target, *variables]

    def _environment(self) -> dict[str, str]:
        # Make hands its command line to what it starts: PYTEST_ARGS of the outer run would select tests of the inner.
        outer = ("MAKE", "MFLAGS", "PYTEST_")
        settings = environment(FA_DATA_DIR=self.data_dir, FA_DRAIN_SECONDS="0")
        return {name: value for name, value in settings.items() if not name.startswith(outer)}

    def _wait_for_the_database(self) -> None:
        pid_file = self.data_dir / "postgres" / "data" / "postmaster.pid"
        if pid_file.exists():
            postmaster = int(pid_file.read_text().split()[0])
            wait_for(lambda: not is_alive(postmaster), LIMIT_SECONDS)


def _address(process: subprocess.Popen[bytes], output: int) -> str:
    deadline = time.monotonic() + LIMIT_SECONDS
    while True:
        text = os.pread(output, 1_000_000, 0).decode()
        lines = [line for line in text.splitlines(keepends=True) if " takes requests at " in line]
        if lines and lines[0].endswith("\n"):
            return lines[0].split()[-1]
        assert process.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(0.05)


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    """A fresh copy; `.venv` in it is a link, which the Makefile uses as it is."""
    with open_folder() as folder:
        copy = folder / "checkout"
        shutil.copytree(ROOT, copy, ignore=_NOT_COPIED)
        (copy / ".venv").symlink_to(ROOT / ".venv")
        yield Checkout(copy, folder / "data")


@pytest.fixture
def checkout_with_peers(checkout: Checkout) -> Checkout:
    """A copy with the environment of what the service is compared with, which a second run finds installed."""
    (checkout.folder / ".fa-bench").mkdir()
    (checkout.folder / ".fa-bench" / "peers").symlink_to(peers())
    return checkout
