"""What happens to stored answers after they were given: erased with a person, purged after a day."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.db.engine import Database
from app.db.statement import Read
from app.db.transaction import Tx

RETENTION: Final = timedelta(hours=24)
_BATCH = 1_000

_TENANTS = Read(text("select list_tenant_ids() as id"))
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


async def purge_answers(database: Database, now: datetime) -> int:
    """Delete the answers that are older than a day, tenant by tenant in short transactions.

    Returns:
        How many were deleted.
    """
    purged = 0
    for tenant in await database.reads.fetch(_TENANTS):
        while True:
            async with database.writes.transaction(tenant["id"]) as connection:
                values = {"tenant_id": tenant["id"], "expired": now - RETENTION, "most": _BATCH}
                deleted = len(await connection.fetch(_PURGE.sql, _PURGE.arguments(values)))
                await connection.commit()
            purged += deleted
            if deleted < _BATCH:
                break
    return purged
