"""The connections that a process holds: pools for transactions, for reads and for the bookkeeping of background work.

One more connection is for health, and one for the gauges of the metrics.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.db.base import now as real_clock
from app.db.clock import DatabaseClock
from app.db.connection import Connection
from app.db.failures import FailureLog
from app.db.health import HealthCheck
from app.db.pool import Pool
from app.db.statement_reports import OnStatement, report_sessions
from app.settings import Settings

_TRANSACTION_TIMEOUT_SERVER = (17,)
#: Claims, beats and ends of jobs are short, and must not wait behind requests.
_JOBS_POOL_SIZE = 3
_HEALTH_POOL_SIZE = 1
_GAUGES_CONNECTIONS = 1

#: A server notices within about half a minute that the network no longer reaches this process. Until then a session
#: that was in a transaction holds its locks, the row of an Idempotency-Key among them.
_DETECT_LOST_CLIENT = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
#: How many statements asyncpg and SQLAlchemy keep prepared: of any length, and for as long as the connection lives.
_KEEPS_STATEMENTS = {"statement_cache_size": 512, "max_cached_statement_lifetime": 0, "max_cacheable_statement_size": 0}
#: Behind a pooler that hands out a connection per transaction.
_KEEPS_NOTHING = {"statement_cache_size": 0}
_READS = {
    "default_transaction_read_only": "on",
    "plan_cache_mode": "force_generic_plan",
    # A generic plan expects a tenth of a large table where a page stops after fifty rows; starting other processes
    # for that takes ten times as long as reading the page.
    "max_parallel_workers_per_gather": "0",
}


@dataclass(slots=True)
class Database:
    """The engine and the pools of the app. The engine keeps no connection.

    Attributes:
        failures: the failures of the database that its users met.
    """

    engine: AsyncEngine
    reads: Pool
    writes: Pool
    jobs: Pool
    health: HealthCheck
    failures: FailureLog
    clock: DatabaseClock = field(default_factory=DatabaseClock)

    async def take_instant(self, connection: Connection, clock: Callable[[], datetime]) -> datetime:
        """Return the instant of a transaction that has begun.

        Args:
            clock: the app's. The database's counts in the place of the real one, which differs between replicas.
        """
        if clock is not real_clock:
            return clock()
        await self.clock.follow(connection)
        return self.clock.now(clock())

    async def close(self) -> None:
        """Give all connections back."""
        await self.reads.close()
        await self.writes.close()
        await self.jobs.close()
        await self.health.close()
        await self.engine.dispose()


class _Sessions:
    """Opens the sessions of the service, with the limits that the server enforces on its own.

    Args:
        role: the role to assume at log-in, or None to stay what the URL says.
        on_statement: is called after each statement, with a `Statement` or what asyncpg reports of it.
    """

    def __init__(self, settings: Settings, url: str, role: str | None, on_statement: OnStatement | None) -> None:
        self._settings = settings
        self._url = url
        self._role = role
        self._on_statement = on_statement
        self.is_pooled = settings.pooler == "transaction"
        self._milliseconds = int(settings.request_seconds * 1000)

    async def open(self, **more: str) -> Any:
        """Open an asyncpg connection.

        Args:
            more: settings of this session.
        """
        raw = await asyncpg.connect(
            self._url,
            timeout=self._settings.request_seconds,
            server_settings=self._server_settings(more),
            **(_KEEPS_NOTHING if self.is_pooled else _KEEPS_STATEMENTS),
        )
        try:
            if not self.is_pooled and raw.get_server_version() >= _TRANSACTION_TIMEOUT_SERVER:
                # No other limit ends a session whose client vanished between two messages of one statement. It is
                # longer than a request, so that the service gives up first and can say why.
                await raw.execute(f"set transaction_timeout = {self._milliseconds + 1000}")
            # JSON travels as text both ways: reads pass stored documents on without parsing them.
            if "default_transaction_read_only" in more:
                for kind in ("json", "jsonb"):
                    await raw.set_type_codec(kind, encoder=str, decoder=str, schema="pg_catalog", format="text")
        except BaseException:
            raw.terminate()
            raise
        if self._on_statement is not None:
            raw.add_query_logger(self._on_statement)
        return raw

    def _server_settings(self, more: Mapping[str, str]) -> dict[str, str]:
        # A transaction pooler does not pass start-up parameters on; there the login role itself carries them.
        if self.is_pooled:
            return {}
        chosen = {
            "application_name": "fa-readiness",
            "jit": "off",
            "statement_timeout": str(self._milliseconds),
            "lock_timeout": str(self._milliseconds // 2),
            "idle_in_transaction_session_timeout": str(self._milliseconds),
            "timezone": "UTC",
            **_DETECT_LOST_CLIENT,
            **more,
        }
        return {**chosen, "role": self._role} if self._role else chosen


def count_connections(settings: Settings) -> int:
    """Return how many connections a process opens at most, the one that reads gauges for metrics included."""
    return 2 * settings.pool_size + _JOBS_POOL_SIZE + _HEALTH_POOL_SIZE + _GAUGES_CONNECTIONS


#: Behind a pooler a prepared statement may meet another connection.
_POOLED: Final[dict[str, Any]] = {
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: f"fa_{uuid4().hex}",
}


def open_database(
    settings: Settings, url: str, *, role: str | None, on_statement: OnStatement | None = None
) -> Database:
    """Make the engine and the pools; nothing connects yet.

    Args:
        url: where the service logs in, as `postgresql://…`.
        role: the role to assume at log-in, or None to stay what the URL says.
        on_statement: is called after each statement, with a `Statement` or what asyncpg reports of it.
    """
    sessions = _Sessions(settings, url, role, on_statement)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=sessions.open,
        connect_args=_POOLED if sessions.is_pooled else {},
        poolclass=NullPool,
        hide_parameters=True,
    )
    if on_statement is not None:
        report_sessions(engine, on_statement)

    ways: dict[str, Any] = {"keeps_statements": not sessions.is_pooled, "on_statement": on_statement}

    async def connect_for_reads() -> Connection:
        return Connection(await sessions.open(**_READS), **ways)

    async def connect_for_writes() -> Connection:
        return await Connection.open(engine, **ways)

    async def connect_without_session() -> Connection:
        return Connection(await sessions.open(), **ways)

    failures = FailureLog()

    def pool(connect: Callable[[], Awaitable[Connection]], size: int) -> Pool:
        seconds = settings.request_seconds
        return Pool(connect, size=size, wait=settings.pool_seconds, seconds=seconds, failures=failures)

    return Database(
        engine,
        reads=pool(connect_for_reads, settings.pool_size),
        writes=pool(connect_for_writes, settings.pool_size),
        jobs=pool(connect_without_session, _JOBS_POOL_SIZE),
        health=HealthCheck(pool(connect_without_session, _HEALTH_POOL_SIZE)),
        failures=failures,
    )
