"""One connection to the database: its prepared statements, its session, and its transaction."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import event, inspect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from app.db.row_changes import remember_rows
from app.db.statement_reports import OnStatement, ReportedStatement
from app.db.sync_marks import PUBLISH_BEGINNING

_CHANGED = "changed rows"
#: How many statements a connection keeps prepared. Few shapes of lists are in use, but callers choose them.
_MOST_STATEMENTS = 512
#: What a change itself sets.
_COUNTERS = frozenset({"version", "updated_at"})


class NotCommitted(Exception):
    """PostgreSQL rolled back a transaction that was to be committed, because a statement in it had failed."""


class Connection:
    """An asyncpg connection whose statements run prepared, or through a session where they are an ORM's.

    SQLAlchemy sees a connection in autocommit, so that only `begin` and `commit` here control the transaction.

    Args:
        raw: the asyncpg connection.
        lent: the same connection as SQLAlchemy holds it; absent, there is no session.
        keeps_statements: each statement is prepared at its first use and kept. Nothing can be kept behind a pooler.
        on_statement: is called after each statement that was fetched; absent, nothing is.
    """

    __slots__ = (
        "_keeps_statements",
        "_lent",
        "_on_statement",
        "_session",
        "_statements",
        "in_transaction",
        "is_committing",
        "is_dropped",
        "overdue",
        "raw",
    )

    def __init__(
        self,
        raw: Any,
        lent: AsyncConnection | None = None,
        *,
        keeps_statements: bool = True,
        on_statement: OnStatement | None = None,
    ) -> None:
        self.raw = raw
        self._lent = lent
        self._keeps_statements = keeps_statements
        self._on_statement = on_statement
        self._statements: OrderedDict[str, PreparedStatement | ReportedStatement] = OrderedDict()
        self._session: AsyncSession | None = None
        self.in_transaction = False
        #: A commit was sent and its reply has not arrived.
        self.is_committing = False
        #: The deadline of its use has passed.
        self.overdue = False
        self.is_dropped = False

    @classmethod
    async def open(
        cls, engine: AsyncEngine, *, keeps_statements: bool = True, on_statement: OnStatement | None = None
    ) -> Self:
        """Open a connection that has a session."""
        lent = await (await engine.connect()).execution_options(isolation_level="AUTOCOMMIT")
        raw = (await lent.get_raw_connection()).driver_connection
        return cls(raw, lent, keeps_statements=keeps_statements, on_statement=on_statement)

    def fetch(self, sql: str, arguments: Sequence[Any]) -> Awaitable[Sequence[Any]]:
        """Run a statement and return its rows."""
        statement = self._statements.get(sql)
        rows: Awaitable[Sequence[Any]] = (
            self._prepare_and_fetch(sql, arguments) if statement is None else statement.fetch(*arguments)
        )
        return rows

    async def _prepare_and_fetch(self, sql: str, arguments: Sequence[Any]) -> Sequence[Any]:
        statement = await self.raw.prepare(sql)
        if self._on_statement is not None:
            statement = ReportedStatement(statement, sql, self._on_statement)
        if self._keeps_statements:
            if len(self._statements) == _MOST_STATEMENTS:
                # asyncpg closes a statement that nobody holds.
                self._statements.popitem(last=False)
            self._statements[sql] = statement
        rows: Sequence[Any] = await statement.fetch(*arguments)
        return rows

    def forget_statements(self) -> None:
        """Prepare every statement again at its next use."""
        self._statements.clear()

    async def fetch_one(self, sql: str, arguments: Sequence[Any]) -> Any:
        """Run a statement and return its first row, or None."""
        rows = await self.fetch(sql, arguments)
        return rows[0] if rows else None

    @property
    def session(self) -> AsyncSession:
        """Return the session of the open transaction, made when it is first needed."""
        if self._session is None:
            assert self._lent is not None  # noqa: S101  # the pool for transactions opens through the engine
            self._session = AsyncSession(self._lent, expire_on_commit=False)
            event.listen(self._session.sync_session, "before_flush", _remember_changes)
        return self._session

    @property
    def has_session(self) -> bool:
        """Return whether the open transaction has used its session."""
        return self._session is not None

    def was_changed(self, row: Any) -> bool:
        """Return whether a value of a row was changed in this transaction since this was last asked."""
        flushed: set[Any] = self.session.info.get(_CHANGED, set())
        key = inspect(row).key
        changed = key in flushed or self.session.is_modified(row)
        flushed.discard(key)
        return changed

    async def flush(self) -> None:
        """Send what the session holds back."""
        if self._session is not None:
            await self._session.flush()

    async def begin(self, *settings: str) -> None:
        """Begin a transaction that writes, and publish that it began.

        Args:
            settings: what holds for this transaction only, as ``name = 'value'``.
        """
        await self.raw.execute(
            "; ".join(["begin", *(f"set local {setting}" for setting in settings), PUBLISH_BEGINNING])
        )
        self.in_transaction = True

    async def commit(self) -> None:
        """Commit the transaction.

        Raises:
            NotCommitted: a statement had failed before, so that PostgreSQL rolled everything back.
        """
        self.is_committing = True
        ended = await self.raw.execute("commit")
        self.in_transaction = self.is_committing = False
        if ended != "COMMIT":
            raise NotCommitted

    @property
    def is_clean(self) -> bool:
        """Return whether neither a transaction nor a session is open."""
        return self._session is None and not self.in_transaction

    async def reset(self) -> None:
        """Close the session and roll back what was not committed."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self.in_transaction:
            await self.raw.execute("rollback")
            self.in_transaction = self.is_committing = False

    def expire(self) -> None:
        """Give up waiting for the server: what waits for it fails at once."""
        self.overdue = True
        self.terminate()

    def terminate(self) -> None:
        """Cut the connection without waiting for the server."""
        with suppress(Exception):
            self.raw.terminate()

    async def drop(self) -> None:
        """Cut the connection at once, whatever it is doing, and detach it from SQLAlchemy."""
        self.is_dropped = True
        # First this: the rest waits for a server that may be gone, and may itself be cancelled.
        self.terminate()
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        ways = [] if self._session is None else [self._session.close]
        ways += [self._close_raw] if self._lent is None else [self._lent.invalidate, self._lent.close]
        for way in ways:
            with suppress(Exception):
                await way()

    async def _close_raw(self) -> None:
        await self.raw.close(timeout=2)


def _remember_changes(session: Session, *_flush: Any) -> None:
    """Remember which rows a flush changes: a query flushes too, and the session forgets what it sent."""
    remember_rows(session)
    for row in session.dirty:
        state = inspect(row)
        if any(value.history.has_changes() for value in state.attrs if value.key not in _COUNTERS):
            session.info.setdefault(_CHANGED, set()).add(state.key)


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[Connection]:
    """Run a transaction on a new connection, committed unless something is raised."""
    connection = await Connection.open(engine)
    try:
        await connection.begin()
        yield connection
        await connection.commit()
    finally:
        await connection.close()
