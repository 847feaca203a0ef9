"""Creating and updating an organization by what another system calls it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from app.access.policy import organization_for
from app.db.transaction import Tx
from app.errors import NotFound, PreconditionFailed
from app.events.record import record_event
from app.http.write import Created
from app.organizations import queries
from app.organizations.move_service import parent_for, relocate
from app.organizations.schemas import ExternalId, OrganizationRead, OrganizationUpsert
from app.organizations.service import ExternalIdTaken, add_below
from app.tree.models import Organization, OrganizationExternalId
from app.tree.organizations import lock_tree

_OPERATION = "upsertOrganization"


class _Overtaken(Exception):
    """Another request has just given this external id to an organization."""


async def upsert(
    tx: Tx, name: ExternalId, body: OrganizationUpsert, *, invalidate: Callable[[], None]
) -> Created | OrganizationRead:
    """Create the organization that has this external id, or update it; another parent moves it today.

    What is there already as the body says is left alone: no new version, no event.

    Args:
        forget: see `app.organizations.move_service.move`.

    Raises:
        UnknownOrganization: no such parent in the caller's sight.
        Forbidden: the caller may not do this at the parent or at the organization.
        ExternalIdTaken: an organization out of the caller's sight has this external id.
        PreconditionFailed: If-None-Match was `*` and there is one, or If-Match names another version, or none is there.
        OrganizationArchived, TooDeep: as for creating.
        RootOrganization, OrganizationCycle, ProgramOutOfReachAfterMove: as for moving.
    """
    parent_id = body.parent_id if body.parent is None else await _organization_named(tx, body.parent)
    pointer = "/body/parent_id" if body.parent is None else "/body/parent"
    known = await _organization_named(tx, name)
    await lock_tree(tx, lock="update" if known and await _parent_of(tx, known) != parent_id else "share")
    parent = await parent_for(tx, parent_id, _OPERATION, pointer=pointer)
    if known is None:
        made = await _create(tx, name, parent, body)
        if made is not None:
            return Created(value=await queries.get(tx, tx.principal, made))
        known = await _organization_named(tx, name)
    if known is None:
        raise ExternalIdTaken
    return await _update(tx, known, parent, body, invalidate)


async def _organization_named(tx: Tx, name: ExternalId) -> UUID | None:
    # Locked, lest a change of the organization's external ids takes this one away meanwhile.
    query = select(OrganizationExternalId.organization_id).where(
        col(OrganizationExternalId.tenant_id) == tx.tenant_id,
        col(OrganizationExternalId.source) == name.source,
        col(OrganizationExternalId.external_id) == name.external_id,
    )
    return await tx.session.scalar(query.with_for_update(read=True))


async def _parent_of(tx: Tx, organization_id: UUID) -> UUID | None:
    query = select(Organization.parent_id).where(
        col(Organization.tenant_id) == tx.tenant_id, col(Organization.id) == organization_id
    )
    return await tx.session.scalar(query)


async def _create(tx: Tx, name: ExternalId, parent: Organization, body: OrganizationUpsert) -> UUID | None:
    """A new organization with this external id; None where another one has it by now."""
    if tx.preconditions.has_if_match:
        raise PreconditionFailed("There is no such organization to replace.")
    try:
        async with tx.savepoint():
            made = await add_below(tx, parent, body)
            # Of two at once the second waits here for the first, and then inserts nothing.
            inserted = await tx.session.scalar(
                insert(OrganizationExternalId)
                .values(tenant_id=tx.tenant_id, organization_id=made.id, **name.model_dump())
                .on_conflict_do_nothing()
                .returning(col(OrganizationExternalId.organization_id))
            )
            if inserted is None:
                raise _Overtaken
    except _Overtaken:
        return None
    return made.id


async def _update(
    tx: Tx, organization_id: UUID, parent: Organization, body: OrganizationUpsert, invalidate: Callable[[], None]
) -> OrganizationRead:
    try:
        organization = await organization_for(tx, organization_id, _OPERATION, lock="update")
    except NotFound:
        raise ExternalIdTaken from None
    if tx.preconditions.must_not_exist:
        raise PreconditionFailed("There is one already.", headers={"ETag": f'"{organization.version}.0"'})
    if tx.preconditions.has_if_match:
        tx.expect(organization)
    if organization.parent_id != parent.id:
        # Held for moving already, unless another request created it just now.
        await lock_tree(tx, lock="update")
        await relocate(tx, organization, parent, moved_on=None, reason=None, invalidate=invalidate)
        await tx.session.refresh(organization)
    changes = {field: value for field, value in _wanted(body).items() if getattr(organization, field) != value}
    if changes:
        for field, value in changes.items():
            setattr(organization, field, value)
        tx.touch(organization)
        record_event(
            tx,
            "organization.updated",
            organization.id,
            organization_id=organization.id,
            data={"fields": sorted(changes.keys() - {"name_key"})},
        )
    return await queries.get(tx, tx.principal, organization.id)


def _wanted(body: OrganizationUpsert) -> dict[str, Any]:
    fields = body.model_dump(exclude_unset=True, include={"kind", "name", "staff_count", "timezone"})
    if fields.get("timezone") is None:
        fields.pop("timezone", None)
    return {**fields, "name_key": body.name.casefold()}
