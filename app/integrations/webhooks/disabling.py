"""Disable a webhook without a caller: its endpoint is gone or fails, or its creator lost the right to it."""

from uuid import UUID

from app.db.transaction import Tx
from app.integrations.owned import disable_owned, disabling
from app.integrations.webhooks.models import DisabledReason

_DISABLE = disabling("webhooks", "(cast(:url as text) is null or url = cast(:url as text))")


async def disable(tx: Tx, webhook_id: UUID, reason: DisabledReason, *, url: str | None = None) -> None:
    """Disable a webhook that is enabled, and record the event that says so.

    Args:
        url: only if it still sends there.
    """
    await disable_owned(tx, _DISABLE, webhook_id, reason, "webhook.disabled", url=url)
