"""Disable a connector without a caller: its creator lost the right to it, or the source refuses the secret."""

from uuid import UUID

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.integrations.connectors.models import ConnectorDisabledReason
from app.integrations.owned import disable_owned, disabling

_DISABLE = disabling("connectors")
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
    if await disable_owned(tx, _DISABLE, connector_id, reason, "connector.disabled"):
        await tx.fetch(_UNSCHEDULE, tenant_id=tx.tenant_id, id=connector_id)
