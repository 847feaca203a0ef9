"""Deferred inserts of rows that their transaction neither reads nor changes: history, events, created resources.

Building a model takes 150 microseconds, and a flush several hundred, with one statement for each table. So these rows
are plain mappings, checked against the columns of the table. One statement sends all the rows of a transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from pydantic_core import PydanticUndefined
from sqlalchemy import bindparam, insert, inspect
from sqlalchemy.sql.dml import UpdateBase
from sqlmodel import SQLModel

from app.db.base import SET_BY_DATABASE
from app.db.connection import Connection
from app.db.statement import DIALECT

Bind = Callable[[str, Any], Any]
Values = Mapping[str, Any]


class Change:
    """A statement that writes one row and can be sent together with others.

    Args:
        build: makes the statement. It gets a function that makes a parameter from a name and a type.
    """

    def __init__(self, build: Callable[[Bind], UpdateBase]) -> None:
        self.build = build


class Insertion(Change):
    """The INSERT of a row into a table: all columns but those that the database sets.

    Args:
        is_scripted: set the instant of creation here and not in the database. The sandbox writes past events this way.
    """

    def __init__(self, table: type[SQLModel], *, is_scripted: bool = False) -> None:
        columns = [
            column
            for column in inspect(table).local_table.columns
            if column.computed is None
            and (SET_BY_DATABASE not in column.info or (is_scripted and column.name == "created_at"))
        ]
        super().__init__(lambda bind: insert(table).values({one.name: bind(one.name, one.type) for one in columns}))
        self.table: str = str(table.__tablename__)
        self.columns = frozenset(column.name for column in columns)
        fields = {name: field for name, field in table.model_fields.items() if name in self.columns}
        self._constants = {
            name: field.default
            for name, field in fields.items()
            if field.default is not PydanticUndefined and field.default_factory is None
        }
        self._made: dict[str, Callable[[], Any]] = {
            name: field.default_factory  # type: ignore[misc]  # none of ours takes the other fields
            for name, field in fields.items()
            if field.default_factory is not None
        }

    def row(self, values: Values) -> dict[str, Any]:
        """Return a whole row: these values, and the model's defaults for what they leave out.

        Raises:
            TypeError: a column without a default has no value, or a name is no column.
        """
        made = {name: make() for name, make in self._made.items() if name not in values}
        row = {**self._constants, **made, **values}
        if row.keys() != self.columns:
            raise TypeError(f"missing or unknown columns: {sorted(row.keys() ^ self.columns)}")
        return row


@cache
def insertion(table: type[SQLModel], *, is_scripted: bool = False) -> Insertion:
    """Return the INSERT into a table."""
    return Insertion(table, is_scripted=is_scripted)


class _CombinedStatement:
    """Several changes as one statement: the WITH clause has all but the last."""

    def __init__(self, *changes: Change) -> None:
        places: dict[str, tuple[int, str]] = {}

        def binder(at: int) -> Bind:
            def bind(name: str, kind: Any) -> Any:
                places[f"{name}_{at}"] = (at, name)
                return bindparam(f"{name}_{at}", type_=kind)

            return bind

        *others, last = (change.build(binder(at)) for at, change in enumerate(changes))
        whole: Any = last.add_cte(*(other.cte(f"change_{at}") for at, other in enumerate(others)))
        compiled = whole.compile(dialect=DIALECT)
        self.sql: str = compiled.string
        self._order = [
            (*places[name], compiled.binds[name].type.dialect_impl(DIALECT).bind_processor(DIALECT))
            for name in compiled.positiontup
        ]

    def arguments(self, rows: Sequence[Values]) -> list[Any]:
        """Return the positional arguments for these rows, one for each change."""
        return [
            value if (value := rows[at][name]) is None or process is None else process(value)
            for at, name, process in self._order
        ]


_together = lru_cache(maxsize=256)(_CombinedStatement)


async def send(connection: Connection, changes: Sequence[tuple[Change, Values]]) -> None:
    """Make all changes in one round trip. If a kind of change occurs twice, each kind takes one round trip."""
    rows: dict[Change, list[Values]] = {}
    for change, row in changes:
        rows.setdefault(change, []).append(row)
    if len(rows) == len(changes):
        whole = _together(*rows)
        await connection.fetch(whole.sql, whole.arguments([row for _, row in changes]))
        return
    for change, own in rows.items():
        alone = _together(change)
        await connection.raw.executemany(alone.sql, [alone.arguments([row]) for row in own])
