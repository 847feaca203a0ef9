"""Reads: SQLAlchemy Core statements, compiled once and run as prepared statements on asyncpg connections.

A read through an ORM session costs several hundred microseconds of Python; a prepared statement costs about thirty. So
statements are written with SQLAlchemy Core, which knows the columns of the tables, compiled to SQL text once, and run
directly. A `Read` runs on a pooled connection (`app.db.pool.Pool`) and in the transaction of a write
(`app.db.transaction.Tx`). That is how a write answers with what it has just stored.

Row-level security shows the service the rows of the tenant that ``app.tenant`` names, and none without it. A
transaction sets it when it begins. On a pooled connection a read sets it itself, in its own statement: see
`set_tenant`.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import Executable

TENANT_PARAMETER = "tenant_id"
DIALECT = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
Row = Mapping[str, Any]


class Read:
    """One statement, compiled at import. Its parameters have names in Python and positions in SQL.

    Write `column == any_(array)` instead of `in_`: the text of a prepared statement cannot depend on the length of a
    list.

    Attributes:
        sql: the statement for a transaction, which has set its tenant.
        pooled_sql: the statement for a pooled connection, which sets the tenant by its parameter ``tenant_id``. A
            statement without that parameter sees no row of any tenant.
    """

    __slots__ = ("__weakref__", "_constants", "_order", "pooled_sql", "sql")

    def __init__(self, statement: Executable) -> None:
        compiled = statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
        self.sql: str = compiled.string
        self._order: tuple[str, ...] = tuple(compiled.positiontup or ())
        self._constants: dict[str, Any] = {name: value for name, value in compiled.params.items() if value is not None}
        self.pooled_sql = self.sql
        if TENANT_PARAMETER in self._order:
            self.pooled_sql = set_tenant(self.sql, self._order.index(TENANT_PARAMETER) + 1)

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the values by position. A parameter without a value keeps the statement's constant, or is null."""
        return list(map({**self._constants, **values}.get, self._order))


def set_tenant(query: str, position: int) -> str:
    """Return a query that sets ``app.tenant`` for its own duration and then reads as the given one does.

    PostgreSQL must set it before it reads the first table: a policy that finds no tenant hides every row without an
    error. The planner may reorder joins and conditions. But a LATERAL subquery that refers to the setting runs after
    it, and OFFSET 0 keeps the planner from merging the subquery into the outer query.

    Args:
        position: of the parameter that holds the tenant.
    """
    setting = f"select set_config('app.tenant', ${position}::uuid::text, true) as tenant"
    answer = f"select * from ({query}) as query where setting.tenant is not null offset 0"  # noqa: S608  # own text
    return f"select answer.* from ({setting}) as setting cross join lateral ({answer}) as answer"  # noqa: S608


def from_json(value: Any) -> Any:
    """Return the value of a JSON column, which is text on a pooled connection and parsed in a write's transaction."""
    return json.loads(value) if isinstance(value, str) else value


class ReadCache:
    """A bounded cache of statements that are built at their first use, one for each combination of filters."""

    def __init__(self, build: Callable[..., Executable], *, size: int = 256) -> None:
        self._build = build
        self._size = size
        self._made: OrderedDict[Hashable, Read] = OrderedDict()

    def get(self, *shape: Hashable) -> Read:
        """Return the statement of this shape: `build(*shape)`, compiled at its first use."""
        read = self._made.get(shape)
        if read is None:
            read = self._made[shape] = Read(self._build(*shape))
            if len(self._made) > self._size:
                self._made.popitem(last=False)
        return read


class Reader(Protocol):
    """Runs a `Read`: the pool, or a write's transaction."""

    async def fetch(self, read: Read, **values: Any) -> Sequence[Row]:
        """Return all rows."""

    async def fetch_one(self, read: Read, **values: Any) -> Row | None:
        """Return the first row, or None."""
