"""Create, change, archive and delete organizations."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy import select as select_exists
from sqlmodel import col, select

from app.access.deleted_organizations import hand_over_principals, remove_grants
from app.access.policy import load_organization_for
from app.db.transaction import Tx
from app.errors import FieldError, Invalid, InvalidTransition
from app.events.record import record_event
from app.organizations import integrators
from app.organizations.errors import ExternalIdTaken, HasChildren, RootOrganization, TooDeep
from app.organizations.schemas import (
    ExternalId,
    OrganizationCreate,
    OrganizationPatch,
    OrganizationStatus,
    OrganizationTransition,
    OrganizationUpsert,
)
from app.text import search_key
from app.tree.archived import check_archived
from app.tree.clock import check_zone
from app.tree.models import Organization, OrganizationExternalId
from app.tree.organizations import load_organization, lock_tree
from app.tree.paths import MAXIMUM_DEPTH
from app.tree.places import PlaceChange, add_place, change_places, lock_place, lock_places, place_of


def ensure_depth(depth: int) -> None:
    """Refuse to let the tree grow too deep.

    Raises:
        TooDeep: this is a deeper level than there may be.
    """
    if depth > MAXIMUM_DEPTH:
        raise TooDeep(f"At most {MAXIMUM_DEPTH} levels lie below the root.")


async def create(tx: Tx, body: OrganizationCreate) -> UUID:
    """Create an organization below its parent.

    Raises:
        NotFound: The parent does not exist, or the caller cannot see it.
        Forbidden: the caller may not create there.
        NotMaintained: an integrator may not create this one.
        UnknownTimezone: the database server does not know the time zone.
        OrganizationArchived: the parent, or an organization above it, is archived.
        TooDeep: the parent is at the deepest level.
        ExternalIdTaken: another organization has one of the external ids.
    """
    await lock_tree(tx, lock="share")
    parent = await load_organization_for(tx, body.parent_id, "createOrganization")
    await integrators.check_creation(tx, parent, body.external_ids)
    check_archived(parent, "createOrganization")
    made = await add_below(tx, parent, body)
    await _set_external_ids(tx, made.id, body.external_ids)
    return made.id


async def add_below(tx: Tx, parent: Organization, body: OrganizationCreate | OrganizationUpsert) -> Organization:
    """Add an organization below a locked parent, in a locked tree.

    Raises:
        UnknownTimezone: the database server does not know the time zone.
        TooDeep: the parent is at the deepest level.
    """
    await check_zone(tx, body.timezone)
    above = await place_of(tx, parent.id)
    ensure_depth(above.depth + 1)
    made = Organization(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        updated_at=tx.now,
        parent_id=parent.id,
        kind=body.kind,
        name=body.name,
        name_key=search_key(body.name),
        staff_count=body.model_dump(exclude_unset=True).get("staff_count"),
        timezone=body.timezone,
    )
    tx.session.add(made)
    await tx.session.flush()
    await add_place(tx, made, above)
    record_event(tx, "organization.created", made.id, organization_id=made.id, data={"parent_id": str(parent.id)})
    return made


async def patch(tx: Tx, organization_id: UUID, body: OrganizationPatch) -> UUID:
    """Change an organization's fields.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: no role there allows it.
        NotMaintained: an integrator may not make this change.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        UnknownTimezone: the database server does not know the time zone.
        TreeBusy: the time zone changes while a large change of the tree is under way.
        ExternalIdTaken: another organization has one of the external ids.
    """
    changes = body.changes()
    spreads = "timezone" in changes
    if spreads:
        await lock_places(tx)
    organization = await load_organization_for(
        tx, organization_id, "updateOrganization", lock=None if spreads else "update"
    )
    external_ids = changes.pop("external_ids", None)
    wanted = None if external_ids is None else [ExternalId(**pair) for pair in external_ids]
    await integrators.check_change(tx, organization, wanted)
    tx.expect(organization)
    organization = await set_fields(tx, organization, changes)
    linked = wanted is not None and await _set_external_ids(tx, organization.id, wanted)
    if tx.touch(organization, also=linked):
        record_event(
            tx,
            "organization.updated",
            organization.id,
            organization_id=organization.id,
            data={"fields": sorted(body.model_fields_set)},
        )
    return organization.id


async def set_fields(tx: Tx, organization: Organization, changes: Mapping[str, Any]) -> Organization:
    """Lock an organization and set its fields; what is below it follows its time zone, for which places are locked.

    Returns:
        The organization as it is now.

    Raises:
        UnknownTimezone: the database server does not know the time zone.
        PreconditionFailed: it was changed before it was locked.
    """
    if "timezone" in changes:
        await check_zone(tx, changes["timezone"])
        await _change_zone_source(tx, organization, changes["timezone"])
    organization = await load_organization(tx, organization.id, lock="update")
    if tx.preconditions.has_if_match:
        tx.expect(organization)
    for name, value in changes.items():
        setattr(organization, name, value)
    organization.name_key = search_key(organization.name)
    return organization


async def _change_zone_source(tx: Tx, organization: Organization, timezone: str | None) -> None:
    place = await place_of(tx, organization.id)
    source = organization.id
    if timezone is None and organization.parent_id is not None:
        source = (await place_of(tx, organization.parent_id)).timezone_from_id
    archived = (place.archived_by_id, place.archived_by_id)
    change = PlaceChange(place.path, place.path, archived, (place.timezone_from_id, source))
    if not change.is_empty:
        await change_places(tx, change)


async def transition(tx: Tx, organization_id: UUID, body: OrganizationTransition) -> UUID:
    """Archive an organization or restore it.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InvalidTransition: it is in that state already.
        RootOrganization: the root stays active.
        TreeBusy: a large change of the tree is under way.
    """
    await lock_places(tx)
    organization = await load_organization_for(tx, organization_id, "transitionOrganization", lock=None)
    tx.expect(organization)
    if organization.parent_id is None:
        raise RootOrganization
    archived = organization.archived_at is not None
    present, other = OrganizationStatus.ACTIVE, OrganizationStatus.ARCHIVED
    if archived:
        present, other = other, present
    if body.to is present:
        raise InvalidTransition(present, [other])
    place = await place_of(tx, organization.id)
    after = (await place_of(tx, organization.parent_id)).archived_by_id if archived else organization.id
    zone = (place.timezone_from_id, place.timezone_from_id)
    await change_places(tx, PlaceChange(place.path, place.path, (place.archived_by_id, after), zone))
    organization = await load_organization(tx, organization.id, lock="update")
    tx.expect(organization)
    organization.archived_at = None if archived else tx.now
    tx.touch(organization)
    record_event(
        tx,
        "organization.restored" if archived else "organization.archived",
        organization.id,
        organization_id=organization.id,
        data={"reason": body.reason},
    )
    return organization.id


async def remove(tx: Tx, organization_id: UUID) -> None:
    """Delete an organization that nothing refers to.

    Roles granted on it go with it. Principals that belong to it belong to its parent from now on.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        RootOrganization: the root stays.
        HasChildren: there are organizations below it.
        InUse: programs, implementations, assessments, people or action items refer to it, or another organization
            once moved away from it (archive it instead).
        TreeBusy: a large change of the tree is under way, and this organization is part of it.
    """
    organization = await load_organization_for(tx, organization_id, "deleteOrganization", lock="update")
    tx.expect(organization)
    if organization.parent_id is None:
        raise RootOrganization
    child = select(Organization.id).where(
        col(Organization.tenant_id) == tx.tenant_id, col(Organization.parent_id) == organization.id
    )
    if await tx.session.scalar(select_exists(child.exists())):
        raise HasChildren
    await lock_place(tx, organization.id)
    await hand_over_principals(tx, organization.id, organization.parent_id)
    await remove_grants(tx, organization.id, organization.parent_id)
    table: Any = OrganizationExternalId
    await tx.session.execute(
        delete(table).where(table.tenant_id == tx.tenant_id, table.organization_id == organization.id)
    )
    await tx.session.delete(organization)
    tx.principals_changed = True
    record_event(tx, "organization.deleted", organization.id, organization_id=organization.parent_id)


async def _set_external_ids(tx: Tx, organization_id: UUID, wanted: Sequence[ExternalId]) -> bool:
    """Replace the external ids of an organization. Return whether any changed."""
    pairs = {(one.source, one.external_id) for one in wanted}
    if len(pairs) != len(wanted):
        raise Invalid(
            errors=[FieldError("/body/external_ids", "repeated_external_id", "An external id is given twice")]
        )
    query = select(OrganizationExternalId).where(
        col(OrganizationExternalId.tenant_id) == tx.tenant_id,
        col(OrganizationExternalId.organization_id) == organization_id,
    )
    present = {(row.source, row.external_id): row for row in (await tx.session.execute(query)).scalars()}
    for pair in present.keys() - pairs:
        await tx.session.delete(present[pair])
    for source, external_id in sorted(pairs - present.keys()):
        if await tx.session.get(OrganizationExternalId, (tx.tenant_id, source, external_id)):
            raise ExternalIdTaken
        tx.session.add(
            OrganizationExternalId(
                tenant_id=tx.tenant_id, source=source, external_id=external_id, organization_id=organization_id
            )
        )
    return pairs != present.keys()
