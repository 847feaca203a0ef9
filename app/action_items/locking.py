"""Where a new action item lies and who is to own it, held together until the commit."""

from uuid import UUID

from sqlalchemy import Uuid, and_, bindparam, select, true
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.access.policy import require
from app.action_items.errors import InactiveOwner, UnknownOwner, at
from app.db.statement import Read, Row
from app.db.transaction import Tx
from app.errors import NotFound
from app.people.models import Person
from app.tree.archived import check_archived_by
from app.tree.models import Organization

_TENANT = bindparam("tenant_id", type_=Uuid())
_HOME = aliased(Organization)
_OWNER = (
    select(col(Person.active), col(_HOME.path).label("path"))
    .join(
        _HOME,
        and_(col(_HOME.tenant_id) == col(Person.tenant_id), col(_HOME.id) == col(Person.organization_id)),
    )
    .where(col(Person.tenant_id) == _TENANT, col(Person.id) == bindparam("owner_id", type_=Uuid()))
    .with_for_update(read=True, of=Person)
    .cte("owner")
)
_PLACE = Read(
    select(
        col(Organization.path),
        col(Organization.effective_timezone).label("timezone"),
        col(Organization.archived_by_id),
        _OWNER.c.active.label("owner_active"),
        _OWNER.c.path.label("owner_path"),
    )
    .select_from(Organization)
    .outerjoin(_OWNER, true())
    .where(col(Organization.tenant_id) == _TENANT, col(Organization.id) == bindparam("id", type_=Uuid()))
    .with_for_update(read=True, of=Organization)
)


async def lock_organization_and_owner(tx: Tx, organization_id: UUID, owner_id: UUID | None) -> Row:
    """Hold an organization that may take a new item, and the person who is to own it: its ``path`` and ``timezone``.

    Raises:
        NotFound: no such organization in the caller's sight.
        Forbidden: the caller may not create there.
        OrganizationArchived: it takes nothing new.
        UnknownOwner, InactiveOwner: this person can own nothing here.
    """
    place = await tx.fetch_one(_PLACE, tenant_id=tx.tenant_id, id=organization_id, owner_id=owner_id)
    if place is None:
        raise NotFound
    require(tx.principal, "createActionItem", place["path"])
    check_archived_by(place["archived_by_id"], "createActionItem")
    if owner_id is not None:
        if place["owner_path"] is None or not tx.principal.reads(place["owner_path"]):
            raise at(UnknownOwner, "owner_id")
        if not place["owner_active"]:
            raise at(InactiveOwner, "owner_id")
    return place
