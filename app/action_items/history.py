"""Record the history of an action item: who changed what, when, and why."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python

from app.action_items.models import ActionItem, ActionItemChange, ActionStatus
from app.action_items.schemas import ChangedField
from app.db.transaction import Tx


def compare(item: ActionItem, changes: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the values before and after these changes, by field. Call it before you change the item."""
    return {name: (getattr(item, name), value) for name, value in changes.items()}


def record_change(
    tx: Tx,
    action_item_id: UUID,
    before: ActionStatus | None,
    after: ActionStatus,
    *,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    reason: str | None = None,
) -> None:
    """Add a change to an action item's history.

    Args:
        before: the status before; None: the item is new.
        changes: values before and after, by field. Those of the fields in `ChangedField` are kept if they differ.
        reason: the reason that the caller gave, or None.
    """
    kept = [
        {"field": field.value, "before": values[0], "after": values[1]}
        for field in ChangedField
        if (values := (changes or {}).get(field.value)) is not None and values[0] != values[1]
    ]
    tx.insert(
        ActionItemChange,
        action_item_id=action_item_id,
        from_status=before,
        to_status=after,
        changes=to_jsonable_python(kept) if kept else None,
        reason=reason,
        actor_id=tx.principal.id,
        actor_name=tx.principal.name,
    )
