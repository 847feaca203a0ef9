"""The hot read path: Core statements compiled once, run as prepared statements on asyncpg connections.

A read through an ORM session costs several hundred microseconds of Python; a prepared statement costs about thirty.
So statements are written with SQLAlchemy Core over the tables (a renamed column breaks a test, not a query string),
compiled to SQL text once, and run directly. A `Read` runs equally on a pooled connection (`ReadPool`) and inside a
write's own transaction (`app.db.transaction.Tx`), which is how a write answers with what it just stored.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import asyncpg
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import Executable

from app.db.connections import Connection, Slots
from app.db.errors import OF_READS, of_database
from app.errors import Unavailable

DIALECT = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
Row = Mapping[str, Any]


class Read:
    """One statement, compiled at import; parameters are named where it is written and positional where it runs.

    Write `column == any_(array)`, not `in_`: a list of unknown length has no text that could be prepared.
    """

    __slots__ = ("_constants", "_order", "sql")

    def __init__(self, statement: Executable) -> None:
        compiled = statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
        self.sql: str = compiled.string
        self._order: tuple[str, ...] = tuple(compiled.positiontup or ())
        self._constants: dict[str, Any] = {name: value for name, value in compiled.params.items() if value is not None}

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The positional arguments for these named ones; a name the caller left out keeps its constant, or null."""
        constants = self._constants
        return [values[name] if name in values else constants.get(name) for name in self._order]


def from_json(value: Any) -> Any:
    """An array or object column: text on a hot connection, already parsed inside a write's transaction."""
    return json.loads(value) if isinstance(value, str) else value


class ReadCache:
    """Statements made on demand from the filters in use, kept in a bounded cache."""

    def __init__(self, build: Callable[..., Executable], *, size: int = 256) -> None:
        self._build = build
        self._size = size
        self._made: OrderedDict[Hashable, Read] = OrderedDict()

    def get(self, *shape: Hashable) -> Read:
        """The statement of this shape: `build(*shape)`, compiled at its first use."""
        read = self._made.get(shape)
        if read is None:
            read = self._made[shape] = Read(self._build(*shape))
            if len(self._made) > self._size:
                self._made.popitem(last=False)
        return read


class Reader(Protocol):
    """Whatever can run a `Read`: the pool, or a write's transaction."""

    async def fetch(self, read: Read, **values: Any) -> Sequence[Row]:
        """All rows."""

    async def fetch_one(self, read: Read, **values: Any) -> Row | None:
        """The first row, or None."""


class _Connection(Connection):
    """One connection, and until when its statement may take."""

    __slots__ = ("due", "overdue")

    def __init__(self, raw: Any, *, prepares: bool) -> None:
        super().__init__(raw, prepares=prepares)
        self.due = 0.0
        self.overdue = False


class ReadPool:
    """A few read-only autocommit connections, last used first.

    A statement that is not answered in time, because the server is gone without a word, loses its connection. One timer
    looks after all of them: a timer a statement would cost as much as the statement.

    Args:
        connect: opens one asyncpg connection.
        size: the most connections held.
        wait: seconds to wait for a free one, then 503.
        deadline: seconds a statement may take from the client's side, then its connection is dropped, and 503.
        prepares: False behind a pooler that hands out a connection per transaction.
    """

    def __init__(
        self, connect: Callable[[], Any], *, size: int, wait: float, deadline: float, prepares: bool = True
    ) -> None:
        self._connect = connect
        self._deadline = deadline
        self._prepares = prepares
        self._free: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._watch: asyncio.TimerHandle | None = None
        self._slots = Slots(size, wait)
        self.statements = 0

    async def fetch(self, read: Read, **values: Any) -> Sequence[Row]:
        """All rows of a read."""
        return await self._run(read, read.arguments(values), one=False)  # type: ignore[no-any-return]

    async def fetch_one(self, read: Read, **values: Any) -> Row | None:
        """The first row of a read, or None."""
        return await self._run(read, read.arguments(values), one=True)  # type: ignore[no-any-return]

    async def _run(self, read: Read, arguments: Sequence[Any], *, one: bool) -> Any:
        try:
            return await self._try(read, arguments, one=one)
        except OF_READS as failed:
            known = of_database(failed)
            if known is None:
                raise
            raise known from failed

    async def _try(self, read: Read, arguments: Sequence[Any], *, one: bool) -> Any:
        self.statements += 1
        await self._slots.acquire()
        try:
            for last in (False, True):
                connection = self._free.pop() if self._free else await self._open()
                self._begin(connection)
                try:
                    rows = await connection.run(read.sql, arguments, one=one)
                except asyncpg.InvalidCachedStatementError:
                    # A migration changed the table under a prepared statement: prepare it anew, once.
                    connection.invalidate()
                    self._free.append(connection)
                    if last:
                        raise
                except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
                    self._drop(connection)
                    if connection.overdue:
                        raise Unavailable("The database did not answer in time.") from None
                    # The server went away between two reads. Reads are safe to repeat, so try a fresh one, once.
                    if last:
                        raise
                except asyncpg.PostgresError:
                    self._free.append(connection)
                    raise
                except BaseException:
                    # Cancelled: the protocol may be in the middle of an answer.
                    self._drop(connection)
                    raise
                else:
                    self._free.append(connection)
                    return rows
                finally:
                    self._busy.discard(connection)
        finally:
            self._slots.release()
        raise AssertionError("unreachable")

    def _begin(self, connection: _Connection) -> None:
        connection.due = asyncio.get_running_loop().time() + self._deadline
        self._busy.add(connection)
        if self._watch is None:
            self._look_again()

    def _look_again(self) -> None:
        self._watch = asyncio.get_running_loop().call_later(self._deadline / 4, self._look_after)

    def _look_after(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in self._busy:
            if connection.due < now:
                connection.overdue = True
                self._drop(connection)
        self._watch = None
        if self._busy:
            self._look_again()

    async def _open(self) -> _Connection:
        async with asyncio.timeout(self._deadline):
            return _Connection(await self._connect(), prepares=self._prepares)

    @staticmethod
    def _drop(connection: _Connection) -> None:
        with suppress(Exception):
            connection.raw.terminate()

    async def close(self) -> None:
        """Close the idle connections; one still in use closes with the process."""
        if self._watch is not None:
            self._watch.cancel()
        while self._free:
            with suppress(Exception):
                await self._free.pop().raw.close(timeout=2)
