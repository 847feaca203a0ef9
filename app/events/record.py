"""Record the event and the audit row of a change with one call."""

from typing import Any
from uuid import UUID

from app.db.transaction import Tx
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
    anonymous: bool = False,
) -> None:
    """Record an event and an audit row in the transaction of the change.

    Followers get the event if its type is registered (`app.events.types`); the audit row is written in any case.

    Args:
        event: ``<subject type>.<what happened>``, such as ``assessment.opened``.
        data: JSON values that help a follower; never a vote's value, a comment or a secret.
        anonymous: omit the actor from the audit row, because the actor would reveal who has voted.
    """
    subject_type = event.partition(".")[0]
    if subject_type in _CREDENTIALS:
        tx.principals_changed = True
    tx.events_recorded = True
    common: dict[str, Any] = {
        "subject_type": subject_type,
        "subject_id": subject_id,
        "organization_id": organization_id,
        "request_id": tx.request_id,
        "data": data or {},
    }
    if event in EVENT_TYPES:
        tx.insert(OutboxEvent, type=event, **common)
    tx.insert(
        AuditEvent,
        actor_id=None if anonymous else tx.principal.id,
        actor_kind=tx.principal.kind,
        action=event,
        outcome="done",
        **common,
    )
