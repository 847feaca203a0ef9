"""What both pools are made of: a connection with the statements prepared on it, and a limit that waits for its turn."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from app.errors import Unavailable

_MOST_PREPARED = 512


class Connection:
    """One asyncpg connection and the statements prepared on it.

    Args:
        prepares: False behind a pooler that hands out a connection per transaction.
    """

    __slots__ = ("_prepared", "_prepares", "raw")

    def __init__(self, raw: Any, *, prepares: bool) -> None:
        self.raw = raw
        self._prepares = prepares
        self._prepared: dict[str, Any] = {}

    async def run(self, sql: str, arguments: Sequence[Any], *, one: bool) -> Any:
        """The rows of a statement, or its first row or None."""
        if not self._prepares:
            return await (self.raw.fetchrow if one else self.raw.fetch)(sql, *arguments)
        statement = self._prepared.get(sql)
        if statement is None:
            if len(self._prepared) >= _MOST_PREPARED:
                self._prepared.clear()
            statement = self._prepared[sql] = await self.raw.prepare(sql)
        # What the statement's own methods come to, without their checks: the pool sees to what they look for.
        rows = await self.raw._protocol.bind_execute(statement._state, arguments, "", int(one), False, None)
        return (rows[0] if rows else None) if one else rows

    def invalidate(self) -> None:
        """Prepare everything anew."""
        self._prepared.clear()


class Slots:
    """As many at a time as there are connections. One timer looks after all who wait.

    Args:
        wait: seconds to wait for a free one, then 503.
    """

    def __init__(self, size: int, wait: float) -> None:
        self._left = size
        self._wait = wait
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._watch: asyncio.TimerHandle | None = None

    async def acquire(self) -> None:
        """Take one.

        Raises:
            Unavailable: none became free in time.
        """
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
                self.release()
            raise

    def release(self) -> None:
        """Give it to who has waited longest."""
        while self._waiting:
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._left += 1

    def _look_again(self) -> None:
        self._watch = asyncio.get_running_loop().call_later(self._wait / 4, self._look_after)

    def _look_after(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._waiting and self._waiting[0][0] < now:
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(Unavailable("No database connection became free in time."))
        self._watch = None
        if self._waiting:
            self._look_again()
