"""Make the transitions of action items."""

from typing import Any, Final
from uuid import UUID

from app.action_items.errors import (
    InactiveVerifier,
    UnknownVerifier,
    VerifierIsOwner,
    VerifierRequired,
    VerifierUnexpected,
    error_at,
)
from app.action_items.history import compare, record_change
from app.action_items.lifecycle import TRANSITIONS, needs_reason
from app.action_items.locking import lock_action_item, require_active_person
from app.action_items.models import ActionItem, ActionStatus
from app.action_items.schemas import ActionItemTransition
from app.db.transaction import Tx
from app.errors import InvalidTransition, ReasonRequired
from app.events.record import record_event
from app.tree.archived import check_archived
from app.tree.organizations import load_organization

#: Statuses in which work begins. In an archived organization no item may enter them.
_STARTS: Final = frozenset({ActionStatus.OPEN, ActionStatus.IN_PROGRESS})


async def transition(tx: Tx, action_item_id: UUID, body: ActionItemTransition) -> UUID:
    """Make a transition of an action item.

    Raises:
        NotFound, Forbidden: the item is not visible to the caller, or the caller may not make this transition.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InvalidTransition: the present status does not allow this transition.
        ReasonRequired: blocking, dismissing and reopening need a reason.
        OrganizationArchived: the organization is archived, and the item would be opened or started.
        VerifierRequired, VerifierUnexpected, UnknownVerifier, InactiveVerifier: ``verified_by`` is missing, not taken
            by this transition, not visible to the caller, or not active.
        VerifierIsOwner: the verifier owned the item when it was done.
    """
    item = await lock_action_item(tx, action_item_id, "transitionActionItem")
    tx.expect(item)
    before = item.status
    if body.to not in TRANSITIONS[before]:
        raise InvalidTransition(before, TRANSITIONS[before])
    if body.to in _STARTS:
        organization = await load_organization(tx, item.organization_id, lock=None)
        check_archived(organization, "transitionActionItem: open or start")
    if needs_reason(before, body.to) and body.reason is None:
        raise error_at(ReasonRequired, "reason")
    await _check_verifier(tx, item, body)
    changes = _get_effects(tx, item, body)
    record_change(tx, item.id, before, body.to, changes=compare(item, changes), reason=body.reason)
    for name, value in changes.items():
        setattr(item, name, value)
    item.status = body.to
    tx.touch(item)
    record_event(
        tx,
        f"action_item.{body.to.value}",
        item.id,
        organization_id=item.organization_id,
        data={"from": before.value, "to": body.to.value},
    )
    return item.id


def _get_effects(tx: Tx, item: ActionItem, body: ActionItemTransition) -> dict[str, Any]:
    """Return the fields that the transition sets."""
    if body.to is ActionStatus.DONE:
        return {"done_at": tx.now, "done_owner_id": item.owner_id}
    if body.to is ActionStatus.VERIFIED:
        return {"verified_by": body.verified_by}
    if body.to in _STARTS:
        return {"done_at": None, "done_owner_id": None, "verified_by": None}
    return {}


async def _check_verifier(tx: Tx, item: ActionItem, body: ActionItemTransition) -> None:
    if body.to is not ActionStatus.VERIFIED:
        if body.verified_by is not None:
            raise error_at(VerifierUnexpected, "verified_by")
        return
    if body.verified_by is None:
        raise error_at(VerifierRequired, "verified_by")
    await require_active_person(tx, body.verified_by, "verified_by", unknown=UnknownVerifier, inactive=InactiveVerifier)
    # The owner at the time the work was done must not verify it, even after the item was given to another owner.
    if body.verified_by == item.done_owner_id:
        raise VerifierIsOwner
