"""Record the event and the audit row of a change with one call."""

from typing import Any
from uuid import UUID

from app.db.ids import uuid7
from app.db.transaction import Tx
from app.events.changes import store_value, take_changes
from app.events.models import AuditEvent, OutboxEvent
from app.events.types import EVENT_TYPES

#: Subjects whose changes decide who may call: cached principals are dropped after the commit.
_CREDENTIALS = frozenset({"api_key", "participant", "principal", "role_grant", "seat"})


def record_event(
    tx: Tx,
    event: str,
    subject_id: UUID,
    *,
    organization_id: UUID | None = None,
    data: dict[str, Any] | None = None,
) -> UUID | None:
    """Record an event and an audit row in the transaction of the change.

    Followers get the event if its type is registered (`app.events.types`). The audit row is written in any case, with
    what the transaction has changed in the subject so far.

    Args:
        event: ``<subject type>.<what happened>``, such as ``assessment.opened``.
        data: JSON values that help a follower; never a vote's value, a comment or a secret.

    Returns:
        The id of the event; None where followers get none.
    """
    event_id: UUID | None = None
    subject_type = event.partition(".")[0]
    if subject_type in _CREDENTIALS:
        tx.principals_changed = True
    subject: dict[str, Any] = {
        "subject_type": subject_type,
        "subject_id": subject_id,
        "organization_id": organization_id,
    }
    common = {**subject, "request_id": tx.request_id, "data": data or {}}
    if event in EVENT_TYPES:
        tx.events_recorded = True
        event_id = tx.insert(OutboxEvent, type=event, **common)["id"]
    audit_id = uuid7()
    address, person = tx.source_address, _get_person(tx)
    is_personal = address is not None and person is not None
    tx.insert(
        AuditEvent,
        id=audit_id,
        actor_id=tx.principal.id,
        actor_kind=tx.principal.kind,
        action=event,
        operation=tx.operation,
        outcome="done",
        source_address=None if is_personal else address,
        source_ref=store_value(tx, audit_id, person, address) if is_personal else None,
        changes=take_changes(tx, audit_id, subject_id),
        **common,
    )
    return event_id


def record_vote(tx: Tx, action: str, assessment_id: UUID, *, organization_id: UUID, data: dict[str, Any]) -> None:
    """Record that a vote was cast, in the hidden chain of the audit trail alone.

    Unless a key enters a paper ballot, the row has neither an actor nor an address: both would say who has voted. No
    answer over HTTP depends on the row, because its moment can say so too.
    """
    is_named = tx.principal.key is not None
    audit_id, person = uuid7(), _get_person(tx) if is_named else None
    is_personal = person is not None and tx.source_address is not None
    tx.insert(
        AuditEvent,
        id=audit_id,
        actor_id=tx.principal.id if is_named else None,
        actor_kind=tx.principal.kind,
        action=action,
        operation=tx.operation,
        outcome="done",
        subject_type="assessment",
        subject_id=assessment_id,
        organization_id=organization_id,
        request_id=tx.request_id,
        source_address=tx.source_address if is_named and not is_personal else None,
        source_ref=store_value(tx, audit_id, person, tx.source_address) if is_personal else None,
        data=data,
        hidden=True,
    )


def record_refusal(
    tx: Tx, subject_type: str, subject_id: UUID | None, *, code: str, data: dict[str, Any], hidden: bool
) -> None:
    """Record that a write was refused.

    Args:
        code: the stable code of the refusal.
        hidden: the refusal could say who has voted; then the row has neither an actor nor an address.
    """
    audit_id, person, address = uuid7(), _get_person(tx), tx.source_address
    is_personal = address is not None and person is not None and not hidden
    tx.insert(
        AuditEvent,
        id=audit_id,
        actor_id=None if hidden else tx.principal.id,
        actor_kind=tx.principal.kind,
        action="request.refused",
        operation=tx.operation,
        outcome="refused",
        code=code,
        subject_type=subject_type,
        subject_id=None if hidden else subject_id,
        request_id=tx.request_id,
        source_address=None if is_personal or hidden else address,
        source_ref=store_value(tx, audit_id, person, address) if is_personal else None,
        data=data,
        hidden=hidden,
    )


def _get_person(tx: Tx) -> UUID | None:
    """Return whom the caller's address is about: a person, or the seat that a person holds; None: a machine."""
    principal = tx.principal
    return principal.person_id if principal.seat is None else principal.id
