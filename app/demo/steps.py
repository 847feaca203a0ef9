"""Steps: one call of a service at one instant, by one caller."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from app.db.transaction import Preconditions, Tx
from app.demo.sandbox import DEFAULT_DAY
from app.principal import Principal

#: A caller that changes a resource has just read it.
AFTER_READ = Preconditions(has_if_match=True)
NO_PRECONDITIONS = Preconditions()
_SATURDAY, _SUNDAY = 5, 6


@dataclass
class DemoState:
    """The ids, callers and invitation codes that earlier steps created."""

    today: date
    ids: dict[tuple[str, str], UUID] = field(default_factory=dict)
    callers: dict[str, Principal] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """The codes of open invitations, by session and seat."""

    def id_of(self, kind: str, key: str | None) -> UUID | None:
        """Return the id of a resource by its key in the data files; None for None."""
        return None if key is None else self.ids[kind, key]

    def the(self, kind: str, key: str) -> UUID:
        """Return the id of a resource by its key in the data files."""
        return self.ids[kind, key]


Action = Callable[[Tx, DemoState], Awaitable[UUID | None]]


@dataclass(frozen=True)
class Step:
    """One call of a service.

    Args:
        name: unique among the steps. The ids and secrets of the step derive from it.
        at: the instant, relative to noon UTC of today.
        by: the caller, as the name of a role or of a seat.
        action: performs the call and returns the id of the new resource, if `makes` names one.
        makes: the kind and key of the new resource in the data files.
        changes: whether the step changes a stored resource, which requires If-Match.
    """

    name: str
    at: timedelta
    by: str
    action: Action
    makes: tuple[str, str] | None = None
    changes: bool = False


def ago(days: int, clock: str = "15:00", minutes: int = 0) -> timedelta:
    """Return an instant a number of days before today, moved back to a Friday from a weekend.

    Args:
        clock: the time of day, UTC.
        minutes: minutes to add.
    """
    weekday = (DEFAULT_DAY - timedelta(days=days)).weekday()
    days += {_SATURDAY: 1, _SUNDAY: 2}.get(weekday, 0)
    hour, minute = map(int, clock.split(":"))
    return timedelta(days=-days, hours=hour - 12, minutes=minute + minutes)
