"""The course of an action item, as a table: proposed, open, in progress or blocked, done, verified; or dismissed."""

from collections.abc import Mapping
from typing import Final

from app.action_items.models import ActionStatus

_PROPOSED, _OPEN, _IN_PROGRESS, _BLOCKED, _DONE, _VERIFIED, _DISMISSED = ActionStatus

#: Where each status may go.
TRANSITIONS: Final[Mapping[ActionStatus, tuple[ActionStatus, ...]]] = {
    _PROPOSED: (_OPEN, _DISMISSED),
    _OPEN: (_IN_PROGRESS, _DISMISSED),
    _IN_PROGRESS: (_BLOCKED, _DONE, _DISMISSED),
    _BLOCKED: (_IN_PROGRESS, _DONE, _DISMISSED),
    _DONE: (_IN_PROGRESS, _VERIFIED, _DISMISSED),
    _VERIFIED: (),
    _DISMISSED: (),
}
#: Statuses in which nothing of an item can change any more.
FINAL: Final = frozenset({_VERIFIED, _DISMISSED})
#: Statuses in which an item can no longer be overdue.
SETTLED: Final = frozenset({_DONE, *FINAL})
#: Moves to these must say why.
WITH_REASON: Final = frozenset({_BLOCKED, _DISMISSED})
