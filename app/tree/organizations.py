"""Loading organizations inside a write, locked as the write needs."""

from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col, select

from app.db.transaction import Tx
from app.errors import NotFound
from app.tree.models import Organization


async def load_organization(
    tx: Tx, organization_id: UUID, *, lock: str | None = "share", where: ColumnElement[bool] | None = None
) -> Organization:
    """Return the organization, of the transaction's tenant.

    Args:
        lock: ``share`` keeps its state and place until the commit, ``update`` is for changing it, None reads only.
        where: a further condition, without which it counts as missing.

    Raises:
        NotFound: the tenant has no such organization.
    """
    query = select(Organization).where(
        col(Organization.tenant_id) == tx.tenant_id, col(Organization.id) == organization_id
    )
    if where is not None:
        query = query.where(where)
    if lock is not None:
        query = query.with_for_update(read=lock == "share", of=Organization)
    found = (await tx.session.execute(query, execution_options={"populate_existing": True})).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


async def lock_tree(tx: Tx, *, lock: str) -> None:
    """Lock the shape of the tenant's tree until the commit, before reading anything in it.

    A statement that changes a subtree cannot see a row that another transaction is still adding to it. So a write that
    adds to the tree shares a lock on its root's row, which stands for the whole, and one that changes places takes
    it alone for its last steps (see `app.tree.places`).

    Args:
        lock: ``share`` for adding, ``update`` for changing places.
    """
    root = (
        select(Organization.id)
        .where(col(Organization.tenant_id) == tx.tenant_id, col(Organization.parent_id).is_(None))
        .with_for_update(read=lock == "share", key_share=lock == "update")
    )
    await tx.session.execute(root)
