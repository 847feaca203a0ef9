"""What the commands share: the database as its owner, a transaction of one tenant, and how results are printed."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.schema.migrate import migrate as migrate_database
from app.db.transaction import Tx
from app.embedded_postgres.attach import check_revision, owner_engine, provided
from app.errors import OperatorError
from app.provisioning import list_tenants, operators_transaction
from app.settings import Settings, load_settings

Result = TypeVar("Result")

# Tracebacks with local variables would print secrets.
PLAIN: dict[str, Any] = {"no_args_is_help": True, "pretty_exceptions_enable": False, "add_completion": False}
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TenantSlug = Annotated[str, typer.Option("--tenant", help="The tenant's slug.")]


def notify(line: str) -> None:
    """Print a line for the operator, apart from the output."""
    typer.echo(f"fa-readiness: {line}", err=True)


async def migrate(settings: Settings) -> str:
    """Bring the database to this release and return its revision."""
    assert settings.owner_url is not None  # noqa: S101  # the provided settings name it
    return await migrate_database(
        settings.owner_url,
        settings.app_role,
        login_is_separate=settings.login_is_separate,
        service_url=settings.database_url if settings.login_is_separate else None,
        notify=notify,
    )


def as_owner(work: Callable[[AsyncEngine], Awaitable[Result]]) -> Result:
    """Run some work as the owner of the database: the embedded one is ours to migrate, a given one is not."""
    asked = load_settings()

    async def run(settings: Settings) -> Result:
        if asked.database_url is None:
            await migrate(settings)
        async with owner_engine(settings) as engine:
            await check_revision(engine)
            return await work(engine)

    with provided(asked, attach=True) as settings:
        return asyncio.run(run(settings))


def in_tenant(slug: str, work: Callable[[Tx, UUID], Awaitable[Result]]) -> Result:
    """Run work in one transaction of a tenant. It gets the transaction and the id of the tenant's root."""

    async def run(engine: AsyncEngine) -> Result:
        found = [(tenant.id, root_id) for tenant, root_id in await list_tenants(engine) if tenant.slug == slug]
        if not found:
            raise OperatorError("There is no tenant with this slug.")
        [(tenant_id, root_id)] = found
        async with operators_transaction(engine, tenant_id) as tx:
            return await work(tx, root_id)

    return as_owner(run)


def show(one: dict[str, Any], as_json: bool) -> None:
    """Print one thing."""
    # Never through a table: it would break a key in two on a narrow terminal.
    if as_json:
        typer.echo(json.dumps(one))
        return
    for name, value in one.items():
        if value is not None:
            typer.echo(f"{name.replace('_', ' '):<10} {_cell(value)}")
    if "key" in one and sys.stdout.isatty():
        typer.echo("The key is not stored and cannot be shown again.")


def show_all(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Print a list as a table, or line by line where the output is no terminal."""
    if as_json:
        typer.echo(json.dumps(rows))
        return
    cells = [[_cell(value) for value in row.values()] for row in rows]
    if not sys.stdout.isatty():
        for line in cells:
            typer.echo("\t".join(line))
        return
    lines = [[name.replace("_", " ") for name in rows[0]], *cells] if rows else []
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(value) if isinstance(value, list) else str(value)
