"""The commands that run connectors and show what came of it."""

from typing import Annotated, Any
from uuid import UUID

import typer
from sqlalchemy import text

from app.cli_support import PLAIN, AsJson, TenantSlug, in_tenant, show, show_all
from app.db.statement import Read, Row, from_json
from app.db.transaction import Tx
from app.integrations.connectors.running import PULL_PEOPLE
from app.integrations.connectors.schemas import ConnectorRunCreate
from app.integrations.connectors.service import start_as_operator

commands = typer.Typer(help="Run connectors, and see what came of it.", **PLAIN)

_STATUS = Read(
    text(
        """
        select c.id, c.name, c.enabled, c.disabled_reason, s.watermark, s.succeeded_at, s.next_run_at,
               j.state as last_run, j.outcome -> 'failure' ->> 'code' as last_failure, r.dry_run as last_was_dry,
               j.outcome -> 'counts' as last_counts
        from connectors c
            join connector_states s on s.tenant_id = c.tenant_id and s.connector_id = c.id
            left join lateral (
                select r.id, r.dry_run from connector_runs r where r.tenant_id = c.tenant_id and r.connector_id = c.id
                order by r.id desc limit 1
            ) r on true
            left join jobs j on j.tenant_id = c.tenant_id and j.id = r.id
        where c.tenant_id = :tenant_id order by c.id
        """
    )
)


@commands.command()
def run(
    *,
    connector: Annotated[UUID, typer.Argument(help="Id of the connector.")],
    tenant: TenantSlug,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count, and change nothing.")] = False,
    whole: Annotated[bool, typer.Option("--whole", help="Read everything, and not only what changed.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Believe a system that ends many employments.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start a run of a connector. The service runs it, with the rights of the connector's creator."""

    async def work(tx: Tx, _root_id: UUID) -> dict[str, Any]:
        body = ConnectorRunCreate(dry_run=dry_run, whole=whole, force=force)
        return {"run_id": str(await start_as_operator(tx, PULL_PEOPLE, connector, body))}

    show(in_tenant(tenant, work), as_json)


@commands.command()
def status(tenant: TenantSlug, as_json: AsJson = False) -> None:
    """List a tenant's connectors, how far each has come, and what came of its last run."""

    async def work(tx: Tx, _root_id: UUID) -> list[dict[str, Any]]:
        return [_present(row, as_json) for row in await tx.fetch(_STATUS, tenant_id=tx.tenant_id)]

    show_all(in_tenant(tenant, work), as_json)


def _present(row: Row, as_json: bool) -> dict[str, Any]:
    """Return the cells of a connector. The counts are an object in JSON, and a text such as ``read 3`` elsewhere."""
    counts: dict[str, int] = from_json(row["last_counts"]) or {}
    cells = {name: _shown(value) for name, value in row.items()}
    return {**cells, "last_counts": counts if as_json else [f"{name} {count}" for name, count in counts.items()]}


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else str(value)
