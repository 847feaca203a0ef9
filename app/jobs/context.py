"""What background work is given: the settings, the database and the clock of its process."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.db.engine import Database
from app.db.pool import Pool
from app.db.transaction import Tx
from app.events.sealer import Sealer
from app.principal import Principal
from app.settings import Settings

_NOBODY = UUID(int=0)
#: Each statement sees what was committed before it, whatever the database's default is.
_ISOLATION = "transaction_isolation = 'read committed'"


@dataclass(frozen=True, slots=True)
class WorkContext:
    """The parts of the app that work outside a request needs.

    Attributes:
        sealer: gives positions to events as soon as they are committed; None: the periodic task does.
    """

    settings: Settings
    database: Database
    clock: Callable[[], datetime]
    sealer: Sealer | None = None

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID, request_id: str, *settings: str) -> AsyncIterator[Tx]:
        """Provide a transaction of the service itself in one tenant, committed unless something is raised.

        It is READ COMMITTED whatever the database's default is: nothing here could run it again after a conflict.

        Args:
            request_id: names the work in events and audit rows.
            settings: what else holds for this transaction only, as ``name = 'value'``.
        """
        async with self._transaction(self.database.writes, tenant_id, request_id, _ISOLATION, *settings) as tx:
            yield tx

    @asynccontextmanager
    async def bookkeeping(self, tenant_id: UUID, request_id: str, *settings: str) -> AsyncIterator[Tx]:
        """Provide a short transaction that does not wait behind those of requests.

        It is READ COMMITTED and has no session. `Tx.fetch` and `Tx.insert` work in it.

        Args:
            settings: what else holds for this transaction only, as ``name = 'value'``.
        """
        async with self._transaction(self.database.jobs, tenant_id, request_id, _ISOLATION, *settings) as tx:
            yield tx

    @asynccontextmanager
    async def _transaction(self, pool: Pool, tenant_id: UUID, request_id: str, *settings: str) -> AsyncIterator[Tx]:
        async with pool.transaction(tenant_id, *settings) as connection:
            now = await self.database.take_instant(connection, self.clock)
            tx = Tx(connection, worker(tenant_id), now, request_id)
            yield tx
            await tx.flush()
            await connection.commit()
        if tx.events_recorded and self.sealer is not None:
            self.sealer.wake(tenant_id)
        for hook in tx.after_commit:
            hook()


def worker(tenant_id: UUID) -> Principal:
    """Return the principal of the service itself, which no credential names and no grant limits."""
    return Principal(tenant_id=tenant_id, id=_NOBODY, kind="worker", name="background work", tenant_secret=b"")
