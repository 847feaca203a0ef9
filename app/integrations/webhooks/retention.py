"""Removing attempts from the log that are older than they are kept."""

from datetime import timedelta

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.settings import Settings

_BATCH = 1_000
_HAS_EXPIRED = Read(
    text("select true from webhook_deliveries where tenant_id = :tenant_id and created_at < :older_than limit 1")
)
_DELETE = Read(
    text(
        """
        delete from webhook_deliveries where tenant_id = :tenant_id and id in (
            select id from webhook_deliveries where tenant_id = :tenant_id and created_at < :older_than
            limit :most
        )
        returning true
        """
    )
)


async def has_expired_deliveries(tx: Tx, settings: Settings) -> bool:
    """Return whether the tenant has attempts that are kept no longer."""
    return await tx.fetch_one(_HAS_EXPIRED, **_limits(tx, settings)) is not None


async def delete_deliveries(tx: Tx, settings: Settings) -> int:
    """Delete some of the tenant's attempts that are kept no longer. Return how many, 0 when none is left."""
    return len(await tx.fetch(_DELETE, **_limits(tx, settings), most=_BATCH))


def _limits(tx: Tx, settings: Settings) -> dict[str, object]:
    return {"tenant_id": tx.tenant_id, "older_than": tx.now - timedelta(days=settings.webhook_log_days)}
