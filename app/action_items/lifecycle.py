"""The statuses of an action item, and the transitions between them."""

from collections.abc import Mapping
from typing import Final

from app.action_items.models import ActionStatus

_PROPOSED, _OPEN, _IN_PROGRESS, _BLOCKED, _DONE, _VERIFIED, _DISMISSED = ActionStatus

#: The statuses that may follow each status. The one after verified and the one after dismissed reopen the item.
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
    """Return whether the transition needs a reason. Blocking, dismissing and reopening do."""
    return to in _NEED_REASON or before in CLOSED
