"""A scene: one thing somebody did through a service, at one instant of the story."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from app.db.transaction import Preconditions, Tx
from app.demo.sandbox import DEFAULT_DAY
from app.principal import Principal

#: Whoever changes something in the story has just read it.
AS_READ = Preconditions(has_if_match=True)
FRESH = Preconditions()
_SATURDAY, _SUNDAY = 5, 6


@dataclass
class World:
    """What the scenes so far have made."""

    today: date
    ids: dict[tuple[str, str], UUID] = field(default_factory=dict)
    callers: dict[str, Principal] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """The codes of open invitations, by session and seat."""

    def id_of(self, kind: str, key: str | None) -> UUID | None:
        """The id of what the story calls by this key; None for None."""
        return None if key is None else self.ids[kind, key]

    def the(self, kind: str, key: str) -> UUID:
        """The id of what the story calls by this key."""
        return self.ids[kind, key]


Do = Callable[[Tx, World], Awaitable[UUID | None]]


@dataclass(frozen=True)
class Scene:
    """What happens.

    Args:
        name: no other scene's; its keys and secrets follow from it.
        at: when, from noon UTC of today.
        by: the caller, by the name of a role or of a seat.
        do: does it, and returns the id of what it made, if `makes` says what that is.
        makes: kind and key in the story of what is made.
        changes: whether something stored is changed, which needs to have been read.
    """

    name: str
    at: timedelta
    by: str
    do: Do
    makes: tuple[str, str] | None = None
    changes: bool = False


def ago(days: int, clock: str = "15:00", minutes: int = 0) -> timedelta:
    """An instant so many days before today, or on the working day before that one.

    Args:
        clock: the time of the day, UTC.
        minutes: so many later.
    """
    weekday = (DEFAULT_DAY - timedelta(days=days)).weekday()
    days += {_SATURDAY: 1, _SUNDAY: 2}.get(weekday, 0)
    hour, minute = map(int, clock.split(":"))
    return timedelta(days=-days, hours=hour - 12, minutes=minute + minutes)
