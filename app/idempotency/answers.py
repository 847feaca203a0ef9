"""What happens to stored answers after they were given: erased with a person, purged after a day."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx

RETENTION: Final = timedelta(hours=24)
_BATCH = 1_000

_ERASE = Read(
    text(
        """
        update idempotency_keys set body = null, headers = null
        where tenant_id = :tenant_id and body is not null
          and position(convert_to(cast(:named as text), 'UTF8') in body) > 0
        returning true
        """
    )
)
_HAS_EXPIRED = Read(
    text("select true from idempotency_keys where tenant_id = :tenant_id and created_at < :expired limit 1")
)
# The row of a request that is still running is locked by it, and skipped.
_PURGE = Read(
    text(
        """
        delete from idempotency_keys where tenant_id = :tenant_id and (principal_id, key) in (
            select principal_id, key from idempotency_keys
            where tenant_id = :tenant_id and created_at < :expired
            order by created_at limit :most for update skip locked
        )
        returning true
        """
    )
)


async def erase_answers_about(tx: Tx, subject_id: UUID) -> None:
    """Erase the bodies of the tenant's stored answers that show a resource, with whatever else they hold of it.

    The rows stay, so that a request which is repeated is still not done twice.
    """
    await tx.fetch(_ERASE, tenant_id=tx.tenant_id, named=str(subject_id))


async def has_expired_answers(tx: Tx) -> bool:
    """Return whether the tenant has answers that are older than a day."""
    return await tx.fetch_one(_HAS_EXPIRED, tenant_id=tx.tenant_id, expired=tx.now - RETENTION) is not None


async def purge_answers(tx: Tx) -> int:
    """Delete some of the tenant's answers that are older than a day. Return how many, 0 when none is left."""
    values = {"tenant_id": tx.tenant_id, "expired": tx.now - RETENTION, "most": _BATCH}
    return len(await tx.fetch(_PURGE, **values))
