"""What the session of a transaction changes, row by row, with the values before and after.

A flush forgets the values before it. So they are remembered when it begins, until somebody asks for them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

_FLUSHED, _TAKEN = "flushed rows", "taken values"


class RowEffect(StrEnum):
    """What happens to a row."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that is written.

    Attributes:
        fields: the values before and after, by column; None where there is none.
    """

    row: Any
    effect: RowEffect
    fields: dict[str, tuple[Any, Any]]


def remember_rows(session: Session) -> None:
    """Remember what the flush that begins will change."""
    session.info.setdefault(_FLUSHED, []).extend(_pending(session))


def take_rows(session: Session, matches: Callable[[Any], bool]) -> list[RowChange]:
    """Return what was changed in the rows that match, each value once."""
    flushed: list[RowChange] = session.info.get(_FLUSHED, [])
    found = [change for change in (*flushed, *_pending(session)) if matches(change.row)]
    session.info[_FLUSHED] = [change for change in flushed if not matches(change.row)]
    taken: dict[Any, Any] = session.info.setdefault(_TAKEN, {})
    for change in found:
        # The row is kept with the value, because the address of a row that is gone would be that of another one.
        taken.update(
            {(id(change.row), change.effect, name): (change.row, after) for name, (_, after) in change.fields.items()}
        )
    return found


def forget_rows(session: Session) -> None:
    """Forget what was changed and taken so far, once nobody asks for it any more: a long transaction stays small."""
    for name in (_FLUSHED, _TAKEN):
        session.info.pop(name, None)


def _pending(session: Session) -> Iterator[RowChange]:
    taken: dict[Any, Any] = session.info.get(_TAKEN, {})
    kinds = ((RowEffect.CREATED, session.new), (RowEffect.CHANGED, session.dirty), (RowEffect.DELETED, session.deleted))
    for effect, rows in kinds:
        for row in rows:
            fields = {
                name: values
                for name, values in _fields(row, effect).items()
                if (id(row), effect, name) not in taken or taken[id(row), effect, name][1] != values[1]
            }
            if fields or (effect is RowEffect.DELETED and not taken):
                yield RowChange(row, effect, fields)


def _fields(row: Any, effect: RowEffect) -> dict[str, tuple[Any, Any]]:
    state = inspect(row)
    columns = state.mapper.local_table.columns
    names = [attribute.key for attribute in state.mapper.column_attrs if attribute.key in columns]
    if effect is RowEffect.CREATED:
        return {name: (None, state.dict[name]) for name in names if state.dict.get(name) is not None}
    if effect is RowEffect.DELETED:
        return {name: (state.dict[name], None) for name in names if state.dict.get(name) is not None}
    changed = {}
    for name in names:
        history = state.attrs[name].history
        if history.has_changes() and history.deleted and history.added:
            changed[name] = (history.deleted[0], history.added[0])
    return changed
