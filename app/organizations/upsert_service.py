"""Create or update an organization by its external id."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from app.access.policy import is_visible, load_organization_for
from app.db.transaction import Stored, Tx
from app.errors import NotFound, PreconditionFailed
from app.events.record import record_event
from app.organizations import integrators
from app.organizations.errors import ExternalIdTaken
from app.organizations.move_service import parent_for, relocate
from app.organizations.schemas import ExternalId, OrganizationUpsert
from app.organizations.service import add_below, set_fields
from app.tree.archived import check_archived
from app.tree.models import Organization, OrganizationExternalId
from app.tree.organizations import lock_tree
from app.tree.places import lock_places

_OPERATION = "upsertOrganization"


_ATTEMPTS = 3


class _Overtaken(Exception):
    """Another request has just given this external id to an organization, or taken it away."""


async def upsert(tx: Tx, name: ExternalId, body: OrganizationUpsert, *, invalidate: Callable[[], None]) -> Stored[UUID]:
    """Create the organization that has this external id, or update it; another parent moves it today.

    An organization that is already as the body says keeps its version, and no event is recorded.

    Args:
        invalidate: see `app.organizations.move_service.move`.

    Raises:
        UnknownOrganization: The parent does not exist, or the caller cannot see it.
        Forbidden: the caller may not do this at the parent or at the organization.
        NotMaintained: an integrator may not make this change.
        ExternalIdTaken: an organization that the caller cannot see has this external id.
        PreconditionFailed: If-None-Match was `*` and there is one, or If-Match names another version, or none is there.
        OrganizationArchived, TooDeep, UnknownTimezone: as for creating.
        RootOrganization, OrganizationCycle, TreeBusy: as for moving.
    """
    for _ in range(_ATTEMPTS):
        parent_id = body.parent_id if body.parent is None else await _organization_named(tx, body.parent)
        pointer = "/body/parent_id" if body.parent is None else "/body/parent"
        # One out of sight counts as missing, so that whatever else refuses a creation does so first.
        known = await _organization_named(tx, name, is_visible(tx.principal, OrganizationExternalId.organization_id))
        try:
            if known is None:
                await lock_tree(tx, lock="share")
                parent = await parent_for(tx, parent_id, _OPERATION, pointer=pointer)
                return Stored(await _create(tx, name, parent, body), created=True)
            organization, parent = await _load(tx, known, parent_id, pointer)
            if organization.parent_id != parent.id or "timezone" in _changes(organization, body):
                await lock_places(tx)
                organization, parent = await _load(tx, known, parent_id, pointer)
            await _update(tx, organization, name, parent, body, invalidate=invalidate)
            return Stored(known, created=False)
        except _Overtaken:
            continue
    raise ExternalIdTaken


async def _load(tx: Tx, known: UUID, parent_id: UUID | None, pointer: str) -> tuple[Organization, Organization]:
    parent = await parent_for(tx, parent_id, _OPERATION, pointer=pointer, lock=None)
    try:
        return await load_organization_for(tx, known, _OPERATION, lock=None), parent
    except NotFound:
        raise ExternalIdTaken from None


async def _organization_named(tx: Tx, name: ExternalId, where: ColumnElement[bool] | None = None) -> UUID | None:
    query = select(OrganizationExternalId.organization_id).where(
        col(OrganizationExternalId.tenant_id) == tx.tenant_id,
        col(OrganizationExternalId.source) == name.source,
        col(OrganizationExternalId.external_id) == name.external_id,
        *(() if where is None else (where,)),
    )
    return await tx.session.scalar(query)


async def _create(tx: Tx, name: ExternalId, parent: Organization, body: OrganizationUpsert) -> UUID:
    if tx.preconditions.has_if_match:
        raise PreconditionFailed("There is no such organization to replace.")
    await integrators.check_creation(tx, parent, [name])
    check_archived(parent, "upsertOrganization: create below it")
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
    return made.id


async def _update(
    tx: Tx,
    organization: Organization,
    name: ExternalId,
    parent: Organization,
    body: OrganizationUpsert,
    *,
    invalidate: Callable[[], None],
) -> None:
    if tx.preconditions.must_not_exist:
        raise PreconditionFailed("There is one already.", headers={"ETag": f'"{organization.version}.0"'})
    if tx.preconditions.has_if_match:
        tx.expect(organization)
    await integrators.check_change(tx, organization, None)
    if organization.parent_id == parent.id and not _changes(organization, body):
        return
    async with tx.savepoint():
        if organization.parent_id != parent.id:
            organization = await relocate(tx, organization, parent, moved_on=None, reason=None, invalidate=invalidate)
        changes = _changes(organization, body)
        if changes:
            organization = await set_fields(tx, organization, changes)
            tx.touch(organization)
            fields = sorted(changes)
            record_event(
                tx,
                "organization.updated",
                organization.id,
                organization_id=organization.id,
                data={"fields": fields},
            )
        # A change of the external ids locks the organization too, so this holds until the commit.
        if await _organization_named(tx, name) != organization.id:
            raise _Overtaken


def _changes(organization: Organization, body: OrganizationUpsert) -> dict[str, Any]:
    fields = body.model_dump(exclude_unset=True, include={"kind", "name", "staff_count", "timezone"})
    if fields.get("timezone") is None:
        fields.pop("timezone", None)
    return {field: value for field, value in fields.items() if getattr(organization, field) != value}
