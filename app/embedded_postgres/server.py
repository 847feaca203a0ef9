"""The embedded PostgreSQL: a server under the data directory, for when no other one is given.

It listens on a unix socket only, lets in only the account this service runs as, and ends with this process in
whatever way the process ends. Its owner is the process that calls `start`: with several workers that is their
supervisor. A child that is forked and does not exec keeps the server, and the lock on the data directory, alive as
long as it lives.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from types import TracebackType
from typing import Self
from urllib.parse import quote

from app.embedded_postgres.cluster import APP, DATABASE, OWNER, PORT, Cluster
from app.embedded_postgres.host import (
    EmbeddedPostgresError,
    ServerLog,
    choose_account,
    find_programs,
    major_version,
    make_folder,
    reachable_programs,
    service_name,
)
from app.embedded_postgres.location import check_identity, choose_home, record_identity
from app.embedded_postgres.locks import ServerLock, sole_owner
from app.embedded_postgres.process import check_not_started_by_hand, end, launch, socket_folder

__all__ = ["EmbeddedAddress", "EmbeddedPostgresError", "EmbeddedServer"]


@dataclass(frozen=True)
class EmbeddedAddress:
    """Where the server listens."""

    socket_dir: Path
    port: int
    database: str

    def url(self, role: str) -> str:
        """Return the URL for one role, as asyncpg, libpq and SQLAlchemy read it."""
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
        self._site: _Site | None = None
        self._process: Popen[bytes] | None = None

    def start(self) -> EmbeddedAddress:
        """Start the server and bring its roles and database into place.

        Raises:
            EmbeddedPostgresError: with one line that says why it cannot run.
        """
        with ExitStack() as undo, _one_line(self.data_dir):
            self._site = self._open_site(undo)
            undo.callback(self._end)
            self._process = self._site.launch()
            self._site.cluster.provision(self._site.socket_dir)
            self._address = EmbeddedAddress(self._site.socket_dir, PORT, DATABASE)
            self._undo = undo.pop_all()
        return self._address

    def restart(self) -> None:
        """Start the server again, at the same address, after it has ended by itself.

        Raises:
            EmbeddedPostgresError: with one line that says why it cannot run.
        """
        if self._site is None:
            raise RuntimeError("the embedded PostgreSQL was not started")
        with _one_line(self.data_dir):
            self._end()
            self._site.lock.acquire()
            self._process = self._site.launch()

    def stop(self) -> None:
        """Shut the server down and let go of the data directory; nothing happens if it is not running."""
        self._undo.close()
        self._site = self._address = None

    def _end(self) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None

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

    @property
    def exit_status(self) -> int | None:
        """How the postmaster ended by itself, as `subprocess` counts: None while it runs, negative for a signal."""
        return None if self._process is None else self._process.poll()

    def _open_site(self, undo: ExitStack) -> "_Site":
        service, account, programs = service_name(), choose_account(), find_programs(self._bin_dir)
        self.data_dir.mkdir(mode=0o700 if account.is_ours else 0o711, parents=True, exist_ok=True)
        data_dir = self.data_dir.resolve()
        undo.enter_context(sole_owner(data_dir))
        log = ServerLog(data_dir / "postgres.log")
        undo.callback(log.close)
        home = choose_home(data_dir, account)
        base = home / "postgres"
        check_identity(data_dir, base / "data")
        if not base.exists():
            make_folder(base, 0o711)
        lock = ServerLock(base)
        undo.callback(lock.release)
        lock.acquire()
        programs = reachable_programs(programs, account=account, home=home)
        cluster = Cluster(base, programs, major_version(programs), account)
        cluster.create_or_check(log, lock.descriptor)
        record_identity(data_dir, cluster.data)
        cluster.write_access_rules(service)
        check_not_started_by_hand(cluster)
        socket_dir = undo.enter_context(socket_folder(base / "run", account, cluster.data))
        return _Site(cluster, socket_dir, log, lock)


@dataclass(frozen=True)
class _Site:
    """What one server process after the other runs on."""

    cluster: Cluster
    socket_dir: Path
    log: ServerLog
    lock: ServerLock

    def launch(self) -> Popen[bytes]:
        return launch(self.cluster, self.socket_dir, self.log, self.lock.descriptor)


@contextmanager
def _one_line(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        detail = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise EmbeddedPostgresError(f"the embedded PostgreSQL cannot run in {data_dir}: {detail}") from error
