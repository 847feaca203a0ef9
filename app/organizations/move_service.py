"""Move an organization, with everything below it, to another parent."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from app.access.policy import load_organization_for
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.errors import FieldError, NotFound
from app.events.record import record_event
from app.organizations import integrators
from app.organizations.errors import (
    AlreadyThere,
    MovedOnInFuture,
    MovedOnTooEarly,
    OrganizationCycle,
    RootOrganization,
    UnknownOrganization,
)
from app.organizations.schemas import OrganizationMoveCreate
from app.organizations.service import ensure_depth
from app.tree.archived import check_archived
from app.tree.history import tree_day, was_above
from app.tree.models import Organization, OrganizationMove, OrganizationPlace
from app.tree.organizations import load_organization
from app.tree.paths import after, segment
from app.tree.places import PlaceChange, change_places, lock_places, place_of


async def move(tx: Tx, organization_id: UUID, body: OrganizationMoveCreate, *, invalidate: Callable[[], None]) -> UUID:
    """Move an organization with everything below it.

    Args:
        invalidate: drops the cached principals; called after the commit.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this here or at the new parent.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        UnknownOrganization: The parent does not exist, or the caller cannot see it.
        TreeBusy: another large change of the tree is under way.
        RootOrganization, OrganizationCycle, AlreadyThere, NotMaintained, OrganizationArchived, TooDeep,
            MovedOnInFuture, MovedOnTooEarly: see `relocate`.
    """
    await lock_places(tx)
    organization = await load_organization_for(tx, organization_id, "moveOrganization", lock=None)
    tx.expect(organization)
    parent = await parent_for(tx, body.parent_id, "moveOrganization", pointer="/body/parent_id", lock=None)
    await relocate(tx, organization, parent, moved_on=body.moved_on, reason=body.reason, invalidate=invalidate)
    return organization_id


async def parent_for(
    tx: Tx, parent_id: UUID | None, operation: str, *, pointer: str, lock: str | None = "share"
) -> Organization:
    """Return the parent that a body names.

    Args:
        parent_id: None means that the body names no existing organization.

    Raises:
        UnknownOrganization: The organization does not exist, or the caller cannot see it.
        Forbidden: It is visible, but the caller may not do this there.
    """
    try:
        if parent_id is None:
            raise NotFound
        return await load_organization_for(tx, parent_id, operation, lock=lock)
    except NotFound:
        raise _unknown(pointer) from None


async def relocate(
    tx: Tx,
    organization: Organization,
    parent: Organization,
    *,
    moved_on: date | None,
    reason: str | None,
    invalidate: Callable[[], None],
) -> Organization:
    """Put an organization, with everything below it, below a parent; both are loaded, places are locked.

    Neither row is locked while the places change, so that others can write in the subtree. Both are locked and
    checked again for the last steps. Only the organization itself counts as changed: what is below it has another
    depth and perhaps another time zone, which are its place's.

    Returns:
        The organization, locked, as it is now.

    Raises:
        RootOrganization: the root stays.
        OrganizationCycle: the parent is the organization itself or lies below it, now or on a day since `moved_on`.
        AlreadyThere: it is the present parent.
        NotMaintained: an integrator may not make this move.
        OrganizationArchived: the parent takes nothing new.
        TooDeep: what lies deepest would lie too deep.
        MovedOnInFuture, MovedOnTooEarly: the day is to come, or before the organization's last move.
        NotFound, UnknownOrganization, PreconditionFailed: another request changed one of them meanwhile.
    """
    former_id = _check_parent(organization, parent)
    by_admin = integrators.is_admin(tx, organization) and integrators.is_admin(tx, parent)
    if not by_admin:
        await integrators.check_move(tx, organization, parent)
    check_archived(parent, "moveOrganization: below it")
    ensure_depth(parent.depth + 1 + await _deepest(tx, organization.path) - organization.depth)
    record = await _record(tx, organization, former_id, parent.id, moved_on=moved_on, reason=reason)
    change = await _change(tx, former_id, organization.id, parent.id)
    moved = await change_places(tx, change)
    organization, parent = await _lock_both(tx, organization, parent)
    if not by_admin:
        await integrators.check_move(tx, organization, parent)
    ensure_depth(await _deepest(tx, change.new_path))
    organization.parent_id = parent.id
    tx.touch(organization)
    tx.session.add(record)
    _record_moved(tx, record, descendants=moved - 1)
    tx.after_commit.append(invalidate)
    return organization


def _record_moved(tx: Tx, record: OrganizationMove, *, descendants: int) -> None:
    record_event(
        tx,
        "organization.moved",
        record.organization_id,
        organization_id=record.organization_id,
        data={
            "from_parent_id": str(record.from_parent_id),
            "to_parent_id": str(record.to_parent_id),
            "moved_on": record.moved_on.isoformat(),
            "reason": record.reason,
            "descendants": descendants,
        },
    )
    # For those who read the former place and not the new one, which this event therefore does not name.
    record_event(tx, "organization.moved_away", record.organization_id, organization_id=record.from_parent_id)


def _check_parent(organization: Organization, parent: Organization) -> UUID:
    """Check that an organization may lie below a parent, and return the id of its present one."""
    if organization.parent_id is None:
        raise RootOrganization
    if parent.path.startswith(organization.path):
        error = FieldError("/body/parent_id", "organization_cycle", "This is the organization itself or lies below it")
        raise OrganizationCycle(errors=[error])
    if parent.id == organization.parent_id:
        raise AlreadyThere
    return organization.parent_id


async def _lock_both(tx: Tx, organization: Organization, parent: Organization) -> tuple[Organization, Organization]:
    try:
        parent = await load_organization(tx, parent.id)
    except NotFound:
        raise _unknown("/body/parent_id") from None
    organization = await load_organization(tx, organization.id, lock="update")
    if tx.preconditions.has_if_match:
        tx.expect(organization)
    return organization, parent


def _unknown(pointer: str) -> UnknownOrganization:
    return UnknownOrganization(
        errors=[FieldError(pointer, "unknown_organization", "No such organization is visible to these credentials")]
    )


async def _change(tx: Tx, left: UUID, organization_id: UUID, joined: UUID) -> PlaceChange:
    before, place = [await place_of(tx, one) for one in (left, organization_id)]
    try:
        new = await place_of(tx, joined)
    except NotFound:
        raise _unknown("/body/parent_id") from None
    return PlaceChange(
        path=place.path,
        new_path=new.path + segment(organization_id),
        archived=(before.archived_by_id, new.archived_by_id),
        zone=(before.timezone_from_id, new.timezone_from_id),
    )


async def _deepest(tx: Tx, path: str) -> int:
    """Return the depth of what lies deepest in a subtree."""
    deepest = select(func.max(col(OrganizationPlace.depth))).where(
        col(OrganizationPlace.tenant_id) == tx.tenant_id,
        col(OrganizationPlace.path) >= path,
        col(OrganizationPlace.path) < after(path),
    )
    return int(await tx.session.scalar(deepest) or 0)


async def _record(
    tx: Tx, organization: Organization, left: UUID, joined: UUID, *, moved_on: date | None, reason: str | None
) -> OrganizationMove:
    """Return the row of the history, its day checked."""
    last = (
        await tx.session.execute(
            select(col(OrganizationMove.id), col(OrganizationMove.moved_on))
            .where(
                col(OrganizationMove.tenant_id) == tx.tenant_id,
                col(OrganizationMove.organization_id) == organization.id,
            )
            .order_by(col(OrganizationMove.moved_on).desc(), col(OrganizationMove.id).desc())
            .limit(1)
        )
    ).one_or_none()
    today, made = await tree_day(tx, tx.tenant_id, tx.now), uuid7()
    if last is not None:
        # The root's time zone may have changed since, and two servers' clocks differ a little: the later move is
        # nevertheless the later one.
        today, made = max(today, last.moved_on), max(made, UUID(int=last.id.int + 1))
    day = moved_on or today
    if day > today:
        raise MovedOnInFuture(errors=[FieldError("/body/moved_on", "moved_on_in_future", "This day is still to come")])
    if last is not None and day < last.moved_on:
        error = FieldError("/body/moved_on", "moved_on_too_early", "The organization was moved on a later day")
        raise MovedOnTooEarly(errors=[error])
    if await was_above(tx, tx.tenant_id, organization.id, joined, since=day):
        error = FieldError("/body/moved_on", "organization_cycle", "The new parent then lay below the organization")
        raise OrganizationCycle(errors=[error])
    return OrganizationMove(
        tenant_id=tx.tenant_id,
        id=made,
        created_at=tx.now,
        organization_id=organization.id,
        from_parent_id=left,
        to_parent_id=joined,
        moved_on=day,
        reason=reason,
        actor_id=tx.principal.id,
        actor_name=tx.principal.name,
    )
