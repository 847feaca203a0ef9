"""The two ways to the database: a pool of connections for transactions, and one for hot reads."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.db.statement import ReadPool
from app.db.writes import WritePool
from app.errors import OperatorError
from app.settings import Settings

MINIMUM_SERVER = 150_000


@dataclass(slots=True)
class Database:
    """What the app holds of the database; the engine keeps no connection."""

    engine: AsyncEngine
    reads: ReadPool
    writes: WritePool

    async def close(self) -> None:
        """Give all connections back."""
        await self.reads.close()
        await self.writes.close()
        await self.engine.dispose()


def _session_settings(settings: Settings, role: str | None, **more: str) -> dict[str, str]:
    # A transaction pooler does not pass start-up parameters on; there the login role itself carries them.
    if settings.pooler == "transaction":
        return {}
    milliseconds = str(int(settings.request_seconds * 1000))
    chosen = {
        "application_name": "fa-readiness",
        "jit": "off",
        "statement_timeout": milliseconds,
        "lock_timeout": str(int(settings.request_seconds * 500)),
        "idle_in_transaction_session_timeout": milliseconds,
        "timezone": "UTC",
        **more,
    }
    return {**chosen, "role": role} if role else chosen


async def _set_up(connection: Any) -> None:
    # JSON travels as text both ways: hot reads pass stored documents on without parsing them.
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=str, decoder=str, schema="pg_catalog", format="text")


def open_database(settings: Settings, url: str, *, role: str | None) -> Database:
    """Make the engine and both pools; nothing connects yet.

    Args:
        url: where the service logs in, as `postgresql://…`.
        role: the role to assume at log-in, or None to stay what the URL says.
    """
    pooled = settings.pooler == "transaction"
    caches: dict[str, Any] = {"statement_cache_size": 0} if pooled else {}
    names: dict[str, Any] = (
        {"prepared_statement_cache_size": 0, "prepared_statement_name_func": lambda: f"fa_{uuid4().hex}"}
        if pooled
        else {}
    )

    async def connect_for_writes() -> Any:
        return await asyncpg.connect(
            url,
            timeout=settings.request_seconds,
            server_settings=_session_settings(settings, role),
            **caches,
        )

    async def connect_for_reads() -> Any:
        connection = await asyncpg.connect(
            url,
            timeout=settings.request_seconds,
            server_settings=_session_settings(
                settings,
                role,
                default_transaction_read_only="on",
                plan_cache_mode="force_generic_plan",
                # A generic plan expects a tenth of a large table where a page stops after fifty rows; starting other
                # processes for that takes ten times as long as reading the page.
                max_parallel_workers_per_gather="0",
            ),
            **caches,
        )
        await _set_up(connection)
        return connection

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect_for_writes,
        connect_args=names,
        poolclass=NullPool,
        hide_parameters=True,
    )
    reads = ReadPool(
        connect_for_reads,
        size=settings.pool_size,
        wait=settings.pool_seconds,
        deadline=settings.request_seconds,
        prepares=not pooled,
    )
    writes = WritePool(engine, size=settings.pool_size, wait=settings.pool_seconds, prepares=not pooled)
    return Database(engine, reads, writes)


_ROLE_FACTS = """
select current_setting('server_version_num')::int as version,
       r.rolsuper or r.rolbypassrls as above_the_rules,
       exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where n.nspname = 'public' and c.relkind = 'r' and pg_has_role(r.oid, c.relowner, 'USAGE')) as owner
from pg_roles r where r.rolname = current_user
"""


async def check_role(url: str, *, role: str | None) -> None:
    """Refuse a server that is too old, and a role that stands above the rules.

    Raises:
        OperatorError: one line that says what to do.
    """
    try:
        connection = await asyncpg.connect(url, timeout=10, server_settings={"role": role} if role else {})
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as refused:
        raise OperatorError(f"The database does not answer ({type(refused).__name__}: {refused}).") from None
    try:
        facts = await connection.fetchrow(_ROLE_FACTS)
    finally:
        await connection.close()
    if facts["version"] < MINIMUM_SERVER:
        raise OperatorError("PostgreSQL 15 or newer is required.")
    if facts["above_the_rules"] or facts["owner"]:
        raise OperatorError(
            "The service must not work as a superuser or as the owner of its tables: "
            "give FA_DATABASE_URL a role of its own and FA_OWNER_DATABASE_URL the owner's."
        )
