"""The pool of connections: for reads, which run one statement, and for transactions.

A connection is opened when none is idle, used until a deadline, and then idle again, unless its last use left it lost
or in doubt. After a restart of the server, idle connections look open and are lost. So a first use that fails this way
is tried on the next connection until one works. That is safe: a read can be repeated, and a transaction has only begun.
A connection that is lost later in a transaction is reported, and the transaction is not repeated.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from app.db.connection import Connection
from app.db.deadline import Deadlines, get_deadline
from app.db.errors import (
    DATABASE_ERRORS,
    Reason,
    get_reason,
    is_connection_lost,
    is_of_another_shape,
    leaves_connection_usable,
    may_run_again,
    may_try_again,
    out_of_time,
    outcome_unknown,
    to_app_error,
    unavailable,
)
from app.db.failures import FailureLog
from app.db.semaphore import FairSemaphore
from app.db.statement import Read, Row
from app.errors import AppError, Unavailable

Result = TypeVar("Result")


@dataclass(slots=True)
class Waits:
    """The uses of a pool that had to wait for a connection: their number, their time, and those that got none."""

    count: int = 0
    seconds: float = 0.0
    timeouts: int = 0


class Pool:
    """A bounded set of connections, shared fairly between tenants. The one that was used last is used first.

    Args:
        connect: opens a connection.
        size: the maximum number of connections.
        wait: seconds to wait for a free connection; after that the caller gets 503.
        seconds: the longest use, including the opening, where no request sets a deadline; after that the caller gets
            503.
        failures: logs the causes.

    Attributes:
        size: the maximum number of connections.
        waits: the uses that had to wait for a connection.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        size: int,
        wait: float,
        seconds: float,
        failures: FailureLog | None = None,
    ) -> None:
        self._connect = connect
        self.size = size
        self.waits = Waits()
        self._wait = wait
        self._seconds = seconds
        self._failures = failures or FailureLog()
        self._permits = FairSemaphore(size)
        self._idle: list[Connection] = []
        self._deadlines = Deadlines()
        self._closed = False

    @property
    def in_use(self) -> int:
        """Return how many connections are in use, those that are being opened included."""
        return self.size - self._permits.free

    async def fetch_one(self, read: Read, *, holder: Hashable = None, **values: Any) -> Row | None:
        """Run a read and return its first row, or None, as `fetch` does."""
        rows = await self.fetch(read, holder=holder, **values)
        return rows[0] if rows else None

    async def fetch(self, read: Read, *, holder: Hashable = None, **values: Any) -> Sequence[Row]:
        """Run a read and return its rows.

        Args:
            holder: who counts as the user of the connection, to share the pool fairly; None: the tenant.

        Raises:
            Unavailable: the database does not serve, or not in time.
        """
        holder = holder or values.get("tenant_id")
        deadline = self._get_deadline()
        if not self._permits.try_acquire(holder):
            await self._wait_for_permit(holder, deadline)
        try:
            connection, rows = await self._first_use(
                deadline, Connection.fetch, read.pooled_sql, read.arguments(values)
            )
            if connection.overdue or self._closed:
                await self._put_back(connection)
            else:
                self._keep(connection)
        except DATABASE_ERRORS as error:
            if (known := self._translate(error)) is None:
                raise
            raise known from error
        finally:
            self._permits.release(holder)
        return rows

    def give_up(self, error: BaseException) -> Unavailable:
        """Log that every attempt of a transaction failed to serialize. Return the error for its caller."""
        self._failures.record(error, Reason.BUSY)
        return unavailable(Reason.BUSY)

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID, *settings: str) -> AsyncIterator[Connection]:
        """Run a transaction in one tenant. It is rolled back unless the block commits it.

        Args:
            settings: settings of this transaction only, as ``name = 'value'``.

        Raises:
            Unavailable: the database does not serve, or not in time. Nothing was committed, unless the reply to the
                commit was lost; then the detail says that the outcome is unknown.
            AppError: what another failure of the database means to the caller, such as a broken constraint.
        """
        local = (f"app.tenant = '{tenant_id}'", *settings)
        deadline = self._get_deadline()
        if not self._permits.try_acquire(tenant_id):
            await self._wait_for_permit(tenant_id, deadline)
        try:
            connection, _ = await self._first_use(deadline, Connection.begin, *local)
            try:
                yield connection
            except BaseException as error:
                committing, overdue = connection.is_committing, connection.overdue
                await self._put_back(connection, error)
                known = None
                if isinstance(error, DATABASE_ERRORS) and not may_try_again(error):
                    known = self._translate(error, overdue=overdue, committing=committing)
                if known is None:
                    raise
                raise known from error
            await self._put_back(connection)
        except DATABASE_ERRORS as error:
            known = None if may_try_again(error) else self._translate(error)
            if known is None:
                raise
            raise known from error
        finally:
            self._permits.release(tenant_id)

    def _get_deadline(self) -> float:
        return get_deadline() or asyncio.get_running_loop().time() + self._seconds

    async def _wait_for_permit(self, holder: Hashable, deadline: float) -> None:
        began = asyncio.get_running_loop().time()
        self.waits.count += 1
        try:
            await self._permits.acquire(holder, min(deadline, began + self._wait))
        except TimeoutError as error:
            self.waits.timeouts += 1
            self._failures.record(error, Reason.BUSY)
            raise Unavailable("No database connection became free in time.", reason=Reason.BUSY) from None
        finally:
            self.waits.seconds += asyncio.get_running_loop().time() - began

    async def _first_use(
        self, deadline: float, method: Callable[..., Awaitable[Result]], *arguments: Any
    ) -> tuple[Connection, Result]:
        """Use an idle connection. If it was lost meanwhile, try the next one, and at last a new one.

        If a table changed its shape, the statement is prepared again.
        """
        for left in range(self.size, -1, -1):
            if not left:
                await self._drop_idle()
            is_new = not self._idle
            connection = await self._open(deadline) if is_new else self._idle.pop()
            self._deadlines.set(connection.expire, deadline)
            try:
                return connection, await method(connection, *arguments)
            except BaseException as error:
                await self._put_back(connection, error)
                if connection.overdue and isinstance(error, DATABASE_ERRORS):
                    self._failures.record(error, Reason.UNREACHABLE)
                    raise out_of_time() from error
                if is_new or not may_run_again(error):
                    raise
        raise AssertionError("unreachable")

    async def _open(self, deadline: float) -> Connection:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._connect()
        except DATABASE_ERRORS as error:
            # The operator, not the caller, must mend a refused log-in.
            reason = get_reason(error) or Reason.REFUSED
            self._failures.record(error, reason)
            raise unavailable(reason) from error

    async def _put_back(self, connection: Connection, error: BaseException | None = None) -> None:
        """Return a connection to the idle ones, unless its last use left it lost or in doubt."""
        # Only a cancellation can interrupt a statement. After any other failure no statement is running.
        in_doubt = error is not None and not isinstance(error, Exception)
        lost = isinstance(error, DATABASE_ERRORS) and not leaves_connection_usable(error)
        if error is not None and is_of_another_shape(error):
            connection.forget_statements()
        try:
            if in_doubt or lost:
                await connection.drop()
            elif not connection.is_clean:
                await connection.reset()
        except Exception:
            # Report the failure that came first. A change that was committed stays committed.
            await connection.drop()
        except BaseException:
            await connection.drop()
            raise
        finally:
            self._deadlines.clear(connection.expire)
        if self._closed and not connection.is_dropped:
            await connection.drop()
        if not (connection.is_dropped or connection.overdue):
            self._keep(connection)

    def _keep(self, connection: Connection) -> None:
        self._deadlines.clear(connection.expire)
        self._idle.append(connection)

    def _translate(self, error: BaseException, *, overdue: bool = False, committing: bool = False) -> AppError | None:
        """Log a database failure. Return the error for the caller, or None if the service is at fault."""
        reason = Reason.UNREACHABLE if overdue else get_reason(error)
        if reason is not None:
            self._failures.record(error, reason)
        if committing and (overdue or is_connection_lost(error)):
            return outcome_unknown()
        return out_of_time() if overdue else to_app_error(error)

    async def _drop_idle(self) -> None:
        while self._idle:
            await self._idle.pop().drop()

    async def close(self) -> None:
        """Close the idle connections, and each connection in use when it is put back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()
