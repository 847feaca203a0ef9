"""The rows of the audit trail about exports: who, which list, the names of the filters, and how many items."""

from typing import Any
from uuid import UUID

from app.db.transaction import Tx
from app.events.record import record_event
from app.exports.lists import ListAddress
from app.http.client_address import client_address
from app.http.context import RequestContext

#: The ballot of a seat: how many votes it holds says whether somebody has voted.
_UNCOUNTED = frozenset({"listVotes"})


def describe(address: ListAddress, export_format: str) -> dict[str, Any]:
    """Return what an audit row says of an export. The values of the filters may be personal, so they are left out."""
    said: dict[str, Any] = {"list": address.path, "filters": address.filter_names, "format": export_format}
    return said if address.source is None else {**said, "source": address.source}


def describe_rows(address: ListAddress, rows: int) -> dict[str, Any]:
    """Return what an audit row says of the length of an export."""
    return {} if address.operation in _UNCOUNTED else {"rows": rows}


async def record_export(context: RequestContext, action: str, export_id: UUID, data: dict[str, Any]) -> None:
    """Record something about an export in a short transaction of its own."""
    state = context.app_state
    async with state.database.writes.transaction(context.tenant_id) as connection:
        now = await state.take_instant(connection)
        tx = Tx(connection, context.principal, now, context.scope["request_id"])
        tx.operation = context.scope["route"].operation_id
        tx.source_address = client_address(context.scope, state.settings)
        record_event(tx, action, export_id, data=data)
        await tx.flush()
        await connection.commit()
