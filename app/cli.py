"""The command ``fa-readiness``: thin, and calling the same services as the routes."""

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import typer
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import __version__, cli_audit, cli_connectors, cli_import
from app.access import keys as key_service
from app.access.models import ApiKey
from app.backup.contents import look
from app.backup.programs import client_environment, find_clients
from app.backup.run import BackupReport, backup, restore
from app.cli_parsers import checked, parse_expiry, parse_grant, parse_network
from app.cli_sign_in import identities, providers
from app.cli_support import (
    PLAIN,
    AsJson,
    TenantSlug,
    as_owner,
    in_tenant,
    migrate,
    notify,
    show,
    show_all,
)
from app.db.transaction import Tx
from app.embedded_postgres.attach import provided
from app.embedded_postgres.server import EmbeddedPostgresError
from app.errors import AppError, OperatorError
from app.importing import rare_garbage_collection
from app.provisioning import create_tenant, list_tenants
from app.schemas import Name, TimeZone
from app.settings import Settings, load_settings
from app.tree.models import OrganizationKind

# As a shell's: a program that cannot be run, and one ended by a signal.
_NOT_RUN, _SIGNALED = 127, 128

commands = typer.Typer(help="Facilitative administration readiness: the service and its operation.", **PLAIN)
tenants = typer.Typer(help="Make and list tenants.", **PLAIN)
keys = typer.Typer(help="Make, list, rotate and revoke API keys.", **PLAIN)
commands.add_typer(tenants, name="tenants")
commands.add_typer(keys, name="keys")
commands.add_typer(cli_audit.commands, name="audit")
commands.add_typer(cli_import.commands, name="import")
commands.add_typer(cli_connectors.commands, name="connectors")
commands.add_typer(providers, name="identity-providers")
commands.add_typer(identities, name="identities")


def main() -> None:
    """Run the command line; a failure the operator can mend is one line and exit status 1."""
    try:
        commands(prog_name="fa-readiness")
    except (OperatorError, EmbeddedPostgresError) as refused:
        line = str(refused)
    except TimeoutError:
        line = "The database did not answer in time."
    except OSError as refused:
        line = f"{refused.strerror}: {refused.filename}" if refused.strerror and refused.filename else str(refused)
    except AppError as refused:
        line = refused.detail
    except DBAPIError as refused:
        # The whole message would repeat the statement's parameters, secrets among them.
        line = f"The database refused this: {str(refused.orig).partition(chr(10))[0]}"
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as refused:
        line = f"The database did not do this ({type(refused).__name__})."
    typer.echo(f"fa-readiness: {' '.join(line.split())}", err=True)
    sys.exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fa-readiness {__version__}")
        raise typer.Exit


@commands.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


@commands.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Instead of FA_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Instead of FA_PORT; 0 takes a free one.")] = None,
) -> None:
    """Run the service, on an embedded PostgreSQL unless FA_DATABASE_URL names another."""
    with rare_garbage_collection():
        from app.server.run import serve as run_service  # noqa: PLC0415  # only this needs the web framework: a second

    chosen = {"host": host, "port": port}
    run_service(load_settings(**{name: value for name, value in chosen.items() if value is not None}))


@commands.command()
def worker() -> None:
    """Run background work, without serving requests, until SIGINT or SIGTERM."""
    with rare_garbage_collection():
        from app.server.background import run_worker  # noqa: PLC0415  # as above

    run_worker(load_settings())


@commands.command("migrate")
def migrate_command() -> None:
    """Bring the database to this release and print its revision."""
    with provided(load_settings(), attach=True) as settings:
        typer.echo(asyncio.run(migrate(settings)))


@commands.command()
def openapi(output: Annotated[Path | None, typer.Option(help="Write to this file.")] = None) -> None:
    """Print the OpenAPI document; no database is needed."""
    from app.main import create_app  # noqa: PLC0415  # as above

    app = create_app(Settings.model_construct(docs=False), database_url="postgresql://nowhere/none")
    text = json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


@commands.command("with-database")
def with_database(program: Annotated[list[str], typer.Argument(help="What to run, after a --.")]) -> None:
    """Run a program, psql for one, that finds the database and the programs that suit it.

    FA_DATABASE_URL, FA_OWNER_DATABASE_URL and the variables of libpq (PGHOST, PGDATABASE and so on, with the owner's
    login) are set, and PostgreSQL's client programs come first on PATH. The exit status is the program's.
    """
    with provided(load_settings(), attach=True) as settings:
        try:
            done = subprocess.run(program, env=_environment(settings), check=False)  # noqa: S603 - as asked
        except (FileNotFoundError, PermissionError) as refused:
            typer.echo(f"fa-readiness: {program[0]} cannot be run: {refused.strerror}.", err=True)
            raise typer.Exit(_NOT_RUN) from None
        raise typer.Exit(done.returncode if done.returncode >= 0 else _SIGNALED - done.returncode)


def _environment(settings: Settings) -> dict[str, str]:
    assert settings.database_url is not None and settings.owner_url is not None  # noqa: S101  # provided
    contents = asyncio.run(look(settings.owner_url))
    programs = None
    with suppress(OperatorError):  # The program may need none of PostgreSQL's.
        programs = find_clients(settings.postgres_bin, contents.server_major)
    return client_environment(settings.owner_url, programs) | {
        "FA_DATABASE_URL": settings.database_url,
        "FA_OWNER_DATABASE_URL": settings.owner_url,
        "FA_APP_ROLE": settings.app_role,
    }


@commands.command("backup")
def make_backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")], as_json: AsJson = False
) -> None:
    """Write a backup of the database: a custom-format archive of pg_dump. The service may go on running."""
    with provided(load_settings(), attach=True) as settings:
        show(_reported(backup(settings, file.absolute())), as_json)


@commands.command("restore")
def restore_backup(
    file: Annotated[Path, typer.Argument(help="What fa-readiness backup wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Remove the tenants that the database holds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fill the database from a backup, all or nothing, and bring it to this release."""
    with provided(load_settings(), attach=True) as settings:
        show(_reported(restore(settings, file.absolute(), replace=replace, notify=notify)), as_json)


def _reported(report: BackupReport) -> dict[str, Any]:
    return {
        "file": str(report.file),
        "bytes": report.size,
        "revision": report.revision,
        "tenants": report.tenants,
    }


@commands.command()
def demo(as_json: AsJson = False) -> None:
    """Create the sandbox, unless it exists: a tenant of sample data with public keys."""
    from app.demo import make, sandbox  # noqa: PLC0415  # as above

    settings = load_settings()
    sandbox.refuse_in_public(settings)
    made = as_owner(lambda engine: make.make_demo(engine, settings.demo_date))
    if as_json:
        typer.echo(json.dumps(made.as_json_object()))
    else:
        typer.echo("\n".join(made.summary_lines()))


@tenants.command("create")
def tenants_create(
    slug: Annotated[str, typer.Option(help="Lower-case letters, digits and inner hyphens; unique.")],
    name: Annotated[str, typer.Option(help="The tenant's name, and its root's.", callback=checked(Name))],
    kind: Annotated[OrganizationKind, typer.Option(help="What its root is.")] = OrganizationKind.AGENCY,
    timezone: Annotated[str, typer.Option(help="The root's time zone.", callback=checked(TimeZone))] = "UTC",
    as_json: AsJson = False,
) -> None:
    """Make a tenant: its root organization, its copies of what ships, and its first admin key."""

    async def work(engine: AsyncEngine) -> dict[str, Any]:
        tenant, root, key = await create_tenant(engine, slug=slug, name=name, root_kind=kind, timezone=timezone)
        return {"id": str(tenant.id), "slug": tenant.slug, "root_id": str(root.id), "key": key}

    show(as_owner(work), as_json)


@tenants.command("list")
def tenants_list(as_json: AsJson = False) -> None:
    """List the tenants, oldest first."""

    async def work(engine: AsyncEngine) -> list[dict[str, Any]]:
        return [
            {"id": str(tenant.id), "slug": tenant.slug, "root_id": str(root_id), "name": tenant.name}
            for tenant, root_id in await list_tenants(engine)
        ]

    show_all(as_owner(work), as_json)


@keys.command("create")
def keys_create(
    *,
    tenant: TenantSlug,
    name: Annotated[str, typer.Option(help="Who or what will hold it.", callback=checked(Name))],
    role: Annotated[
        list[Any],
        typer.Option(parser=parse_grant, metavar="ROLE[@ORGANIZATION-ID]", help="Repeatable; without @: on the root."),
    ],
    expires_on: Annotated[
        Any, typer.Option(parser=parse_expiry, metavar="DATE", help="The last day it works (UTC), or an instant.")
    ] = None,
    network: Annotated[
        list[Any] | None,
        typer.Option(
            parser=parse_network, metavar="NETWORK", help="Repeatable; where it may be used from. None: everywhere."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key; it is shown once."""

    async def work(tx: Tx, root_id: UUID) -> dict[str, Any]:
        grants = list(dict.fromkeys((granted, at or root_id) for granted, at in role))
        key_id, key = await key_service.create_key(
            tx, name=name, grants=grants, expires_at=expires_on, networks=network or ()
        )
        return {"id": str(key_id), "key": key}

    if expires_on is not None and expires_on <= datetime.now(UTC):
        raise typer.BadParameter("this has passed already", param_hint="--expires-on")
    show(in_tenant(tenant, work), as_json)


@keys.command("list")
def keys_list(tenant: TenantSlug, as_json: AsJson = False) -> None:
    """List a tenant's keys, oldest first; the keys themselves are not stored."""

    async def work(tx: Tx, _root_id: UUID) -> list[dict[str, Any]]:
        return [
            {
                **_described(key),
                "name": key.name or principal.name,
                "grants": [f"{grant.role.value}@{grant.organization_id}" for grant in grants],
            }
            for key, principal, grants in await key_service.list_keys(tx)
        ]

    show_all(in_tenant(tenant, work), as_json)


@keys.command("rotate")
def keys_rotate(
    tenant: TenantSlug,
    key_id: UUID,
    overlap_hours: Annotated[
        int, typer.Option(min=0, max=720, help="How long the present secret still works; 0 ends it at once.")
    ] = 24,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret, which is shown once."""

    async def work(tx: Tx, _root_id: UUID) -> dict[str, Any]:
        rotated, key = await key_service.rotate_key(tx, key_id, timedelta(hours=overlap_hours))
        return {"id": str(rotated.id), "key": key}

    show(in_tenant(tenant, work), as_json)


@keys.command("revoke")
def keys_revoke(tenant: TenantSlug, key_id: UUID, as_json: AsJson = False) -> None:
    """Revoke a key; it stops working within a second."""

    async def work(tx: Tx, _root_id: UUID) -> dict[str, Any]:
        return _described(await key_service.revoke_key(tx, key_id))

    show(in_tenant(tenant, work), as_json)


def _described(key: ApiKey) -> dict[str, Any]:
    moments = {
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }
    return {"id": str(key.id), **{name: at.astimezone(UTC).isoformat() if at else None for name, at in moments.items()}}
