"""Which database a command works on: the given one, that of the service running here, or a new embedded one."""

import fcntl
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.db.schema.migrate import head
from app.embedded_postgres.cluster import APP, DATABASE, OWNER, PORT
from app.embedded_postgres.location import LOCATION
from app.embedded_postgres.server import EmbeddedAddress, EmbeddedServer
from app.embedded_postgres.supervision import supervised
from app.errors import OperatorError
from app.settings import Settings

_STARTING_SECONDS = 15.0
_POLL_SECONDS = 0.05
_COMMAND_SECONDS = 60.0


@contextmanager
def provided(settings: Settings, *, attach: bool) -> Iterator[Settings]:
    """Provide the settings with both logins filled in, and the database they name running as long as the context lasts.

    Args:
        attach: use the embedded server of a running service, where there is one. Otherwise the caller is a service,
            is refused where another one runs, and has its embedded server restarted when that ends by itself.

    Raises:
        EmbeddedPostgresError: the embedded server cannot run.
    """
    if settings.database_url is not None:
        yield settings
        return
    address = attached(settings.data_dir) if attach else None
    if address is not None:
        yield _with_logins(settings, address)
        return
    with EmbeddedServer(settings.data_dir, bin_dir=settings.postgres_bin) as server, ExitStack() as stack:
        if not attach:
            stack.enter_context(supervised(server))
        yield _with_logins(settings, server.address)


def attached(data_dir: Path, *, seconds: float = _STARTING_SECONDS) -> EmbeddedAddress | None:
    """Return where the service that holds this data directory runs its embedded server; None if no service holds it.

    Args:
        seconds: how long a service that is still starting is waited for.
    """
    deadline = time.monotonic() + seconds
    while _is_held(data_dir / "postgres.lock") and time.monotonic() < deadline:
        folder = (_home(data_dir) / "postgres" / "run").resolve()
        if _answers(folder / f".s.PGSQL.{PORT}"):
            return EmbeddedAddress(folder, PORT, DATABASE)
        time.sleep(_POLL_SECONDS)
    return None


@asynccontextmanager
async def owner_engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Provide an engine for a few statements as the owner, who makes tenants and keys."""
    url = settings.owner_url
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(url, timeout=10, command_timeout=_COMMAND_SECONDS),
        poolclass=NullPool,
        hide_parameters=True,
    )
    try:
        yield engine
    finally:
        await engine.dispose()


async def check_revision(engine: AsyncEngine) -> None:
    """Refuse a database that is not at this release's revision.

    Raises:
        OperatorError: with the command that brings it there.
    """
    async with engine.connect() as connection:
        made = await connection.scalar(text("select to_regclass('alembic_version') is not null"))
        if made and await connection.scalar(text("select version_num from alembic_version")) == head():
            return
    raise OperatorError("The database's schema is not this release's; run fa-readiness migrate.")


def _with_logins(settings: Settings, address: EmbeddedAddress) -> Settings:
    return settings.model_copy(
        update={"database_url": address.url(APP), "owner_database_url": address.url(OWNER), "app_role": APP}
    )


def _is_held(lock: Path) -> bool:
    # The holder writes its pid. An empty file has no holder; locking it could disturb a service that is starting.
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        if not os.pread(descriptor, 1, 0):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _home(data_dir: Path) -> Path:
    with suppress(FileNotFoundError):
        return Path(os.fsdecode((data_dir / LOCATION).read_bytes().strip()))
    return data_dir


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.settimeout(1)
        probe.connect(str(path))
        return True
    return False
