"""The course of an action item: where each status may go, and which moves need a reason."""

from collections.abc import Mapping
from typing import Final

from app.action_items.models import ActionStatus

_PROPOSED, _OPEN, _IN_PROGRESS, _BLOCKED, _DONE, _VERIFIED, _DISMISSED = ActionStatus

#: Where each status may go. From verified and from dismissed an item can be reopened.
TRANSITIONS: Final[Mapping[ActionStatus, tuple[ActionStatus, ...]]] = {
    _PROPOSED: (_OPEN, _DISMISSED),
    _OPEN: (_IN_PROGRESS, _DISMISSED),
    _IN_PROGRESS: (_BLOCKED, _DONE, _DISMISSED),
    _BLOCKED: (_IN_PROGRESS, _DONE, _DISMISSED),
    _DONE: (_IN_PROGRESS, _VERIFIED, _DISMISSED),
    _VERIFIED: (_IN_PROGRESS,),
    _DISMISSED: (_OPEN,),
}
#: Statuses in which an item changes only by being reopened.
CLOSED: Final = frozenset({_VERIFIED, _DISMISSED})
#: Statuses in which an item can no longer be overdue.
SETTLED: Final = frozenset({_DONE, *CLOSED})

_NEED_REASON: Final = frozenset({_BLOCKED, _DISMISSED})


def needs_reason(before: ActionStatus, to: ActionStatus) -> bool:
    """Return whether the move must have a reason: blocking, dismissing and reopening do."""
    return to in _NEED_REASON or before in CLOSED
