"""Removing events that are older than they are kept, from the beginning of the feed."""

from datetime import datetime, timedelta

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.settings import Settings

_BATCH = 1_000
# The first event that is left decides: what lies behind it stays, however old.
_HAS_EXPIRED = Read(
    text(
        """
        select true from (
            select created_at from outbox_events where tenant_id = :tenant_id and position is not null
            order by position limit 1
        ) first where first.created_at < :older_than
        """
    )
)
_PURGE = Read(text("select purge_events(:tenant_id, :older_than, :most) as purged"))


async def has_expired_events(tx: Tx, settings: Settings) -> bool:
    """Return whether the feed begins with events that are kept no longer."""
    return await tx.fetch_one(_HAS_EXPIRED, tenant_id=tx.tenant_id, older_than=_limit(tx, settings)) is not None


async def purge_events(tx: Tx, settings: Settings) -> int:
    """Remove some of the tenant's events that are kept no longer. Return how many, 0 when none is left."""
    row = await tx.fetch_one(_PURGE, tenant_id=tx.tenant_id, older_than=_limit(tx, settings), most=_BATCH)
    return 0 if row is None else row["purged"]


def _limit(tx: Tx, settings: Settings) -> datetime:
    return tx.now - timedelta(days=settings.event_days)
