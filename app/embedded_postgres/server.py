"""The embedded PostgreSQL: a server of our own under the data directory, for when no other one is given.

It listens on a unix socket only, lets in only the account this service runs as, and ends with this process in
whatever way the process ends. Its owner is the process that calls `start`: with several workers that is their
supervisor. A child that is forked and does not exec keeps the server, and the lock on the data directory, alive as
long as it lives.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from app.embedded_postgres.cluster import APP, DATABASE, OWNER, PID_FILE, PORT, Cluster, is_ready, postmaster_pid
from app.embedded_postgres.host import (
    Account,
    EmbeddedPostgresError,
    ServerLog,
    choose_account,
    choose_home,
    environment,
    find_programs,
    major_version,
    make_folder,
    reachable_programs,
    service_name,
)

__all__ = ["EmbeddedAddress", "EmbeddedPostgresError", "EmbeddedServer"]

PREDECESSOR_SECONDS = 30.0
READY_SECONDS = 120.0
FAST_STOP_SECONDS = 20.0
IMMEDIATE_STOP_SECONDS = 10.0
POLL_SECONDS = 0.01
SOCKET_PATH_BYTES = 103  # the least of the platforms' limits: macOS 103, Linux 107

# The shell leaves a watchdog and becomes PostgreSQL. The watchdog waits for the end of its input, a pipe only this
# service can write to, and asks for a fast shutdown. It stays in the process group it signals the leader of, so the
# number $$ cannot come to mean another process; a session of its own keeps it from the terminal's Ctrl-C.
_WATCHED = """
exec 3<&0 </dev/null
( { read -r _ <&3; kill -INT $$; } 2>/dev/null & )
exec 3<&-
exec "$@"
"""


@dataclass(frozen=True)
class EmbeddedAddress:
    """Where the server listens."""

    socket_dir: Path
    port: int
    database: str

    def url(self, role: str) -> str:
        """Address for one role, as asyncpg, libpq and SQLAlchemy read it."""
        return f"postgresql://{role}@/{self.database}?host={quote(str(self.socket_dir), safe='')}&port={self.port}"


class EmbeddedServer:
    """One PostgreSQL server on one data directory.

    Args:
        data_dir: folder that holds the database, its lock and its log; made if missing.
        bin_dir: programs of an installed PostgreSQL to use instead of the wheel's.
    """

    def __init__(self, data_dir: Path, *, bin_dir: Path | None = None) -> None:
        self.data_dir = data_dir
        self._bin_dir = bin_dir
        self._undo = ExitStack()
        self._address: EmbeddedAddress | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> EmbeddedAddress:
        """Start the server and bring its roles and database into place.

        Raises:
            EmbeddedPostgresError: with one line that says why it cannot run.
        """
        with ExitStack() as undo:
            try:
                self._process, self._address = self._start(undo)
            except OSError as error:
                detail = f"{error.filename}: {error.strerror}" if error.filename else str(error)
                raise EmbeddedPostgresError(
                    f"the embedded PostgreSQL cannot run in {self.data_dir}: {detail}"
                ) from error
            self._undo = undo.pop_all()
        return self._address

    def stop(self) -> None:
        """Shut the server down and let go of the data directory; nothing happens if it is not running."""
        self._process = self._address = None
        self._undo.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def address(self) -> EmbeddedAddress:
        if self._address is None:
            raise RuntimeError("the embedded PostgreSQL is not running")
        return self._address

    @property
    def owner_url(self) -> str:
        """Address for the role that owns the database: migrations, backup."""
        return self.address.url(OWNER)

    @property
    def app_url(self) -> str:
        """Address for the role requests run as: neither owner nor superuser."""
        return self.address.url(APP)

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster, None when it is not running."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def _start(self, undo: ExitStack) -> tuple[subprocess.Popen[bytes], EmbeddedAddress]:
        service, account, programs = service_name(), choose_account(), find_programs(self._bin_dir)
        self.data_dir.mkdir(mode=0o700 if account.is_ours else 0o711, parents=True, exist_ok=True)
        data_dir = self.data_dir.resolve()
        undo.enter_context(_sole_owner(data_dir))
        log = ServerLog(data_dir / "postgres.log")
        undo.callback(log.close)
        home = choose_home(data_dir, account)
        base = home / "postgres"
        if not base.exists():
            make_folder(base, 0o711)
        lock = undo.enter_context(_predecessor_gone(base))
        programs = reachable_programs(programs, account=account, home=home)
        cluster = Cluster(base, programs, major_version(programs), account)
        cluster.create_or_check(log, lock)
        cluster.write_access_rules(service)
        _remove_stale_pid_file(cluster)
        socket_dir = undo.enter_context(_socket_folder(base / "run", account))
        process = undo.enter_context(_running(cluster, socket_dir, log, lock))
        cluster.provision(socket_dir)
        return process, EmbeddedAddress(socket_dir, PORT, DATABASE)


@contextmanager
def _sole_owner(data_dir: Path) -> Iterator[None]:
    """Hold the data directory; its lock file tells the pid of the holder."""
    with _open_lock(data_dir / "postgres.lock") as lock:
        if not _try_lock(lock):
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
            raise EmbeddedPostgresError(
                f"the data directory {data_dir} is in use by another instance" + (f" (pid {holder})" if holder else "")
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(lock, 0)


@contextmanager
def _predecessor_gone(base: Path) -> Iterator[int]:
    """Wait for every process of a former server and yield the descriptor of their lock, for the next one to inherit."""
    with _open_lock(base / "server.lock") as lock:
        deadline = time.monotonic() + PREDECESSOR_SECONDS
        while not _try_lock(lock):
            if time.monotonic() > deadline:
                pid = postmaster_pid(base / "data") or "unknown"
                raise EmbeddedPostgresError(
                    f"the former PostgreSQL in {base} (pid {pid}) is still there after {PREDECESSOR_SECONDS:.0f} s: "
                    "try again, or end it"
                )
            time.sleep(POLL_SECONDS)
        yield lock


@contextmanager
def _open_lock(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_stale_pid_file(cluster: Cluster) -> None:
    """Remove what a killed server left; PostgreSQL itself would take a process that got the same number for it.

    A server that somebody started on this cluster by hand does not hold our lock: it is told by its working folder.
    """
    pid = postmaster_pid(cluster.data)
    with suppress(OSError):
        if Path(f"/proc/{pid}/cwd").samefile(cluster.data):
            raise EmbeddedPostgresError(f"a PostgreSQL started by hand runs in {cluster.data} (pid {pid})")
    (cluster.data / PID_FILE).unlink(missing_ok=True)


@contextmanager
def _socket_folder(place: Path, account: Account) -> Iterator[Path]:
    """Make the folder of the socket at `place`, or in the temporary directory with `place` a link to it."""
    _remove_socket_folder(place)
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
        _remove_socket_folder(place)


def _holds_a_socket(folder: Path) -> bool:
    """Whether clients can be told this folder: short, without the comma that separates hosts, written in UTF-8."""
    name = str(folder / f".s.PGSQL.{PORT}")
    return name.isprintable() and "," not in name and len(name.encode()) <= SOCKET_PATH_BYTES


def _remove_socket_folder(place: Path) -> None:
    if not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
        return
    # After a restart of the machine somebody else may have made a folder of that name: only our two files go.
    folder = place.readlink()
    with suppress(OSError):
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()
    place.unlink()


@contextmanager
def _running(cluster: Cluster, socket_dir: Path, log: ServerLog, lock: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server, from ready to ended."""
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
        yield process
    finally:
        _end(process)


def _wait_until_ready(process: subprocess.Popen[bytes], cluster: Cluster, log: ServerLog) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None:
        if postmaster_pid(cluster.data) == process.pid and is_ready(cluster.data):
            return
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(f"PostgreSQL was not ready within {READY_SECONDS:.0f} s: {log.complaint()}")
        time.sleep(POLL_SECONDS)
    raise EmbeddedPostgresError(f"PostgreSQL failed to start in {cluster.data}: {log.complaint()}")


def _end(process: subprocess.Popen[bytes]) -> None:
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
