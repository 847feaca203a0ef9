"""Load and lock action items, their organizations and people in a write. The locks hold until the commit."""

from uuid import UUID

from sqlalchemy import Uuid, and_, bindparam, select, true
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.access.operations import OPERATIONS
from app.access.policy import is_visible, may, require
from app.action_items.errors import InactiveOwner, UnknownOwner, error_at
from app.action_items.lifecycle import CLOSED
from app.action_items.models import ActionItem, ActionItemChange, ActionStatus
from app.db.statement import Read
from app.db.transaction import Tx
from app.errors import Frozen, Invalid, NotFound
from app.people.models import Person
from app.tree.archived import check_archived_by
from app.tree.models import Organization
from app.tree.paths import below_any

_TENANT = bindparam("tenant_id", type_=Uuid())
_OWNER_ORGANIZATION = aliased(Organization)
_OWNER = (
    select(col(Person.active), col(_OWNER_ORGANIZATION.path).label("path"))
    .join(
        _OWNER_ORGANIZATION,
        and_(
            col(_OWNER_ORGANIZATION.tenant_id) == col(Person.tenant_id),
            col(_OWNER_ORGANIZATION.id) == col(Person.organization_id),
        ),
    )
    .where(
        col(Person.tenant_id) == _TENANT,
        col(Person.id) == bindparam("owner_id", type_=Uuid()),
        below_any("visible", _OWNER_ORGANIZATION.path),
    )
    .with_for_update(read=True, of=Person)
    .cte("owner")
)
_ORGANIZATION_AND_OWNER = Read(
    select(
        col(Organization.path),
        col(Organization.archived_by_id),
        _OWNER.c.active.label("owner_active"),
        _OWNER.c.path.label("owner_path"),
    )
    .select_from(Organization)
    .outerjoin(_OWNER, true())
    .where(
        col(Organization.tenant_id) == _TENANT,
        col(Organization.id) == bindparam("id", type_=Uuid()),
        # Without this condition the caller would wait for the lock of an organization that it cannot see.
        below_any("visible"),
    )
    .with_for_update(read=True, of=Organization)
)


async def lock_organization_and_owner(tx: Tx, organization_id: UUID, owner_id: UUID | None) -> None:
    """Check and lock the organization of a new item and the person who is to own it.

    Raises:
        NotFound: no such organization is visible to the caller.
        Forbidden: the caller may not create there.
        OrganizationArchived: it takes nothing new.
        UnknownOwner, InactiveOwner: the caller cannot see this person, or the person is not active.
    """
    visible = list(tx.principal.visible_paths)
    row = await tx.fetch_one(
        _ORGANIZATION_AND_OWNER, tenant_id=tx.tenant_id, id=organization_id, owner_id=owner_id, visible=visible
    )
    if row is None:
        raise NotFound
    require(tx.principal, "createActionItem", row["path"])
    check_archived_by(row["archived_by_id"], "createActionItem")
    if owner_id is not None:
        if row["owner_path"] is None or not tx.principal.reads(row["owner_path"]):
            raise error_at(UnknownOwner, "owner_id")
        if not row["owner_active"]:
            raise error_at(InactiveOwner, "owner_id")


async def lock_action_item(tx: Tx, action_item_id: UUID, operation: str, *, lock: str = "update") -> ActionItem:
    """Load and lock an action item for an operation.

    Args:
        lock: ``share`` keeps others from changing the item; ``update`` is for changing it.

    Raises:
        NotFound: no such item is visible to the caller.
        Forbidden: it is visible, but the caller may not do this.
    """
    found = (
        await tx.session.execute(
            select(ActionItem, col(Organization.path))
            .join(
                Organization,
                (col(Organization.tenant_id) == col(ActionItem.tenant_id))
                & (col(Organization.id) == col(ActionItem.organization_id)),
            )
            .where(
                col(ActionItem.tenant_id) == tx.tenant_id,
                col(ActionItem.id) == action_item_id,
                is_visible(tx.principal, ActionItem.organization_id),
            )
            .with_for_update(read=lock == "share", of=ActionItem)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    item, path = found
    if not (OPERATIONS[operation].proposer and await _is_own_proposal(tx, item, path)):
        require(tx.principal, operation, path)
    return item


def ensure_not_closed(item: ActionItem) -> None:
    """Refuse to change an item that is closed.

    Raises:
        Frozen: it is verified or dismissed.
    """
    if item.status in CLOSED:
        raise Frozen(f"The action item is {item.status.value}; reopen it first.")


async def require_active_person(
    tx: Tx, person_id: UUID, field: str, *, unknown: type[Invalid], inactive: type[Invalid]
) -> None:
    """Check and lock a person whom the caller can see and who is active.

    Args:
        field: the field of the body that an error names.

    Raises:
        unknown: no such person is visible to the caller.
        inactive: the person is not active.
    """
    found = (
        await tx.session.execute(
            select(col(Person.active), col(Organization.path))
            .join(
                Organization,
                (col(Organization.tenant_id) == col(Person.tenant_id))
                & (col(Organization.id) == col(Person.organization_id)),
            )
            .where(
                col(Person.tenant_id) == tx.tenant_id,
                col(Person.id) == person_id,
                is_visible(tx.principal, Person.organization_id),
            )
            .with_for_update(read=True, of=Person)
        )
    ).one_or_none()
    if found is None or not tx.principal.reads(found[1]):
        raise error_at(unknown, field)
    if not found[0]:
        raise error_at(inactive, field)


async def _is_own_proposal(tx: Tx, item: ActionItem, path: str) -> bool:
    if item.status is not ActionStatus.PROPOSED or not may(tx.principal, "createActionItem", path):
        return False
    # The first entry of its history says who proposed it.
    proposed = await tx.session.scalar(
        select(col(ActionItemChange.id)).where(
            col(ActionItemChange.tenant_id) == tx.tenant_id,
            col(ActionItemChange.action_item_id) == item.id,
            col(ActionItemChange.from_status).is_(None),
            col(ActionItemChange.actor_id) == tx.principal.id,
        )
    )
    return proposed is not None
