"""The commands that check the audit trail."""

from typing import Any
from uuid import UUID

import typer

from app.cli_support import PLAIN, AsJson, TenantSlug, in_tenant, show
from app.db.transaction import Tx
from app.events.chain import Verification, verify_chain

commands = typer.Typer(help="Check the audit trail.", **PLAIN)


@commands.callback()
def _root() -> None:
    pass


@commands.command()
def verify(tenant: TenantSlug, as_json: AsJson = False) -> None:
    """Check that no sealed row was altered, and name the first one that was. The exit status is then 1."""

    async def work(tx: Tx, _root_id: UUID) -> list[Verification]:
        return [await verify_chain(tx, tx.tenant_id, hidden=hidden) for hidden in (False, True)]

    found = in_tenant(tenant, work)
    for name, one in zip(("audit trail", "rows about votes"), found, strict=True):
        show(_described(name, one), as_json)
    if any(one.reason is not None for one in found):
        raise typer.Exit(1)


def _described(name: str, found: Verification) -> dict[str, Any]:
    return {
        "chain": name,
        "intact": found.reason is None,
        "rows": found.rows,
        "head": found.head.hex(),
        "altered_sequence": found.altered,
        "altered_id": None if found.altered_id is None else str(found.altered_id),
        "reason": found.reason,
    }
