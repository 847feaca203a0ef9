"""How attempts at jobs ended, and storing it: attempts that end at the same time are stored together."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.db.errors import may_try_again
from app.errors import Unavailable
from app.jobs.kinds import RunningJob
from app.jobs.models import JobState


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended.

    Attributes:
        state: the state of the job after it; ``waiting`` to run again.
        wait: seconds until then.
        counts: what the job counted.
        failure: code and sentence of what stopped it.
        is_counted: False where the job was handed back and nothing was wrong with it.
    """

    state: JobState
    wait: float = 0.0
    counts: Mapping[str, int] | None = None
    failure: tuple[str, str] | None = None
    is_counted: bool = True


def is_passing(error: Exception) -> bool:
    """Return whether a write that failed may succeed when it is tried again unchanged."""
    return isinstance(error, Unavailable) or may_try_again(error)


@dataclass(slots=True, eq=False)
class _Entry:
    job: RunningJob
    ending: Ending
    is_settled: bool = False
    error: Exception | None = None


@dataclass(slots=True)
class _Queue:
    entries: list[_Entry] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


Write = Callable[[UUID, Sequence[tuple[RunningJob, Ending]]], Awaitable[None]]


class Endings:
    """Stores endings. Those of a tenant that come while a write is under way share the next one.

    Args:
        write: stores endings of one tenant in one transaction.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._queues: dict[UUID, _Queue] = {}

    async def store(self, job: RunningJob, ending: Ending) -> None:
        """Store how an attempt ended, if the job still belongs to this worker.

        Raises:
            Exception: what `write` raises for this ending.
        """
        queue = self._queues.setdefault(job.tenant_id, _Queue())
        entry = _Entry(job, ending)
        queue.entries.append(entry)
        async with queue.lock:
            if not entry.is_settled:
                # Attempts that are about to end come along.
                await asyncio.sleep(0)
                # This entry was taken out by another attempt where that one was cancelled in the middle of the write.
                entries = [entry, *(one for one in queue.entries if one is not entry)]
                queue.entries = []
                await self._settle(job.tenant_id, entries)
        if not queue.entries and not queue.lock.locked():
            self._queues.pop(job.tenant_id, None)
        if entry.error is not None:
            raise entry.error

    async def _settle(self, tenant_id: UUID, entries: Sequence[_Entry]) -> None:
        """Write entries. Where the write is refused, each is written alone, so that one cannot spoil the others."""
        try:
            await self._write(tenant_id, [(entry.job, entry.ending) for entry in entries])
        except Exception as error:
            if len(entries) > 1 and not is_passing(error):
                for entry in entries:
                    await self._settle(tenant_id, [entry])
                return
            for entry in entries:
                entry.error = error
        for entry in entries:
            entry.is_settled = True
