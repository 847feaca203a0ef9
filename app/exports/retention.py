"""Deleting exports that are kept no longer. Their files expire at the same time."""

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.settings import Settings

_BATCH = 1_000
_HAS_EXPIRED = Read(text("select true from exports where tenant_id = :tenant_id and expires_at <= :now limit 1"))
_DELETE = Read(
    text(
        """
        delete from exports where tenant_id = :tenant_id and id in (
            select id from exports where tenant_id = :tenant_id and expires_at <= :now limit :most
        )
        returning true
        """
    )
)


async def has_expired_exports(tx: Tx, _settings: Settings) -> bool:
    """Return whether the tenant has exports that are kept no longer."""
    return await tx.fetch_one(_HAS_EXPIRED, tenant_id=tx.tenant_id, now=tx.now) is not None


async def delete_expired_exports(tx: Tx, _settings: Settings) -> int:
    """Delete some of the tenant's exports that are kept no longer. Return how many, 0 when none is left."""
    return len(await tx.fetch(_DELETE, tenant_id=tx.tenant_id, now=tx.now, most=_BATCH))
