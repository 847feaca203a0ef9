"""Bringing a database to this release: the role that serves, the schema, and what that role may do with it."""

import asyncio
import importlib
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import exc

from app.db.base import metadata
from app.errors import OperatorError

_MODELS = (
    "app.tree.models",
    "app.events.models",
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


def folder() -> Path:
    """Where the migrations lie: beside `app` in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parents[2]
    beside, inside = package.parent / "migrations", package / "migrations"
    return inside if inside.is_dir() else beside


@cache
def revisions() -> list[str]:
    """The revisions this release knows, oldest first: a migration's file begins with its own."""
    found = sorted(path.name.partition("_")[0] for path in folder().glob("versions/[0-9]*_*.py"))
    if not found:
        raise OperatorError("The migrations are missing from this installation.")
    return found


def head() -> str:
    """The newest revision this release knows."""
    return revisions()[-1]


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
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            pass  # Another process made it at the same moment.
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
        await _upgrade(plain, connect, role)
    finally:
        await plain.close()
    return head()


async def _upgrade(plain: Any, connect: Any, role: str) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            current = await _current(plain)
            if current is not None and current not in revisions():
                raise OperatorError("The database was migrated by a newer release than this one.")
            if current != head():
                # Alembic is a tenth of the service's memory and of its start, and hardly ever needed.
                await importlib.import_module("app.db.schema.upgrade").upgrade(connect)
            async with plain.transaction():
                for line in _grants(role):
                    await plain.execute(line)
            return
        except (exc.DBAPIError, asyncpg.PostgresError):
            # Another process migrates at the same time, or a lock was not free: what it did is kept, try again.
            if attempt == _TRIES:
                raise
            await asyncio.sleep(attempt * 0.5)


async def _current(plain: Any) -> str | None:
    if not await plain.fetchval("select to_regclass('alembic_version') is not null"):
        return None
    revision: str | None = await plain.fetchval("select version_num from alembic_version")
    return revision
