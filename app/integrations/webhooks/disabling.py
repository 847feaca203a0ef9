"""Disable a webhook without a caller: its endpoint is gone or fails, or its creator lost the right to it."""

from uuid import UUID

from sqlalchemy import Text, bindparam, text

from app.db.statement import Read
from app.db.transaction import Tx
from app.events.record import record_event
from app.integrations.webhooks.models import DisabledReason

_DISABLE = Read(
    text(
        """
        update webhooks
        set enabled = false, disabled_reason = :reason, disabled_at = :now, version = version + 1,
            updated_at = greatest(:now, updated_at + interval '1 microsecond')
        where tenant_id = :tenant_id and id = :id and enabled and (cast(:url as text) is null or url = :url)
        returning organization_id
        """
    ).bindparams(bindparam("reason", type_=Text()), bindparam("url", type_=Text()))
)


async def disable(tx: Tx, webhook_id: UUID, reason: DisabledReason, *, url: str | None = None) -> None:
    """Disable a webhook that is enabled, and record the event that says so.

    Args:
        url: only if it still sends there.
    """
    values = {"id": webhook_id, "reason": reason.value, "url": url, "now": tx.now}
    row = await tx.fetch_one(_DISABLE, tenant_id=tx.tenant_id, **values)
    if row is not None:
        organization_id = UUID(int=row["organization_id"].int)
        record_event(tx, "webhook.disabled", webhook_id, organization_id=organization_id, data={"reason": reason.value})
