"""The server's process: its start, its end, and the folder of its socket."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.embedded_postgres.cluster import PID_FILE, PORT, Cluster, is_ready, postmaster_pid
from app.embedded_postgres.host import Account, EmbeddedPostgresError, ServerLog, environment

READY_SECONDS = 120.0
FAST_STOP_SECONDS = 20.0
IMMEDIATE_STOP_SECONDS = 10.0
SOCKET_PATH_BYTES = 103  # the least of the platforms' limits: macOS 103, Linux 107
_POLL_SECONDS = 0.01
_SOCKET = f".s.PGSQL.{PORT}"

# The shell leaves a watchdog and becomes PostgreSQL. The watchdog waits for the end of its input, a pipe only this
# service can write to, and asks for a fast shutdown. It stays in the process group it signals the leader of, so the
# number $$ cannot come to mean another process; a separate session keeps it from the terminal's Ctrl-C.
_WATCHED = """
exec 3<&0 </dev/null
( { read -r _ <&3; kill -INT $$; } 2>/dev/null & )
exec 3<&-
exec "$@"
"""


def launch(cluster: Cluster, socket_dir: Path, log: ServerLog, lock: int) -> subprocess.Popen[bytes]:
    """Start the server and wait until it takes connections.

    Args:
        lock: descriptor of the lock that the server's processes inherit.

    Raises:
        EmbeddedPostgresError: it does not start.
    """
    check_not_started_by_hand(cluster)
    # A killed server leaves these. PostgreSQL would take another process that got the same number for that server.
    (cluster.data / PID_FILE).unlink(missing_ok=True)
    _remove_socket(socket_dir)
    process = subprocess.Popen(  # noqa: S603 - our own script and command
        ["/bin/sh", "-c", _WATCHED, "postgres", *cluster.server_command(socket_dir)],
        stdin=subprocess.PIPE,
        stdout=log.descriptor,
        stderr=log.descriptor,
        env=environment(),
        cwd="/",
        umask=0o077,
        pass_fds=[lock],
        start_new_session=True,
        **cluster.account.process_user(),
    )
    try:
        _wait_until_ready(process, cluster, log)
    except BaseException:
        end(process)
        raise
    return process


def _wait_until_ready(process: subprocess.Popen[bytes], cluster: Cluster, log: ServerLog) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None:
        if postmaster_pid(cluster.data) == process.pid and is_ready(cluster.data):
            return
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(f"PostgreSQL was not ready within {READY_SECONDS:.0f} s: {log.complaint()}")
        time.sleep(_POLL_SECONDS)
    raise EmbeddedPostgresError(f"PostgreSQL failed to start in {cluster.data}: {log.complaint()}")


def end(process: subprocess.Popen[bytes]) -> None:
    """End the server: fast, else at once, else by force; and with the pipe its watchdog."""
    steps = ((signal.SIGINT, FAST_STOP_SECONDS), (signal.SIGQUIT, IMMEDIATE_STOP_SECONDS), (signal.SIGKILL, None))
    try:
        for ending, seconds in steps:
            process.send_signal(ending)
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                break
    finally:
        if process.stdin is not None:
            process.stdin.close()


def check_not_started_by_hand(cluster: Cluster) -> None:
    """Refuse a cluster on which somebody started a server by hand.

    Such a server does not hold our lock; its working folder is the cluster's.

    Raises:
        EmbeddedPostgresError: there is one.
    """
    pid = postmaster_pid(cluster.data)
    with suppress(OSError):
        if Path(f"/proc/{pid}/cwd").samefile(cluster.data):
            raise EmbeddedPostgresError(f"a PostgreSQL started by hand runs in {cluster.data} (pid {pid})")


@contextmanager
def socket_folder(place: Path, account: Account, data: Path) -> Iterator[Path]:
    """Make the folder of the socket at `place`, or in the temporary directory with `place` a link to it.

    Args:
        data: the cluster's data directory.
    """
    _remove_socket_folder(place, data)
    if _holds_a_socket(place):
        folder = place
        folder.mkdir(mode=0o700)
    else:
        folder = Path(tempfile.mkdtemp(prefix="fa-")).resolve()
        place.symlink_to(folder)
    try:
        account.own(folder)
        if not (_holds_a_socket(folder) and account.reaches([folder])):
            raise EmbeddedPostgresError(f"PostgreSQL's socket cannot lie in {folder}: set TMPDIR to another folder")
        yield folder
    finally:
        _remove_socket_folder(place, data)


def _holds_a_socket(folder: Path) -> bool:
    """Return whether a connection URL can name this folder: it is short, UTF-8 and without a comma."""
    name = str(folder / _SOCKET)
    return name.isprintable() and "," not in name and len(name.encode()) <= SOCKET_PATH_BYTES


def _remove_socket_folder(place: Path, data: Path) -> None:
    if not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
        return
    # After a restart of the machine another account may have made a folder of that name. And where the data directory
    # was copied, the link was copied too: its target is the folder of a server that may be running.
    folder = place.readlink()
    if _socket_owner(folder) in {None, data}:
        _remove_socket(folder)
        with suppress(OSError):
            folder.rmdir()
    place.unlink()


def _remove_socket(folder: Path) -> None:
    with suppress(OSError):
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            (folder / name).unlink(missing_ok=True)


def _socket_owner(folder: Path) -> Path | None:
    """Return the data directory of the server with a socket in a folder, from the socket's lock file."""
    try:
        lines = (folder / f"{_SOCKET}.lock").read_bytes().splitlines()
    except OSError:
        return None
    return Path(os.fsdecode(lines[1])) if len(lines) > 1 else None
