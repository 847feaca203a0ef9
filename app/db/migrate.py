"""Bringing a database to this release: the role that serves, the schema, and what that role may do with it."""

import asyncio
import importlib
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, exc, pool
from sqlalchemy.ext.asyncio import create_async_engine

from app.db.base import metadata
from app.errors import OperatorError

_MODELS = (
    "app.tree.models",
    "app.outbox.models",
    "app.http.models",
    "app.access.models",
    "app.programs.models",
    "app.people.models",
    "app.instruments.models",
    "app.assessments.models",
    "app.action_items.models",
)

#: Tables whose rows, once written, are never changed or removed by the service itself.
APPEND_ONLY = frozenset(
    {
        "action_item_changes",
        "action_item_notes",
        "assessment_changes",
        "audit_events",
        "drivers",
        "instrument_versions",
        "instruments",
        "organization_moves",
        "outbox_events",
        "principals",
        "scoring_profiles",
        "stage_changes",
    }
)
#: Tables the service only reads: tenants are made on the command line, by the owner.
READ_ONLY = frozenset({"tenants", "alembic_version"})

_TRIES = 5


def load_models() -> None:
    """Import every domain's tables, so that the metadata is whole."""
    for name in _MODELS:
        importlib.import_module(name)


def configuration() -> Config:
    """Alembic's configuration, wherever the migrations lie: beside `app` in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent.parent
    beside, inside = package.parent / "migrations", package / "migrations"
    config = Config()
    config.set_main_option("script_location", str(inside if inside.is_dir() else beside).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def head() -> str:
    """The newest revision this release knows."""
    revision = ScriptDirectory.from_config(configuration()).get_current_head()
    if revision is None:
        raise OperatorError("The migrations are missing from this installation.")
    return revision


def _grants(role: str) -> list[str]:
    load_models()
    lines = [f'grant usage on schema public to "{role}"', f'revoke create on schema public from "{role}"']
    for table in [*metadata.tables, "alembic_version"]:
        if table in READ_ONLY:
            allowed = "select"
        elif table in APPEND_ONLY:
            allowed = "select, insert"
        else:
            allowed = "select, insert, update, delete"
        lines.append(f'revoke all on table "{table}" from "{role}"')
        lines.append(f'grant {allowed} on table "{table}" to "{role}"')
    return lines


async def _ensure_role(connection: Any, role: str) -> None:
    known = await connection.fetchval("select true from pg_roles where rolname = $1", role)
    if not known:
        try:
            await connection.execute(f'create role "{role}" nologin')
        except asyncpg.DuplicateObjectError:
            pass
        except asyncpg.InsufficientPrivilegeError:
            raise OperatorError(
                f'The role "{role}" is missing and this login may not create it. '
                f'Ask the server\'s administrator for: CREATE ROLE "{role}" NOLOGIN; GRANT "{role}" TO CURRENT_USER;'
            ) from None
    member = await connection.fetchval("select pg_has_role(current_user, $1, 'MEMBER')", role)
    if not member:
        try:
            await connection.execute(f'grant "{role}" to current_user')
        except asyncpg.InsufficientPrivilegeError:
            raise OperatorError(
                f'This login may not work as "{role}". Ask the administrator for: GRANT "{role}" TO your login;'
            ) from None


async def migrate(url: str, role: str, *, login_is_separate: bool = False) -> str:
    """Create the serving role if it is missing, upgrade the schema to head, grant the role its work.

    Args:
        url: the owner's login.
        role: the role that serves requests.
        login_is_separate: the role has a login of its own, so the owner need not be its member.

    Returns:
        The revision reached. Safe to run from several processes at once.

    Raises:
        OperatorError: one line that says what the operator can do.
    """

    async def connect() -> Any:
        return await asyncpg.connect(url, timeout=10)

    try:
        plain = await connect()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as refused:
        raise OperatorError(f"The database does not answer ({type(refused).__name__}: {refused}).") from None
    try:
        if plain.get_server_version() < (15,):
            raise OperatorError("PostgreSQL 15 or newer is required.")
        if not login_is_separate:
            await _ensure_role(plain, role)
        await _upgrade(connect, role)
    finally:
        await plain.close()
    return head()


async def _upgrade(connect: Any, role: str) -> None:
    config = configuration()
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=pool.NullPool)

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        current = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if current is not None and current not in known:
            raise OperatorError("The database was migrated by a newer release than this one.")
        if current != head():
            command.upgrade(config, "head")
        for line in _grants(role):
            connection.exec_driver_sql(line)

    try:
        for attempt in range(1, _TRIES + 1):
            try:
                async with engine.begin() as connection:
                    await connection.run_sync(run)
                return
            except exc.DBAPIError:
                # Another process migrates at the same time, or a lock was not free: what it did is kept, try again.
                if attempt == _TRIES:
                    raise
                await asyncio.sleep(attempt * 0.5)
    finally:
        await engine.dispose()
