"""Create, change and delete action items, and add progress notes."""

from typing import Any
from uuid import UUID

from sqlmodel import col, select

from app.action_items.errors import InactiveOwner, UnknownOwner
from app.action_items.history import compare, record_change
from app.action_items.locking import (
    ensure_not_closed,
    lock_action_item,
    lock_organization_and_owner,
    require_active_person,
)
from app.action_items.models import ActionItem, ActionItemChange, ActionItemNote, ActionStatus
from app.action_items.schemas import ActionItemCreate, ActionItemNoteCreate, ActionItemPatch
from app.action_items.source import check_gap, find_source, lowest_score
from app.db.transaction import Tx
from app.errors import Frozen
from app.events.record import record_event
from app.text import search_key


async def create(tx: Tx, body: ActionItemCreate) -> UUID:
    """Propose an action item, free or from a gap.

    Raises:
        NotFound: no such organization is visible to the caller.
        Forbidden: the caller may not propose there.
        OrganizationArchived: the organization takes nothing new.
        UnknownOwner, InactiveOwner: the caller cannot see the owner, or the owner is not active.
        AppError: as `find_source` raises.
    """
    source = await find_source(tx, body)
    await lock_organization_and_owner(tx, source.organization_id, body.owner_id)
    item = tx.insert(
        ActionItem,
        organization_id=source.organization_id,
        assessment_id=body.assessment_id,
        practices=body.practices,
        title=source.title,
        title_key=search_key(source.title),
        description=body.description,
        owner_id=body.owner_id,
        due_on=body.due_on,
        effort=body.effort,
        expected_level=source.expected_level,
        gap_score=source.gap_score,
    )
    item_id: UUID = item["id"]
    record_change(tx, item_id, None, ActionStatus.PROPOSED)
    assessment_id = None if body.assessment_id is None else str(body.assessment_id)
    record_event(
        tx,
        "action_item.created",
        item_id,
        organization_id=source.organization_id,
        data={"assessment_id": assessment_id, "practices": body.practices},
    )
    return item_id


async def patch(tx: Tx, action_item_id: UUID, body: ActionItemPatch) -> UUID:
    """Change the fields of an action item. A patch that changes nothing keeps the version.

    Raises:
        NotFound, Forbidden: the item is not visible to the caller, or the caller may not change it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        Frozen: it is verified or dismissed.
        UnknownOwner, InactiveOwner: the caller cannot see the owner, or the owner is not active.
        AppError: as `check_gap` raises, if the practices or the assessment change.
    """
    item = await lock_action_item(tx, action_item_id, "updateActionItem")
    tx.expect(item)
    ensure_not_closed(item)
    changes = _get_differences(item, body.changes())
    owner_id = changes.get("owner_id")
    if owner_id is not None:
        await require_active_person(tx, owner_id, "owner_id", unknown=UnknownOwner, inactive=InactiveOwner)
    if changes.keys() & {"assessment_id", "practices"}:
        changes |= _get_differences(item, {"gap_score": await _find_gap_score(tx, item, changes)})
    if not changes:
        return item.id
    record_change(tx, item.id, item.status, item.status, changes=compare(item, changes))
    for name, value in changes.items():
        setattr(item, name, value)
    item.title_key = search_key(item.title)
    tx.touch(item)
    record_event(
        tx,
        "action_item.updated",
        item.id,
        organization_id=item.organization_id,
        data={"fields": sorted(changes)},
    )
    return item.id


async def remove(tx: Tx, action_item_id: UUID) -> None:
    """Delete an action item with its notes and its history.

    Raises:
        NotFound, Forbidden: the item is not visible to the caller, or the caller may not delete it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        Frozen: it is verified, or was before it was reopened.
    """
    item = await lock_action_item(tx, action_item_id, "deleteActionItem")
    tx.expect(item)
    if item.status is ActionStatus.VERIFIED or await _was_verified(tx, item):
        raise Frozen("An item that was verified stays on record.")
    await tx.session.delete(item)
    record_event(tx, "action_item.deleted", item.id, organization_id=item.organization_id)


async def add_note(tx: Tx, action_item_id: UUID, body: ActionItemNoteCreate) -> UUID:
    """Add a progress note.

    Raises:
        NotFound, Forbidden: the item is not visible to the caller, or the caller may not add notes to it.
        Frozen: it is verified or dismissed.
    """
    item = await lock_action_item(tx, action_item_id, "addActionItemNote", lock="share")
    ensure_not_closed(item)
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
    note_id: UUID = note["id"]
    return note_id


def _get_differences(item: ActionItem, fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if getattr(item, name) != value}


async def _find_gap_score(tx: Tx, item: ActionItem, changes: dict[str, Any]) -> int | None:
    assessment_id = changes.get("assessment_id", item.assessment_id)
    if assessment_id is None:
        return None
    practices = changes.get("practices", item.practices)
    return lowest_score(await check_gap(tx, assessment_id, practices, item.organization_id))


async def _was_verified(tx: Tx, item: ActionItem) -> bool:
    found = await tx.session.scalar(
        select(ActionItemChange.id)
        .where(
            col(ActionItemChange.tenant_id) == tx.tenant_id,
            col(ActionItemChange.action_item_id) == item.id,
            col(ActionItemChange.to_status) == ActionStatus.VERIFIED,
        )
        .limit(1)
    )
    return found is not None
