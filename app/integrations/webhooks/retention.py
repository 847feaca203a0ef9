"""Removing attempts from the log: those that are older than they are kept, and those of deleted webhooks."""

from datetime import timedelta

from sqlalchemy import BigInteger, bindparam, text

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
_HAS_LEFTOVERS = Read(text("select true from webhook_leftovers where tenant_id = :tenant_id limit 1"))
_DELETE_LEFTOVERS = Read(
    text(
        """
        with leftover as (
            select webhook_id from webhook_leftovers where tenant_id = :tenant_id order by webhook_id limit 1
        ),
        batch as (
            select d.id from webhook_deliveries d join leftover l on l.webhook_id = d.webhook_id
            where d.tenant_id = :tenant_id order by d.id limit :most
        ),
        deleted as (
            delete from webhook_deliveries d using batch b where d.tenant_id = :tenant_id and d.id = b.id
        ),
        ended as (
            delete from webhook_leftovers o using leftover l
            where o.tenant_id = :tenant_id and o.webhook_id = l.webhook_id and (select count(*) from batch) < :most
        )
        select (select count(*) from batch) as rows, (select count(*) from leftover) as webhooks
        """
    ).bindparams(bindparam("most", type_=BigInteger()))
)


async def has_expired_deliveries(tx: Tx, settings: Settings) -> bool:
    """Return whether the tenant has attempts that are kept no longer."""
    return await tx.fetch_one(_HAS_EXPIRED, **_limits(tx, settings)) is not None


async def delete_deliveries(tx: Tx, settings: Settings) -> int:
    """Delete some of the tenant's attempts that are kept no longer. Return how many, 0 when none is left."""
    return len(await tx.fetch(_DELETE, **_limits(tx, settings), most=_BATCH))


def _limits(tx: Tx, settings: Settings) -> dict[str, object]:
    return {"tenant_id": tx.tenant_id, "older_than": tx.now - timedelta(days=settings.webhook_log_days)}


async def has_leftovers(tx: Tx, _settings: Settings) -> bool:
    """Return whether the tenant has attempts of webhooks that were deleted."""
    return await tx.fetch_one(_HAS_LEFTOVERS, tenant_id=tx.tenant_id) is not None


async def delete_leftovers(tx: Tx, _settings: Settings) -> int:
    """Delete some of the attempts of a deleted webhook. Return how many rows, 0 when no such webhook is left."""
    [row] = await tx.fetch(_DELETE_LEFTOVERS, tenant_id=tx.tenant_id, most=_BATCH)
    # One more for the row that says that the webhook has attempts.
    return int(row["rows"] + row["webhooks"])
