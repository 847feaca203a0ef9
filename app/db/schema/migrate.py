"""Migrate a database to this release: the serving role, the schema, and the role's privileges."""

import asyncio
import importlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import exc

from app.db.schema.grants import missing_grants, wanted_rights
from app.db.schema.locks import Connect, LockWatch, Notify, watch_locks
from app.db.schema.preflight import Preflight, check
from app.db.schema.privileges import FUNCTIONS
from app.errors import OperatorError

_MODELS = (
    "app.tree.models",
    "app.events.models",
    "app.idempotency.models",
    "app.exports.models",
    "app.files.models",
    "app.jobs.models",
    "app.access.models",
    "app.programs.models",
    "app.access.oidc.models",
    "app.integrations.calendars.models",
    "app.integrations.webhooks.models",
    "app.people.models",
    "app.instruments.models",
    "app.metrics.models",
    "app.assessments.models",
    "app.action_items.models",
    "app.integrations.roster.models",
    "app.integrations.connectors.models",
    "app.integrations.scim.models",
)

_TRIES = 5
_LOCK_TIMEOUT = "5s"
_SESSION = {"application_name": "fa-readiness migrate"}
_LOCK_NOT_AVAILABLE = "55P03"


Check = Callable[[Any], Awaitable[None]]


def load_models() -> None:
    """Import every domain's tables, so that the metadata is whole."""
    for name in _MODELS:
        importlib.import_module(name)


def folder() -> Path:
    """Return the folder of the migrations: next to `app` in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parents[2]
    in_checkout, in_wheel = package.parent / "migrations", package / "migrations"
    return in_wheel if in_wheel.is_dir() else in_checkout


@cache
def revisions() -> list[str]:
    """Return the revisions of this release, oldest first, from the names of the migration files."""
    found = sorted(path.name.partition("_")[0] for path in folder().glob("versions/[0-9]*_*.py"))
    if not found:
        raise OperatorError("The migrations are missing from this installation.")
    return found


def head() -> str:
    """Return the newest revision this release knows."""
    return revisions()[-1]


async def _check_nothing_more(_owner: Any) -> None:
    pass


async def migrate(
    url: str,
    role: str,
    *,
    login_is_separate: bool = False,
    service_url: str | None = None,
    also_check: Check = _check_nothing_more,
    notify: Notify = logging.getLogger("fa").warning,
) -> str:
    """Create the serving role if it is missing, upgrade the schema to head, grant the role its work.

    Everything is checked before anything is changed. Where nothing has to change, nothing is locked. Safe to run from
    several processes at once.

    Args:
        url: the owner's login.
        role: the role that serves requests.
        login_is_separate: the role has a separate login, so the owner need not be its member.
        service_url: that login, to be checked as well.
        also_check: further checks on the owner's connection, before anything is changed.
        notify: takes a line that says what a lock is waited for.

    Returns:
        The revision reached.

    Raises:
        OperatorError: one line that says what the operator can do.
    """
    pids: set[int] = set()

    async def connect() -> Any:
        connection = await asyncpg.connect(url, timeout=10, server_settings=_SESSION)
        pids.add(connection.get_server_pid())
        return connection

    async with _opened(url) as owner, _opened(service_url) as service:
        pids.add(owner.get_server_pid())

        async def bring_to_head() -> None:
            async with _bounded(owner):
                found = await check(owner, service, role, revisions(), assumed=not login_is_separate)
                await also_check(owner)
            await _bring_to_head(owner, connect, role, found, assumed=not login_is_separate)

        async with watch_locks(lambda: asyncpg.connect(url, timeout=10), pids, notify) as watch:
            await _try(bring_to_head, watch)
    return head()


async def _try(work: Callable[[], Awaitable[None]], watch: LockWatch) -> None:
    """Do the work; again where another process migrates at the same time, or a lock was not free. Its work stays."""
    began = time.monotonic()
    for attempt in range(1, _TRIES + 1):
        try:
            await work()
        except (exc.DBAPIError, asyncpg.PostgresError) as refused:
            if attempt < _TRIES:
                await asyncio.sleep(attempt * 0.5)
            elif _is_lock_timeout(refused):
                raise OperatorError(
                    f"The database is locked: waited {time.monotonic() - began:.0f} s for a lock held by "
                    f"{watch.blockers or 'another session'}. End that transaction, or try again later."
                ) from None
            else:
                raise
        else:
            return


async def ensure_role(url: str, role: str, *, login_is_separate: bool, service_url: str | None) -> None:
    """Check the logins, on a database of any revision, and create the serving role where the owner is to assume it.

    Args:
        url: the owner's login.
        role: the role that serves requests.
        login_is_separate: the role has a separate login.
        service_url: that login.

    Raises:
        OperatorError: one line that says what the operator can do.
    """
    async with _opened(url) as owner, _opened(service_url) as service, _bounded(owner):
        found = await check(owner, service, role, None, assumed=not login_is_separate)
        if not login_is_separate:
            await _ensure_role(owner, role, found)


@asynccontextmanager
async def _opened(url: str | None) -> AsyncIterator[Any]:
    if url is None:
        yield None
        return
    try:
        connection = await asyncpg.connect(url, timeout=10, server_settings=_SESSION)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as refused:
        raise OperatorError(f"The database does not answer ({type(refused).__name__}: {refused}).") from None
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _bounded(connection: Any) -> AsyncIterator[None]:
    """Provide a transaction that does not wait long for a lock."""
    async with connection.transaction():
        await connection.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
        yield


async def _bring_to_head(owner: Any, connect: Connect, role: str, found: Preflight, *, assumed: bool) -> None:
    if assumed:
        async with _bounded(owner):
            await _ensure_role(owner, role, found)
    if found.revision != head():
        # Alembic is a tenth of the service's memory and of its start, and hardly ever needed.
        await importlib.import_module("app.db.schema.upgrade").upgrade(connect)
    async with _bounded(owner):
        load_models()
        for statement in await missing_grants(owner, role, wanted_rights(), FUNCTIONS):
            await owner.execute(statement)


async def _ensure_role(connection: Any, role: str, found: Preflight) -> None:
    if not found.role_exists:
        try:
            async with connection.transaction():
                await connection.execute(f'create role "{role}" nologin')
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            pass  # Another process made it at the same moment.
    if not found.is_assumable:
        await connection.execute(f'grant "{role}" to current_user')


def _is_lock_timeout(refused: Exception) -> bool:
    cause = refused.orig if isinstance(refused, exc.DBAPIError) else refused
    return getattr(cause, "sqlstate", None) == _LOCK_NOT_AVAILABLE
