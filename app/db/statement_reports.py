"""Reports of the statements that have ended, for the traces.

asyncpg reports what a connection executes, but not what a prepared statement fetches. Those of the service and of
SQLAlchemy are reported here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that has ended, with the names of asyncpg's reports.

    Attributes:
        query: its text, without arguments.
        elapsed: seconds.
    """

    query: str
    elapsed: float
    exception: BaseException | None


OnStatement = Callable[[Any], None]


class ReportedStatement:
    """A prepared statement that reports each time it is fetched."""

    __slots__ = ("_on_statement", "_prepared", "_query")

    def __init__(self, prepared: Any, query: str, on_statement: OnStatement) -> None:
        self._prepared = prepared
        self._query = query
        self._on_statement = on_statement

    async def fetch(self, *arguments: Any) -> Any:
        """Run the statement and return its rows."""
        began = time.monotonic()
        try:
            rows = await self._prepared.fetch(*arguments)
        except BaseException as error:
            self._on_statement(Statement(self._query, time.monotonic() - began, error))
            raise
        self._on_statement(Statement(self._query, time.monotonic() - began, None))
        return rows


def report_sessions(engine: AsyncEngine, on_statement: OnStatement) -> None:
    """Report the statements of sessions."""

    def begin(connection: Any, *_: Any) -> None:
        connection.info["began"] = time.monotonic()

    def end(connection: Any, _cursor: Any, query: str, *_: Any) -> None:
        on_statement(Statement(query, time.monotonic() - connection.info["began"], None))

    def fail(failure: Any) -> None:
        if failure.statement is not None and failure.connection is not None:
            # A value that cannot be sent fails before the statement begins.
            now = time.monotonic()
            elapsed = now - failure.connection.info.get("began", now)
            on_statement(Statement(failure.statement, elapsed, failure.original_exception))

    event.listen(engine.sync_engine, "before_cursor_execute", begin)
    event.listen(engine.sync_engine, "after_cursor_execute", end)
    event.listen(engine.sync_engine, "handle_error", fail)
