"""Lock many people in the order of their ids, so that transactions that share some wait instead of deadlocking."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx

# Records that only name a person can still be added meanwhile, so it is no lock for an update of keys.
_LOCK = Read(
    text(
        """
        with recursive above (id, manager_id) as (
            select id, manager_id from people where tenant_id = :tenant_id and id = any(cast(:managers as uuid[]))
            union
            select p.id, p.manager_id from people p join above a on p.tenant_id = :tenant_id and p.id = a.manager_id
        )
        select p.id from people p
        where p.tenant_id = :tenant_id and (p.id = any(cast(:ids as uuid[])) or p.id in (select id from above))
        order by p.id for no key update of p
        """
    )
)


async def lock_people(tx: Tx, ids: Collection[UUID], *, managers: Collection[UUID] = ()) -> None:
    """Lock people until the end of the transaction, in the order of their ids.

    A transaction that changes several people calls this before it changes the first one.

    Args:
        ids: whom the transaction changes.
        managers: whom it makes a manager. They and everybody above them are locked too.
    """
    await tx.fetch(_LOCK, tenant_id=tx.tenant_id, ids=sorted(ids), managers=sorted(managers))
