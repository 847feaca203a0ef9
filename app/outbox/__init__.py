"""Events and audit rows, written in the transaction of the change they tell of."""

from app.outbox.models import AuditEvent, OutboxEvent
from app.outbox.record import record

__all__ = ["AuditEvent", "OutboxEvent", "record"]
