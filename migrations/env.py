"""Runs migrations over asyncpg, on the connection that `app.db.schema.migrate` opened or the settings name."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.sql.sqltypes import AutoString

from app.db.base import metadata
from app.db.schema.migrate import load_models
from app.errors import OperatorError
from app.settings import load_settings

load_models()
config = context.config
BOUNDS = ("set local lock_timeout = '5s'", "set local statement_timeout = '10min'")


def render_item(kind: str, obj: object, _autogenerate_context: object) -> str | bool:
    """Write SQLModel's string type as the plain SQLAlchemy type it is."""
    if kind == "type" and isinstance(obj, AutoString):
        return f"sa.String(length={obj.length})" if obj.length else "sa.String()"
    return False


def run(connection: Connection) -> None:
    """Migrate over an open connection; DDL that waits for a lock gives up instead of stopping the service."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=render_item,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        for bound in BOUNDS:
            connection.exec_driver_sql(bound)
        context.run_migrations()


async def run_online() -> None:
    """Connect as the settings say: for the alembic command while developing."""
    url = load_settings().owner_url
    if url is None:
        raise OperatorError("Set FA_DATABASE_URL for the alembic command.")
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=pool.NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


def run_offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        for bound in BOUNDS:
            context.execute(bound)
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
elif (connection := config.attributes.get("connection")) is not None:
    run(connection)
else:
    asyncio.run(run_online())
