"""Moving an organization, with everything below it, below another parent."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import CursorResult, case, func, literal, select, update
from sqlmodel import col

from app.access.policy import organization_for
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.errors import Conflict, FieldError, Invalid, NotFound
from app.events.record import record_event
from app.organizations import queries
from app.organizations.schemas import OrganizationMoveCreate, OrganizationRead
from app.organizations.service import RootOrganization, UnknownOrganization, ensure_active, ensure_depth
from app.tree.history import was_above
from app.tree.models import Organization, OrganizationMove
from app.tree.organizations import lock_tree
from app.tree.paths import after, segment


class OrganizationCycle(Invalid):
    code = "organization_cycle"
    title = "An organization cannot come below itself"


class AlreadyThere(Conflict):
    code = "already_there"
    title = "The organization belongs to this parent already"


class MovedOnInFuture(Invalid):
    code = "moved_on_in_future"
    title = "The day of the move is still to come"


class MovedOnTooEarly(Invalid):
    code = "moved_on_too_early"
    title = "The organization was moved again on a later day"


class ProgramOutOfReachAfterMove(Conflict):
    code = "program_out_of_reach_after_move"
    title = "Organizations that would move use programs that the new place is not offered"


async def move(
    tx: Tx, organization_id: UUID, body: OrganizationMoveCreate, *, invalidate: Callable[[], None]
) -> OrganizationRead:
    """Move an organization with everything below it.

    Args:
        forget: drops what is remembered of callers' places in the tree; called once the move is committed.

    Raises:
        NotFound, Forbidden: as everywhere; the caller must be allowed at the new parent too.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        UnknownOrganization: no such parent in the caller's sight.
        RootOrganization, OrganizationCycle, AlreadyThere, OrganizationArchived, TooDeep, MovedOnInFuture,
            MovedOnTooEarly, ProgramOutOfReachAfterMove: see `relocate`.
    """
    await lock_tree(tx, lock="update")
    organization = await organization_for(tx, organization_id, "moveOrganization", lock="update")
    tx.expect(organization)
    parent = await parent_for(tx, body.parent_id, "moveOrganization", pointer="/body/parent_id")
    await relocate(tx, organization, parent, moved_on=body.moved_on, reason=body.reason, invalidate=invalidate)
    return await queries.get(tx, tx.principal, organization.id)


async def parent_for(tx: Tx, parent_id: UUID | None, operation: str, *, pointer: str) -> Organization:
    """The parent that a body names, locked.

    Args:
        parent_id: None: what the body says names nothing.

    Raises:
        UnknownOrganization: no such organization in the caller's sight.
        Forbidden: in sight, but the caller may not do this there.
    """
    try:
        if parent_id is None:
            raise NotFound
        return await organization_for(tx, parent_id, operation)
    except NotFound:
        error = FieldError(pointer, "unknown_organization", "No such organization is in sight")
        raise UnknownOrganization(errors=[error]) from None


async def relocate(
    tx: Tx,
    organization: Organization,
    parent: Organization,
    *,
    moved_on: date | None,
    reason: str | None,
    invalidate: Callable[[], None],
) -> None:
    """Hang a locked organization, with everything below it, below a locked parent, in a tree held for moving.

    Every row of the subtree counts as changed: its depth and its place have. The loaded organization does not; read
    it again.

    Raises:
        RootOrganization: the root stays.
        OrganizationCycle: the parent is the organization itself or lies below it, now or on a day since `moved_on`.
        AlreadyThere: it is the present parent.
        OrganizationArchived: the parent takes nothing new.
        TooDeep: what lies deepest would lie too deep.
        MovedOnInFuture, MovedOnTooEarly: the day is to come, or before the organization's last move.
        ProgramOutOfReachAfterMove: a program that is used in the subtree is not offered at the new place.
    """
    if organization.parent_id is None:
        raise RootOrganization
    if parent.path.startswith(organization.path):
        error = FieldError("/body/parent_id", "organization_cycle", "This is the organization itself or lies below it")
        raise OrganizationCycle(errors=[error])
    if parent.id == organization.parent_id:
        raise AlreadyThere
    ensure_active(parent)
    ensure_depth(parent.depth + 1 + await _levels_below(tx, organization))
    kept = await _kept_move(tx, organization, organization.parent_id, parent.id, moved_on=moved_on, reason=reason)
    path = parent.path + segment(organization.id)
    moved = await _rewrite(tx, organization, parent, path)
    await _ensure_programs(tx, path)
    tx.session.add(kept)
    record_event(
        tx,
        "organization.moved",
        organization.id,
        organization_id=organization.id,
        data={
            "from_parent_id": str(kept.from_parent_id),
            "to_parent_id": str(kept.to_parent_id),
            "moved_on": kept.moved_on.isoformat(),
            "reason": reason,
            "descendants": moved - 1,
        },
    )
    tx.after_commit.append(invalidate)


def _in_subtree(path: str) -> tuple[Any, Any]:
    return col(Organization.path) >= path, col(Organization.path) < after(path)


async def _levels_below(tx: Tx, organization: Organization) -> int:
    deepest = select(func.max(col(Organization.depth))).where(
        col(Organization.tenant_id) == tx.tenant_id, *_in_subtree(organization.path)
    )
    return int(await tx.session.scalar(deepest) or 0) - organization.depth


async def _kept_move(
    tx: Tx, organization: Organization, left: UUID, joined: UUID, *, moved_on: date | None, reason: str | None
) -> OrganizationMove:
    """The row of the history, its day checked."""
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
    today, made = tx.now.astimezone(ZoneInfo(organization.timezone)).date(), uuid7()
    if last is not None:
        # The organization may have changed its time zone since, and two servers' clocks differ a little: the later
        # move is nevertheless the later one.
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


async def _rewrite(tx: Tx, organization: Organization, parent: Organization, path: str) -> int:
    """Give the whole subtree its new place, in one statement; how many rows that were."""
    kept_from = len(organization.path) + 1
    deeper = parent.depth + 1 - organization.depth
    statement = (
        update(Organization)
        .where(col(Organization.tenant_id) == tx.tenant_id, *_in_subtree(organization.path))
        .values(
            path=literal(path) + func.substr(col(Organization.path), kept_from),
            depth=col(Organization.depth) + deeper,
            parent_id=case((col(Organization.id) == organization.id, parent.id), else_=col(Organization.parent_id)),
            version=col(Organization.version) + 1,
            updated_at=tx.now,
        )
        .execution_options(synchronize_session=False)
    )
    done: CursorResult[Any] = await tx.session.execute(statement)  # type: ignore[assignment]
    return done.rowcount


async def _ensure_programs(tx: Tx, path: str) -> None:
    """Check the subtree in its new place; its rows are locked by now, so that no use of a program can be under way."""
    cut_off = await queries.cut_off(tx, tx.tenant_id, path)
    if cut_off:
        raise ProgramOutOfReachAfterMove(
            "Implementations that would move use programs of organizations that are not above the new place.",
            implementation_ids=[str(implementation_id) for implementation_id in cut_off],
        )
