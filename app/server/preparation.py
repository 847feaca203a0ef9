"""Prepare the database before the service accepts requests: the schema, the role and a first tenant."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.schema.migrate import migrate
from app.demo.sandbox import refuse_in_public
from app.embedded_postgres.attach import owner_engine
from app.errors import OperatorError
from app.provisioning import DEMO_SLUG, create_tenant, list_tenants
from app.server import first_key
from app.server.first_key import FirstKey
from app.settings import Settings

FIRST_SLUG, FIRST_NAME = "main", "My agency"


@dataclass(frozen=True)
class Prepared:
    """Facts about the served database for the operator.

    Attributes:
        first_key: where the first admin key lies, while it works.
        warning: what is unsafe about the login, and what to do about it.
    """

    first_key: FirstKey | None
    warning: str | None


async def prepare(settings: Settings, notify: Callable[[str], None]) -> Prepared:
    """Migrate the database to this release, and create the first tenant if there is none.

    Args:
        settings: those of `provided`, with the database's logins filled in.
        notify: takes a line that says what the start waits for.

    Raises:
        OperatorError: the database cannot be served; nothing in it was changed by this start.
    """
    assert settings.owner_url is not None  # noqa: S101  # the provided settings name both logins
    warning: str | None = None

    async def check(owner: Any) -> None:
        nonlocal warning
        await _check_tenants(owner, settings)
        warning = await _login_warning(owner, settings)

    await migrate(
        settings.owner_url,
        settings.app_role,
        login_is_separate=settings.login_is_separate,
        service_url=settings.database_url if settings.login_is_separate else None,
        also_check=check,
        notify=notify,
    )
    folder = settings.data_dir.absolute()
    async with owner_engine(settings) as engine:
        if not await list_tenants(engine):
            await _make_first_tenant(engine, folder)
        return Prepared(await first_key.find_first_key(engine, folder), warning)


async def _check_tenants(owner: Any, settings: Settings) -> None:
    known = await owner.fetchval("select to_regclass('public.tenants') is not null")
    if known and await owner.fetchval("select true from tenants where slug = $1", DEMO_SLUG):
        refuse_in_public(settings)
    if not known or not await owner.fetchval("select true from tenants limit 1"):
        first_key.check_can_keep(settings.data_dir.absolute())


async def _login_warning(owner: Any, settings: Settings) -> str | None:
    if settings.login_is_separate:
        return None
    kind = await owner.fetchval("select rolsuper from pg_roles where rolname = current_user")
    return (
        f"FA_DATABASE_URL logs in as {'a superuser' if kind else 'the owner of the tables'}: a fault in the service "
        "could change or remove whatever that login can. Give the service a separate login: run "
        f"ALTER ROLE \"{settings.app_role}\" LOGIN PASSWORD '...'; set FA_DATABASE_URL to that login and "
        "FA_OWNER_DATABASE_URL to the present URL."
    )


async def _make_first_tenant(engine: AsyncEngine, folder: Path) -> None:
    written: list[str] = []

    def keep(key: str) -> None:
        written.append(key)
        first_key.keep(folder, key)

    try:
        await create_tenant(engine, slug=FIRST_SLUG, name=FIRST_NAME, before_commit=keep)
    except (OperatorError, IntegrityError):
        # Another process started at the same moment and was quicker.
        for key in written:
            first_key.discard(folder, key)
