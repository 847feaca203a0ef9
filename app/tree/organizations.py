"""Loading organizations inside a write, locked as the write needs."""

from uuid import UUID

from sqlmodel import col, select

from app.db.transaction import Tx
from app.errors import NotFound
from app.tree.models import Organization


async def load_organization(tx: Tx, organization_id: UUID, *, lock: str | None = "share") -> Organization:
    """The organization, of the transaction's tenant.

    Args:
        lock: ``share`` keeps its state and place until the commit, ``update`` is for changing it, None reads only.

    Raises:
        NotFound: the tenant has no such organization.
    """
    query = select(Organization).where(
        col(Organization.tenant_id) == tx.tenant_id, col(Organization.id) == organization_id
    )
    if lock is not None:
        query = query.with_for_update(read=lock == "share")
    found = (await tx.session.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


async def lock_tree(tx: Tx, *, lock: str) -> None:
    """Keep the shape of the tenant's tree until the commit, before anything in it is read.

    A statement that moves a subtree cannot see a row that another transaction is still adding to it, however many
    rows it locks, and two moves that would close a circle hold what the other one waits for. So whoever adds to the
    tree or moves something in it takes its root's row first, which stands for the whole.

    Args:
        lock: ``share`` for adding, ``update`` for moving.
    """
    root = (
        select(Organization.id)
        .where(col(Organization.tenant_id) == tx.tenant_id, col(Organization.parent_id).is_(None))
        .with_for_update(read=lock == "share", key_share=lock == "update")
    )
    await tx.session.execute(root)
