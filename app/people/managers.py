"""The rule for who may manage a person: a visible person who is not managed by that person."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select

from app.access.policy import is_visible
from app.db.statement import Read
from app.db.transaction import Tx
from app.errors import FieldError
from app.people.errors import ManagerCycle, UnknownManager
from app.people.models import Person

_CHAIN = Read(
    text(
        """
        with recursive chain (id, manager_id) as (
            select id, manager_id from people where tenant_id = :tenant_id and id = :first
            union
            select p.id, p.manager_id from people p join chain c on p.tenant_id = :tenant_id and p.id = c.manager_id
        )
        select id from chain
        """
    )
)
_LOCK = Read(
    text("select id from people where tenant_id = :tenant_id and id = any(cast(:ids as uuid[])) order by id for share")
)


async def check_manager(
    tx: Tx, person_id: UUID | None, manager_id: UUID | None, *, pointer: str = "/body/manager_id"
) -> None:
    """Check that a person may manage another, and keep it so until the commit.

    Args:
        person_id: whom they are to manage, locked; None: a new person.
        manager_id: None: nobody.
        pointer: the field that names the manager.

    Raises:
        UnknownManager: the manager does not exist, was merged or erased, or the caller cannot see them.
        ManagerCycle: the person manages them already, directly or through others, or is the same one.
    """
    if manager_id is None:
        return
    seen = select(Person.id).where(
        col(Person.tenant_id) == tx.tenant_id,
        col(Person.id) == manager_id,
        col(Person.merged_into_id).is_(None),
        col(Person.erased_at).is_(None),
        is_visible(tx.principal, Person.organization_id),
    )
    if await tx.session.scalar(seen.with_for_update(read=True)) is None:
        raise UnknownManager(errors=[FieldError(pointer, UnknownManager.code, UnknownManager.title)])
    if person_id is not None and person_id in await lock_chain(tx, manager_id):
        raise ManagerCycle(errors=[FieldError(pointer, ManagerCycle.code, ManagerCycle.title)])


async def lock_chain(tx: Tx, manager_id: UUID) -> Collection[UUID]:
    """Return a person and everybody above, none of whom gets another manager before the commit."""
    locked: set[UUID] = set()
    while not (chain := await _chain(tx, manager_id)) <= locked:
        await tx.fetch(_LOCK, tenant_id=tx.tenant_id, ids=sorted(chain))
        locked |= chain
    return chain


async def _chain(tx: Tx, manager_id: UUID) -> set[UUID]:
    rows = await tx.fetch(_CHAIN, tenant_id=tx.tenant_id, first=manager_id)
    return {UUID(int=row["id"].int) for row in rows}
