"""Changing organizations."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy import select as select_exists
from sqlmodel import col, select

from app.access.models import RoleGrant
from app.access.policy import may, organization_for
from app.db.transaction import Tx
from app.errors import Conflict, FieldError, Forbidden, Invalid, InvalidTransition
from app.events.record import record_event
from app.organizations import queries
from app.organizations.schemas import (
    ExternalId,
    OrganizationCreate,
    OrganizationPatch,
    OrganizationRead,
    OrganizationStatus,
    OrganizationTransition,
    OrganizationUpsert,
)
from app.tree.models import Organization, OrganizationExternalId
from app.tree.organizations import lock_tree
from app.tree.paths import MAXIMUM_DEPTH, segment

_INTEGRATORS_FIELDS = frozenset({"external_ids", "staff_count"})


class OrganizationArchived(Conflict):
    code = "organization_archived"
    title = "The organization is archived and takes nothing new"


class ExternalIdTaken(Conflict):
    code = "external_id_taken"
    title = "Another organization has this external id"


class HasChildren(Conflict):
    code = "has_children"
    title = "The organization has organizations below it"


class RootOrganization(Conflict):
    code = "root_organization"
    title = "The tenant's root can be neither moved, archived nor deleted"


class UnknownOrganization(Invalid):
    code = "unknown_organization"
    title = "There is no such organization in sight"


class TooDeep(Invalid):
    code = "tree_too_deep"
    title = "The tree may not grow deeper"


def ensure_active(organization: Organization) -> None:
    """Refuse to put something new into an archived organization.

    Raises:
        OrganizationArchived: it is archived.
    """
    if organization.archived_at is not None:
        raise OrganizationArchived


def ensure_depth(depth: int) -> None:
    """Refuse to let the tree grow too deep.

    Raises:
        TooDeep: this is a deeper level than there may be.
    """
    if depth > MAXIMUM_DEPTH:
        raise TooDeep(f"At most {MAXIMUM_DEPTH} levels lie below the root.")


async def create(tx: Tx, body: OrganizationCreate) -> OrganizationRead:
    """Create an organization below its parent.

    Raises:
        NotFound: no such parent in the caller's sight.
        Forbidden: the caller may not create there.
        OrganizationArchived: the parent is archived.
        TooDeep: the parent is at the deepest level.
        ExternalIdTaken: another organization has one of the external ids.
    """
    await lock_tree(tx, lock="share")
    parent = await organization_for(tx, body.parent_id, "createOrganization")
    made = await add_below(tx, parent, body)
    await _set_external_ids(tx, made.id, body.external_ids)
    return await queries.get(tx, tx.principal, made.id)


async def add_below(tx: Tx, parent: Organization, body: OrganizationCreate | OrganizationUpsert) -> Organization:
    """Add an organization below a locked parent, in a tree that is held.

    Raises:
        OrganizationArchived: the parent is archived.
        TooDeep: the parent is at the deepest level.
    """
    ensure_active(parent)
    ensure_depth(parent.depth + 1)
    made = Organization(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        updated_at=tx.now,
        parent_id=parent.id,
        kind=body.kind,
        name=body.name,
        name_key=body.name.casefold(),
        path="",
        depth=parent.depth + 1,
        staff_count=body.model_dump(exclude_unset=True).get("staff_count"),
        timezone=body.timezone or parent.timezone,
    )
    made.path = parent.path + segment(made.id)
    tx.session.add(made)
    await tx.session.flush()
    record_event(tx, "organization.created", made.id, organization_id=made.id, data={"parent_id": str(parent.id)})
    return made


async def patch(tx: Tx, organization_id: UUID, body: OrganizationPatch) -> OrganizationRead:
    """Change an organization's fields.

    Raises:
        NotFound: none such in the caller's sight.
        Forbidden: no role there allows it, or an integrator sent more than its fields.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        ExternalIdTaken: another organization has one of the external ids.
    """
    organization = await organization_for(tx, organization_id, "updateOrganization", lock="update")
    changes = body.changes()
    if not may(tx.principal, "transitionOrganization", organization.path) and changes.keys() - _INTEGRATORS_FIELDS:
        raise Forbidden("An integrator may change external_ids and staff_count only.")
    tx.expect(organization)
    external_ids = changes.pop("external_ids", None)
    for name, value in changes.items():
        setattr(organization, name, value)
    organization.name_key = organization.name.casefold()
    if external_ids is not None:
        await tx.session.execute(
            delete(OrganizationExternalId).where(
                col(OrganizationExternalId.tenant_id) == tx.tenant_id,
                col(OrganizationExternalId.organization_id) == organization.id,
            )
        )
        await _set_external_ids(tx, organization.id, [ExternalId(**pair) for pair in external_ids])
    tx.touch(organization)
    record_event(
        tx,
        "organization.updated",
        organization.id,
        organization_id=organization.id,
        data={"fields": sorted(body.model_fields_set)},
    )
    return await queries.get(tx, tx.principal, organization.id)


async def transition(tx: Tx, organization_id: UUID, body: OrganizationTransition) -> OrganizationRead:
    """Archive an organization or take it up again.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InvalidTransition: it is in that state already.
        RootOrganization: the root stays active.
    """
    organization = await organization_for(tx, organization_id, "transitionOrganization", lock="update")
    tx.expect(organization)
    if organization.parent_id is None:
        raise RootOrganization
    archived = organization.archived_at is not None
    present, other = OrganizationStatus.ACTIVE, OrganizationStatus.ARCHIVED
    if archived:
        present, other = other, present
    if body.to is present:
        raise InvalidTransition(present, [other])
    organization.archived_at = None if archived else tx.now
    tx.touch(organization)
    record_event(
        tx,
        "organization.restored" if archived else "organization.archived",
        organization.id,
        organization_id=organization.id,
        data={"reason": body.reason},
    )
    return await queries.get(tx, tx.principal, organization.id)


async def remove(tx: Tx, organization_id: UUID) -> None:
    """Delete an organization that nothing refers to; roles granted on it go with it.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        RootOrganization: the root stays.
        HasChildren: there are organizations below it.
        InUse: programs, implementations, assessments, people or action items refer to it, or another organization
            once moved away from it (archive it instead).
    """
    organization = await organization_for(tx, organization_id, "deleteOrganization", lock="update")
    tx.expect(organization)
    if organization.parent_id is None:
        raise RootOrganization
    child = select(Organization.id).where(
        col(Organization.tenant_id) == tx.tenant_id, col(Organization.parent_id) == organization.id
    )
    if await tx.session.scalar(select_exists(child.exists())):
        raise HasChildren
    for owned in (OrganizationExternalId, RoleGrant):
        table: Any = owned
        await tx.session.execute(
            delete(table).where(table.tenant_id == tx.tenant_id, table.organization_id == organization.id)
        )
    await tx.session.delete(organization)
    record_event(tx, "organization.deleted", organization.id, organization_id=organization.parent_id)


async def _set_external_ids(tx: Tx, organization_id: UUID, wanted: Sequence[ExternalId]) -> None:
    pairs = {(one.source, one.external_id) for one in wanted}
    if len(pairs) != len(wanted):
        raise Invalid(
            errors=[FieldError("/body/external_ids", "repeated_external_id", "An external id is given twice")]
        )
    for source, external_id in sorted(pairs):
        if await tx.session.get(OrganizationExternalId, (tx.tenant_id, source, external_id)):
            raise ExternalIdTaken
        tx.session.add(
            OrganizationExternalId(
                tenant_id=tx.tenant_id, source=source, external_id=external_id, organization_id=organization_id
            )
        )
