"""What happens to stored answers after they were given: erased with a person, purged after a day."""

from collections.abc import Sequence
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
        update idempotency_keys k set body = null, headers = null
        where k.tenant_id = :tenant_id and k.body is not null and exists (
            select from unnest(cast(:named as text[])) as named (id)
            where position(convert_to(named.id, 'UTF8') in k.body) > 0
        )
        returning true
        """
    )
)
_DELETE_OF = Read(
    text(
        """
        delete from idempotency_keys where tenant_id = :tenant_id and principal_id = any(cast(:principals as uuid[]))
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


async def erase_answers(tx: Tx, subjects: Sequence[UUID]) -> None:
    """Erase the bodies of the tenant's stored answers that show any of these resources, with whatever else they hold.

    The rows stay, so that a request which is repeated is still not done twice.
    """
    await tx.fetch(_ERASE, tenant_id=tx.tenant_id, named=[str(subject) for subject in subjects])


async def delete_answers_to(tx: Tx, principals: Sequence[UUID]) -> None:
    """Delete the stored answers to callers who can repeat no request any more, with the keys that they chose."""
    await tx.fetch(_DELETE_OF, tenant_id=tx.tenant_id, principals=list(principals))


async def has_expired_answers(tx: Tx) -> bool:
    """Return whether the tenant has answers that are older than a day."""
    return await tx.fetch_one(_HAS_EXPIRED, tenant_id=tx.tenant_id, expired=tx.now - RETENTION) is not None


async def purge_answers(tx: Tx) -> int:
    """Delete some of the tenant's answers that are older than a day. Return how many, 0 when none is left."""
    values = {"tenant_id": tx.tenant_id, "expired": tx.now - RETENTION, "most": _BATCH}
    return len(await tx.fetch(_PURGE, **values))
