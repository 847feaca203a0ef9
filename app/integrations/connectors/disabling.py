"""Disable a connector without a caller: its creator lost the right to it, or the source refuses the secret."""

from uuid import UUID

from sqlalchemy import Text, bindparam, text

from app.db.statement import Read
from app.db.transaction import Tx
from app.events.record import record_event
from app.integrations.connectors.models import ConnectorDisabledReason

_DISABLE = Read(
    text(
        """
        update connectors
        set enabled = false, disabled_reason = :reason, disabled_at = :now, version = version + 1,
            updated_at = greatest(:now, updated_at + interval '1 microsecond')
        where tenant_id = :tenant_id and id = :id and enabled
        returning organization_id
        """
    ).bindparams(bindparam("reason", type_=Text()))
)
_UNSCHEDULE = Read(
    text(
        """
        update connector_states set next_run_at = null
        where tenant_id = :tenant_id and connector_id = :id and next_run_at is not null
        """
    )
)


async def disable(tx: Tx, connector_id: UUID, reason: ConnectorDisabledReason) -> None:
    """Disable a connector that is enabled, and record the event that says so."""
    row = await tx.fetch_one(_DISABLE, tenant_id=tx.tenant_id, id=connector_id, reason=reason.value, now=tx.now)
    if row is not None:
        await tx.fetch(_UNSCHEDULE, tenant_id=tx.tenant_id, id=connector_id)
        organization_id = UUID(int=row["organization_id"].int)
        record_event(
            tx, "connector.disabled", connector_id, organization_id=organization_id, data={"reason": reason.value}
        )
