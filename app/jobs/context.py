"""What background work is given: the settings, the database and the clock of its process."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.db.engine import Database
from app.db.transaction import Tx
from app.principal import Principal
from app.settings import Settings

_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class WorkContext:
    """The parts of the app that work outside a request needs."""

    settings: Settings
    database: Database
    clock: Callable[[], datetime]

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID, request_id: str) -> AsyncIterator[Tx]:
        """Provide a transaction of the service itself in one tenant, committed unless something is raised.

        Args:
            request_id: names the work in events and audit rows.
        """
        async with self.database.writes.transaction(tenant_id) as connection:
            now = await self.database.take_instant(connection, self.clock)
            tx = Tx(connection, worker(tenant_id), now, request_id)
            yield tx
            await tx.flush()
            await connection.commit()
        for hook in tx.after_commit:
            hook()


def worker(tenant_id: UUID) -> Principal:
    """Return the principal of the service itself, which no credential names and no grant limits."""
    return Principal(tenant_id=tenant_id, id=_NOBODY, kind="worker", name="background work", tenant_secret=b"")
