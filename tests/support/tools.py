"""Programs that no package of the tests' environment brings: those of the machine, or installed by the usual means.

What was installed stays where a second run finds it. In CI everything can be had, or the test fails; elsewhere a test
whose tools cannot be had says so and is skipped.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
NODE_PROJECT = ROOT / "tests" / "contract"
CLIENT_LOCK = NODE_PROJECT / "python-client.lock"
CLIENT_ENVIRONMENT = ROOT / ".venv-clients"
INSTALL_SECONDS = 600

#: Nothing of these programs speaks to anybody but the registry they install from.
QUIET = {
    "NO_UPDATE_NOTIFIER": "1",
    "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
    "REDOCLY_TELEMETRY": "off",
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "npm_config_ignore_scripts": "true",
    "npm_config_update_notifier": "false",
}


def run(
    command: Sequence[str | Path],
    *,
    seconds: float = INSTALL_SECONDS,
    cwd: Path = ROOT,
    errors: int = subprocess.STDOUT,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end.

    Args:
        errors: where its standard error goes: by default to its standard output, with ``PIPE`` apart from it.
    """
    return subprocess.run(  # noqa: S603 - programs named by the tests
        command,
        cwd=cwd,
        env=os.environ | QUIET | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        timeout=seconds,
        check=False,
    )


@cache
def chromium() -> str:
    """Return the browser."""
    return from_debian("chromium", "chromium")


@cache
def node_modules() -> Path:
    """Return the folder of the locked npm packages."""
    from_debian("nodejs", "node")
    npm = from_debian("npm", "npm")
    folder = NODE_PROJECT / "node_modules"
    with _installing(folder, NODE_PROJECT / "package-lock.json") as needed:
        if needed:
            _install([npm, "ci", "--prefix", NODE_PROJECT], "the npm packages")
    return folder


@cache
def client_python() -> Path:
    """Return the interpreter of the environment that generates the Python client and runs it."""
    python = CLIENT_ENVIRONMENT / "bin" / "python"
    with _installing(CLIENT_ENVIRONMENT, CLIENT_LOCK) as needed:
        if needed:
            what = "the Python client's environment"
            pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            _install([sys.executable, "-m", "venv", "--clear", CLIENT_ENVIRONMENT], what)
            _install([*pip, "--require-hashes", "--no-deps", "--requirement", CLIENT_LOCK], what)
    return python


@cache
def peers() -> Path:
    """Return the environment of what the benchmark compares the service with, made as `make bench-peers` makes it."""
    folder = ROOT / ".fa-bench" / "peers"
    with _alone():
        _install(["make", str((folder / ".made").relative_to(ROOT))], "what the benchmark compares with")
    return folder


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time look and install, as the tests run in several."""
    with (ROOT / ".venv-clients.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def _installing(folder: Path, lock: Path) -> Iterator[bool]:
    """Yield whether a folder has yet to be filled with what a lock file says."""
    mark, wanted = folder / ".lock-sha256", hashlib.sha256(lock.read_bytes()).hexdigest()
    with _alone():
        needed = not mark.exists() or mark.read_text() != wanted
        yield needed
        if needed:
            mark.write_text(wanted)


def _install(command: Sequence[str | Path], what: str) -> None:
    done = run(command)
    if done.returncode != 0:
        _unavailable(f"{what} cannot be installed here:\n{done.stdout[-2000:]}")


def from_debian(package: str, program: str) -> str:
    """Return a program of a Debian package. A missing one is installed where possible."""
    with _alone():
        if shutil.which(program) is None and shutil.which("apt-get") and os.geteuid() == 0:
            run(["apt-get", "update", "--quiet"])
            command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", package]
            run(command, DEBIAN_FRONTEND="noninteractive")
    return shutil.which(program) or _unavailable(f"{program} is not installed and cannot be installed here")


def _unavailable(why: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)
