"""Changing action items."""

from uuid import UUID

from sqlmodel import col, select

from app.access.policy import require
from app.action_items import queries
from app.action_items.errors import (
    InactiveOwner,
    InactiveVerifier,
    PracticeRequired,
    UnknownOwner,
    UnknownVerifier,
    VerifierIsOwner,
    VerifierRequired,
    VerifierUnexpected,
    at,
)
from app.action_items.lifecycle import FINAL, TRANSITIONS, WITH_REASON
from app.action_items.locking import lock_organization_and_owner
from app.action_items.models import ActionItem, ActionItemChange, ActionItemNote, ActionStatus
from app.action_items.schemas import (
    ActionItemCreate,
    ActionItemNoteCreate,
    ActionItemNoteRead,
    ActionItemPatch,
    ActionItemRead,
    ActionItemTransition,
)
from app.action_items.source import origin_of
from app.db.transaction import Tx
from app.errors import Frozen, Invalid, InvalidTransition, NotFound, ReasonRequired
from app.events.record import record_event
from app.people.models import Person
from app.tree.archived import check_archived
from app.tree.models import Organization
from app.tree.organizations import load_organization


async def create(tx: Tx, body: ActionItemCreate) -> ActionItemRead:
    """Propose an action item, free or from a gap.

    Raises:
        NotFound: no such organization in the caller's sight.
        Forbidden: the caller may not create there.
        OrganizationRequired, TitleRequired: a free item lacks them.
        PracticeRequired, OrganizationMismatch, UnknownAssessment, UnknownPractice: no such gap.
        SealedVotes: the assessment's votes are still sealed.
        OrganizationArchived: the organization takes nothing new.
        UnknownOwner, InactiveOwner: this person can own nothing here.
    """
    origin = await origin_of(tx, body)
    place = await lock_organization_and_owner(tx, origin.organization_id, body.owner_id)
    item = tx.insert(
        ActionItem,
        organization_id=origin.organization_id,
        assessment_id=body.assessment_id,
        practices=body.practices,
        title=origin.title,
        title_key=origin.title.casefold(),
        description=body.description,
        owner_id=body.owner_id,
        due_on=body.due_on,
        effort=body.effort,
        expected_level=origin.expected_level,
        gap_score=origin.gap_score,
    )
    _keep_move(tx, item["id"], None, item["status"], None)
    assessment_id = None if body.assessment_id is None else str(body.assessment_id)
    record_event(
        tx,
        "action_item.created",
        item["id"],
        organization_id=origin.organization_id,
        data={"assessment_id": assessment_id, "practices": body.practices},
    )
    return queries.present(tx.principal, {**item, **place}, tx.now)


async def patch(tx: Tx, action_item_id: UUID, body: ActionItemPatch) -> ActionItemRead:
    """Change an action item's fields.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        Frozen: it is verified or dismissed.
        PracticeRequired: an item from a gap keeps a practice.
        UnknownOwner, InactiveOwner: this person can own nothing here.
    """
    item = await _held(tx, action_item_id, "updateActionItem")
    tx.expect(item)
    _ensure_alive(item)
    changes = body.changes()
    owner_id = changes.get("owner_id")
    if owner_id is not None and owner_id != item.owner_id:
        await _ensure_owner(tx, owner_id)
    if item.assessment_id is not None and changes.get("practices") == []:
        raise at(PracticeRequired, "practices")
    for name, value in changes.items():
        setattr(item, name, value)
    item.title_key = item.title.casefold()
    if tx.touch(item):
        record_event(
            tx,
            "action_item.updated",
            item.id,
            organization_id=item.organization_id,
            data={"fields": sorted(changes)},
        )
    return await queries.get(tx, tx.principal, item.id, now=tx.now)


async def transition(tx: Tx, action_item_id: UUID, body: ActionItemTransition) -> ActionItemRead:
    """Move an action item to its next status.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InvalidTransition: the present status does not lead there.
        OrganizationArchived: the organization, or one above it, is archived, and the item would begin or go on.
        ReasonRequired: blocking and dismissing say why.
        VerifierRequired, VerifierUnexpected, UnknownVerifier, InactiveVerifier: see `verified_by`.
        VerifierIsOwner: nobody verifies the own work.
    """
    item = await _held(tx, action_item_id, "transitionActionItem")
    tx.expect(item)
    before = item.status
    if body.to not in TRANSITIONS[before]:
        raise InvalidTransition(before, TRANSITIONS[before])
    if body.to in {ActionStatus.OPEN, ActionStatus.IN_PROGRESS}:
        organization = await load_organization(tx, item.organization_id, lock=None)
        check_archived(organization, "transitionActionItem: open or start")
    if body.to in WITH_REASON and body.reason is None:
        raise at(ReasonRequired, "reason")
    await _verify(tx, item, body)
    item.status = body.to
    if body.to is ActionStatus.DONE:
        item.done_at = tx.now
    elif body.to is ActionStatus.IN_PROGRESS:
        item.done_at = None
    tx.touch(item)
    _keep_move(tx, item.id, before, item.status, body.reason)
    record_event(
        tx,
        f"action_item.{body.to.value}",
        item.id,
        organization_id=item.organization_id,
        data={"from": before.value, "to": body.to.value},
    )
    return await queries.get(tx, tx.principal, item.id, now=tx.now)


async def remove(tx: Tx, action_item_id: UUID) -> None:
    """Delete an action item with its notes and its history.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        Frozen: it is verified.
    """
    item = await _held(tx, action_item_id, "deleteActionItem")
    tx.expect(item)
    if item.status is ActionStatus.VERIFIED:
        raise Frozen("What was verified stays on record.")
    await tx.session.delete(item)
    record_event(tx, "action_item.deleted", item.id, organization_id=item.organization_id)


async def add_note(tx: Tx, action_item_id: UUID, body: ActionItemNoteCreate) -> ActionItemNoteRead:
    """Add a progress note.

    Raises:
        NotFound, Forbidden: as everywhere.
        Frozen: it is verified or dismissed.
    """
    item = await _held(tx, action_item_id, "addActionItemNote", lock="share")
    _ensure_alive(item)
    note = tx.insert(
        ActionItemNote,
        action_item_id=item.id,
        text=body.text,
        author_id=tx.principal.id,
        author_name=tx.principal.name,
    )
    record_event(
        tx,
        "action_item.note_added",
        item.id,
        organization_id=item.organization_id,
        data={"note_id": str(note["id"])},
    )
    return ActionItemNoteRead.model_validate(note)


async def _held(tx: Tx, action_item_id: UUID, operation: str, *, lock: str = "update") -> ActionItem:
    found = (
        await tx.session.execute(
            select(ActionItem, col(Organization.path))
            .join(
                Organization,
                (col(Organization.tenant_id) == col(ActionItem.tenant_id))
                & (col(Organization.id) == col(ActionItem.organization_id)),
            )
            .where(col(ActionItem.tenant_id) == tx.tenant_id, col(ActionItem.id) == action_item_id)
            .with_for_update(read=lock == "share", of=ActionItem)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    item, path = found
    require(tx.principal, operation, path)
    return item


def _ensure_alive(item: ActionItem) -> None:
    if item.status in FINAL:
        raise Frozen(f"The action item is {item.status.value}.")


async def _ensure_owner(tx: Tx, owner_id: UUID) -> None:
    await _person(tx, owner_id, "owner_id", unknown=UnknownOwner, inactive=InactiveOwner)


async def _verify(tx: Tx, item: ActionItem, body: ActionItemTransition) -> None:
    if body.to is not ActionStatus.VERIFIED:
        if body.verified_by is not None:
            raise at(VerifierUnexpected, "verified_by")
        return
    if body.verified_by is None:
        raise at(VerifierRequired, "verified_by")
    await _person(tx, body.verified_by, "verified_by", unknown=UnknownVerifier, inactive=InactiveVerifier)
    if body.verified_by == item.owner_id:
        raise VerifierIsOwner
    item.verified_by = body.verified_by


async def _person(tx: Tx, person_id: UUID, field: str, *, unknown: type[Invalid], inactive: type[Invalid]) -> None:
    """Hold an active person in the caller's sight until the commit."""
    found = (
        await tx.session.execute(
            select(Person, col(Organization.path))
            .join(
                Organization,
                (col(Organization.tenant_id) == col(Person.tenant_id))
                & (col(Organization.id) == col(Person.organization_id)),
            )
            .where(col(Person.tenant_id) == tx.tenant_id, col(Person.id) == person_id)
            .with_for_update(read=True, of=Person)
        )
    ).one_or_none()
    if found is None or not tx.principal.reads(found[1]):
        raise at(unknown, field)
    if not found[0].active:
        raise at(inactive, field)


def _keep_move(
    tx: Tx, action_item_id: UUID, before: ActionStatus | None, after: ActionStatus, reason: str | None
) -> None:
    tx.insert(
        ActionItemChange,
        action_item_id=action_item_id,
        from_status=before,
        to_status=after,
        reason=reason,
        actor_id=tx.principal.id,
        actor_name=tx.principal.name,
    )
