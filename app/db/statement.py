"""The hot read path: Core statements compiled once, run as prepared statements on asyncpg connections.

A read through an ORM session costs several hundred microseconds of Python; a prepared statement costs about thirty.
So statements are written with SQLAlchemy Core over the tables (a renamed column breaks a test, not a query string),
compiled to SQL text once, and run directly. A `Read` runs equally on a pooled connection (`app.db.pool.Pool`) and
inside a write's own transaction (`app.db.transaction.Tx`), which is how a write answers with what it just stored.

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
    """One statement, compiled at import; parameters are named where it is written and positional where it runs.

    Write `column == any_(array)`, not `in_`: a list of unknown length has no text that could be prepared.

    Attributes:
        sql: the statement for a transaction, which has set its tenant.
        pooled_sql: the statement for a pooled connection: it sets the tenant of its parameter ``tenant_id``. Without
            that parameter it sees no row of a tenant there.
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
        """Return the positional arguments for these named ones. A missing name keeps its constant, or null."""
        return list(map({**self._constants, **values}.get, self._order))


def set_tenant(query: str, position: int) -> str:
    """Return a query that sets ``app.tenant`` for its own duration and then reads as the given one does.

    PostgreSQL must set it before it touches the first table, because a policy that looks too early hides every row and
    reports nothing. The order of a join or of conditions is the planner's. A LATERAL subquery that refers to the
    setting runs after it, and OFFSET 0 keeps the planner from taking the subquery apart.

    Args:
        position: of the parameter that holds the tenant.
    """
    setting = f"select set_config('app.tenant', ${position}::uuid::text, true) as tenant"
    answer = f"select * from ({query}) as query where setting.tenant is not null offset 0"  # noqa: S608  # own text
    return f"select answer.* from ({setting}) as setting cross join lateral ({answer}) as answer"  # noqa: S608


def from_json(value: Any) -> Any:
    """Return an array or object column: text on a hot connection, already parsed inside a write's transaction."""
    return json.loads(value) if isinstance(value, str) else value


class ReadCache:
    """Statements made on demand from the filters in use, kept in a bounded cache."""

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
