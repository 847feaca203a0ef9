"""The rule of employment: what a change of its status and dates makes of a person.

A person who leaves stays the same person. When they come back, the employment that had ended is kept beside the new
one. It is only continued where the caller sends the day on which it began, as one does to correct a mistake.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final, Protocol

from app.errors import FieldError
from app.people.errors import LeftBeforeHired
from app.people.models import EmploymentStatus

_KEPT: Final = ("employee_number", "position", "department", "hired_on", "left_on")


class Employed(Protocol):
    """What a person has of an employment."""

    active: bool
    on_leave: bool
    hired_on: date | None
    left_on: date | None


class Turn(StrEnum):
    """What a change is beyond a change of fields."""

    LEFT = "left"
    REHIRED = "rehired"


@dataclass(frozen=True, slots=True)
class Settled:
    """What a change makes of an employment.

    Attributes:
        fields: the columns to set.
        turn: whether the person leaves or comes back.
        former: the employment to keep, where the person is hired again.
    """

    fields: dict[str, Any]
    turn: Turn | None = None
    former: dict[str, Any] | None = field(default=None)


def status_of(person: Employed) -> EmploymentStatus:
    """Return the employment status of a person."""
    if not person.active:
        return EmploymentStatus.LEFT
    return EmploymentStatus.ON_LEAVE if person.on_leave else EmploymentStatus.ACTIVE


def settle(person: Employed | None, changes: Mapping[str, Any]) -> Settled:
    """Return what a change makes of an employment.

    Args:
        person: as they are; None: they are new.
        changes: those of `active`, `employment_status`, `hired_on` and `left_on` that were sent. The first two must
            agree.

    Raises:
        LeftBeforeHired: the days are in the wrong order.
    """
    was = EmploymentStatus.ACTIVE if person is None else status_of(person)
    status = _wanted(was, changes)
    returns = person is not None and was is EmploymentStatus.LEFT and status is not EmploymentStatus.LEFT
    hired_on = changes.get("hired_on", None if person is None or returns else person.hired_on)
    left_on = changes.get("left_on", None if person is None or returns else person.left_on)
    if hired_on is not None and left_on is not None and left_on < hired_on:
        pointer = "/body/left_on" if "left_on" in changes else "/body/hired_on"
        raise LeftBeforeHired(errors=[FieldError(pointer, LeftBeforeHired.code, LeftBeforeHired.title)])
    fields = {
        "active": status is not EmploymentStatus.LEFT,
        "on_leave": status is EmploymentStatus.ON_LEAVE,
        "hired_on": hired_on,
        "left_on": left_on,
    }
    if person is None or (status is EmploymentStatus.LEFT) == (was is EmploymentStatus.LEFT):
        return Settled(fields)
    if not returns:
        return Settled(fields, Turn.LEFT)
    if hired_on is not None and hired_on == person.hired_on:
        return Settled(fields, Turn.REHIRED)
    return Settled(fields, Turn.REHIRED, {name: getattr(person, name) for name in _KEPT})


def _wanted(was: EmploymentStatus, changes: Mapping[str, Any]) -> EmploymentStatus:
    if "employment_status" in changes:
        return EmploymentStatus(changes["employment_status"])
    active = changes.get("active", was is not EmploymentStatus.LEFT)
    if active == (was is not EmploymentStatus.LEFT):
        return was
    return EmploymentStatus.ACTIVE if active else EmploymentStatus.LEFT
