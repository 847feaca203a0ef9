"""Delete stored files: those that have expired, and those that may hold what an erasure removes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.settings import Settings

#: A file may have hundreds of chunks, which go with it.
_BATCH = 5
_HAS_EXPIRED = Read(text("select true from files where tenant_id = :tenant_id and expires_at <= :now limit 1"))
_DELETE_EXPIRED = Read(
    text(
        """
        delete from files where tenant_id = :tenant_id and id in (
            select id from files where tenant_id = :tenant_id and expires_at <= :now limit :most for update skip locked
        )
        returning true
        """
    )
)
_DELETE_OF_PEOPLE = Read(
    text(
        """
        delete from files
        where tenant_id = :tenant_id and holds_people
          and created_at <= coalesce(cast(:begun_before as timestamptz), 'infinity')
        returning true
        """
    )
)
_DELETE = Read(text("delete from files where tenant_id = :tenant_id and id = :id returning true"))


async def has_expired_files(tx: Tx, _settings: Settings) -> bool:
    """Return whether the tenant has files that are kept no longer."""
    return await tx.fetch_one(_HAS_EXPIRED, tenant_id=tx.tenant_id, now=tx.now) is not None


async def delete_expired_files(tx: Tx, _settings: Settings) -> int:
    """Delete some of the tenant's files that are kept no longer. Return how many, 0 when none is left."""
    return len(await tx.fetch(_DELETE_EXPIRED, tenant_id=tx.tenant_id, now=tx.now, most=_BATCH))


async def delete_files_of_people(tx: Tx, *, begun_before: datetime | None = None) -> None:
    """Delete all files of the tenant that may say who somebody is, those that are being written included.

    Nothing says which people a file is about. Files are copies: an export can be made again, and an import sent again.

    Args:
        begun_before: only files that were begun until this instant; None: all.
    """
    await tx.fetch(_DELETE_OF_PEOPLE, tenant_id=tx.tenant_id, begun_before=begun_before)


async def delete_file(tx: Tx, file_id: UUID) -> None:
    """Delete a file, if it is still there."""
    await tx.fetch(_DELETE, tenant_id=tx.tenant_id, id=file_id)
