"""Connections for transactions, and the only way to begin and to end one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Self
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from app.db.connections import Connection, Slots


class NotCommitted(Exception):
    """A transaction in which a statement had failed was to be committed: PostgreSQL takes that for a rollback."""


class WriteConnection(Connection):
    """One connection for transactions: its statements run prepared, or through a session where they are an ORM's.

    SQLAlchemy takes it for one in autocommit, so that the transaction is ours alone.
    """

    __slots__ = ("_lent", "_session", "is_open")

    def __init__(self, lent: AsyncConnection, raw: Any, *, prepares: bool) -> None:
        super().__init__(raw, prepares=prepares)
        self._lent = lent
        self._session: AsyncSession | None = None
        self.is_open = False

    @classmethod
    async def connect(cls, engine: AsyncEngine, *, prepares: bool = True) -> Self:
        """Open one."""
        lent = await (await engine.connect()).execution_options(isolation_level="AUTOCOMMIT")
        return cls(lent, (await lent.get_raw_connection()).driver_connection, prepares=prepares)

    @property
    def session(self) -> AsyncSession:
        """The session of the open transaction, made when it is first asked for."""
        if self._session is None:
            self._session = AsyncSession(self._lent, expire_on_commit=False)
        return self._session

    async def flush(self) -> None:
        """Send what the session holds back."""
        if self._session is not None:
            await self._session.flush()

    async def begin(self, *settings: str) -> None:
        """Begin a transaction.

        Args:
            settings: what holds for this transaction only, as ``name = 'value'``.
        """
        await self.raw.execute("; ".join(["begin", *(f"set local {setting}" for setting in settings)]))
        self.is_open = True

    async def commit(self) -> None:
        """Make it last.

        Raises:
            NotCommitted: a statement had failed before, so that PostgreSQL rolled everything back.
        """
        ended = await self.raw.execute("commit")
        self.is_open = False
        if ended != "COMMIT":
            raise NotCommitted

    async def end(self) -> None:
        """Be ready for the next transaction: what was not committed is rolled back."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self.is_open:
            await self.raw.execute("rollback")
            self.is_open = False

    async def drop(self) -> None:
        """Part with the connection at once, whatever it is doing."""
        # First this: the rest waits for a server that may be gone, and may itself be cancelled.
        with suppress(Exception):
            self.raw.terminate()
        await self.close()

    async def close(self) -> None:
        """Part with the connection."""
        ways = [self._lent.invalidate, self._lent.close]
        for way in ways if self._session is None else [self._session.close, *ways]:
            with suppress(Exception):
                await way()


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[WriteConnection]:
    """A transaction on a connection of its own, committed unless something is raised."""
    connection = await WriteConnection.connect(engine)
    try:
        await connection.begin()
        yield connection
        await connection.commit()
    finally:
        await connection.close()


class WritePool:
    """A few connections for transactions, last used first.

    Args:
        engine: opens connections, and keeps none.
        size: the most connections held.
        wait: seconds to wait for a free one, then 503.
        prepares: False behind a pooler that hands out a connection per transaction.
    """

    def __init__(self, engine: AsyncEngine, *, size: int, wait: float, prepares: bool = True) -> None:
        self._engine = engine
        self._prepares = prepares
        self._free: list[WriteConnection] = []
        self._slots = Slots(size, wait)

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID, *settings: str) -> AsyncIterator[WriteConnection]:
        """A transaction in one tenant, rolled back unless it is committed inside.

        Args:
            settings: what holds for this transaction only, as ``name = 'value'``.

        Raises:
            Unavailable: no connection became free in time.
        """
        await self._slots.acquire()
        try:
            connection = await self._begin(f"app.tenant = '{tenant_id}'", *settings)
            try:
                yield connection
            except Exception as failed:
                if isinstance(failed, asyncpg.InvalidCachedStatementError):
                    # A migration changed the table under a prepared statement.
                    connection.invalidate()
                # What went wrong first is what is told, not that it could not be rolled back either.
                with suppress(Exception):
                    await self._end(connection)
                raise
            except BaseException:
                # Cancelled: the protocol may be in the middle of an answer.
                await connection.drop()
                raise
            await self._end(connection)
        finally:
            self._slots.release()

    async def _begin(self, *settings: str) -> WriteConnection:
        while self._free:
            connection = self._free.pop()
            # The server may have gone away since the last transaction; nothing of this one has happened yet.
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                return await self._begun(connection, *settings)
        return await self._begun(await WriteConnection.connect(self._engine, prepares=self._prepares), *settings)

    @staticmethod
    async def _begun(connection: WriteConnection, *settings: str) -> WriteConnection:
        try:
            await connection.begin(*settings)
        except BaseException:
            await connection.drop()
            raise
        return connection

    async def _end(self, connection: WriteConnection) -> None:
        try:
            await connection.end()
        except BaseException:
            await connection.drop()
            raise
        self._free.append(connection)

    async def close(self) -> None:
        """Close the idle connections; one still in use closes with the process."""
        while self._free:
            await self._free.pop().close()
