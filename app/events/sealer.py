"""The sealer: gives events their positions in the feed of their tenant, after their commit.

An id or an instant that is chosen before a commit cannot order a feed: a slow transaction would put its event before
others that followers have read already. So a position is given to what is committed, by one process at a time for each
tenant: the one that holds the lock of the feed's row. The process that commits a change seals it within a fraction of
a second. What a killed process left, the periodic task `seal_events` finds within a second.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from uuid import UUID

from sqlalchemy import text

from app.db.engine import Database
from app.db.errors import DATABASE_ERRORS
from app.db.statement import Read
from app.errors import Unavailable

_log = logging.getLogger("fa.events")
#: What commits within this time is sealed together.
_PAUSE_SECONDS = 0.05
_BATCH = 1_000
#: Each statement must see what was committed before it, and a position must not be given twice after a crash.
_ISOLATION = "transaction_isolation = 'read committed'"

_SEAL = Read(text("select seal_events(:tenant_id, :most) as sealed"))
_TENANTS = Read(text("select tenants_to_seal() as tenant_id"))


class Sealer:
    """Seals what this process commits, and sweeps up what others left.

    Args:
        on_sealed: called with the tenant whose feed has grown.
    """

    def __init__(self, database: Database, on_sealed: Callable[[UUID], None] = lambda _tenant: None) -> None:
        self._database = database
        self._on_sealed = on_sealed
        self._waiting: set[UUID] = set()
        self._task: asyncio.Task[None] | None = None

    def wake(self, tenant_id: UUID) -> None:
        """Seal the events of a tenant soon. Call it after each commit that recorded one."""
        self._waiting.add(tenant_id)
        if self._task is None or self._task.done():
            # Not in the context of a request, whose deadline would hold.
            self._task = asyncio.get_running_loop().create_task(self._seal_waiting(), context=Context())

    async def seal_all(self) -> None:
        """Seal the events of every tenant that has some without a position. A periodic task does so every second.

        The tenants take turns, a batch each, so the many events of one do not delay those of another.
        """
        waiting = [UUID(int=row["tenant_id"].int) for row in await self._database.jobs.fetch(_TENANTS)]
        while waiting:
            waiting = [tenant_id for tenant_id in waiting if await self._try_to_seal(tenant_id) == _BATCH]

    async def seal_batch(self, tenant_id: UUID) -> int:
        """Give positions to the first committed events of a tenant.

        Returns:
            How many got one; -1 where another process is doing so.
        """
        async with self._database.jobs.transaction(tenant_id, _ISOLATION) as connection:
            values = {"tenant_id": tenant_id, "most": _BATCH}
            row = await connection.fetch_one(_SEAL.sql, _SEAL.arguments(values))
            await connection.commit()
        sealed: int = row["sealed"]
        if sealed > 0:
            self._on_sealed(tenant_id)
        return sealed

    async def close(self) -> None:
        """Stop, in the middle of whatever is being done."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _seal_waiting(self) -> None:
        while self._waiting:
            await asyncio.sleep(_PAUSE_SECONDS)
            tenants, self._waiting = self._waiting, set()
            for tenant_id in tenants:
                if not 0 <= await self._try_to_seal(tenant_id) < _BATCH:
                    self._waiting.add(tenant_id)

    async def _try_to_seal(self, tenant_id: UUID) -> int:
        """Seal a batch, or leave it to the next sweep. Return what `seal_batch` returns; 0 after a failure."""
        named = {"tenant": str(tenant_id)}
        try:
            return await self.seal_batch(tenant_id)
        except (Unavailable, *DATABASE_ERRORS) as error:
            _log.warning("sealing put off", exc_info=error, extra=named)
        except Exception:
            _log.exception("sealing failed", extra=named)
        return 0
