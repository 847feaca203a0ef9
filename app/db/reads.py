"""The hot read path: Core statements compiled once, run as prepared statements on asyncpg connections.

A read through an ORM session costs several hundred microseconds of Python; a prepared statement costs about thirty.
So statements are written with SQLAlchemy Core over the tables (a renamed column breaks a test, not a query string),
compiled to SQL text once, and run directly. A `Read` runs equally on a pooled connection (`ReadPool`) and inside a
write's own transaction (`app.db.transaction.Tx`), which is how a write answers with what it just stored.
"""

import asyncio
import json
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import asyncpg
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import Executable

from app.db.failures import OF_READS, of_database
from app.errors import Unavailable

_DIALECT = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
_MOST_PREPARED = 512
Row = Mapping[str, Any]


class Read:
    """One statement, compiled at import; parameters are named where it is written and positional where it runs.

    Write `column == any_(array)`, not `in_`: a list of unknown length has no text that could be prepared.
    """

    __slots__ = ("_constants", "_order", "sql")

    def __init__(self, statement: Executable) -> None:
        compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
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


class _Connection:
    """One connection and the statements prepared on it."""

    __slots__ = ("_prepared", "_prepares", "due", "overdue", "raw")

    def __init__(self, raw: Any, *, prepares: bool) -> None:
        self.raw = raw
        self.due = 0.0
        self.overdue = False
        self._prepares = prepares
        self._prepared: dict[str, Any] = {}

    async def run(self, read: Read, arguments: Sequence[Any], *, one: bool) -> Any:
        if not self._prepares:
            return await (self.raw.fetchrow if one else self.raw.fetch)(read.sql, *arguments)
        statement = self._prepared.get(read.sql)
        if statement is None:
            if len(self._prepared) >= _MOST_PREPARED:
                self._prepared.clear()
            statement = self._prepared[read.sql] = await self.raw.prepare(read.sql)
        # What the statement's own methods come to, without their checks: the pool sees to what they look for.
        rows = await self.raw._protocol.bind_execute(statement._state, arguments, "", int(one), False, None)
        return (rows[0] if rows else None) if one else rows

    def forget(self) -> None:
        self._prepared.clear()


class ReadPool:
    """A few read-only autocommit connections, last used first.

    A statement that is not answered in time, because the server is gone without a word, loses its connection. One timer
    looks after all of them, and after those who wait: a timer a statement would cost as much as the statement.

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
        self._wait = wait
        self._deadline = deadline
        self._prepares = prepares
        self._free: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._watch: asyncio.TimerHandle | None = None
        self._left = size
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
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
        await self._acquire()
        try:
            for last in (False, True):
                connection = self._free.pop() if self._free else await self._open()
                self._begin(connection)
                try:
                    rows = await connection.run(read, arguments, one=one)
                except asyncpg.InvalidCachedStatementError:
                    # A migration changed the table under a prepared statement: prepare it anew, once.
                    connection.forget()
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
            self._pass_on()
        raise AssertionError("unreachable")

    def _begin(self, connection: _Connection) -> None:
        connection.due = asyncio.get_running_loop().time() + self._deadline
        self._busy.add(connection)
        if self._watch is None:
            self._look_again()

    def _look_again(self) -> None:
        self._watch = asyncio.get_running_loop().call_later(min(self._deadline, self._wait) / 4, self._look_after)

    def _look_after(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in self._busy:
            if connection.due < now:
                connection.overdue = True
                self._drop(connection)
        while self._waiting and self._waiting[0][0] < now:
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(Unavailable("No database connection became free in time."))
        self._watch = None
        if self._busy or self._waiting:
            self._look_again()

    async def _acquire(self) -> None:
        if self._left:
            self._left -= 1
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append((loop.time() + self._wait, waiter))
        if self._watch is None:
            self._look_again()
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.exception() is None:
                # It was given one at the moment it was cancelled.
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give a connection's place to who has waited longest."""
        while self._waiting:
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._left += 1

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
