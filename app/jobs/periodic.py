"""Periodic tasks: each is run by one process at a time, whichever comes first when it is due.

A row per task holds a lease. A process that is killed in the middle of a task leaves a lease that ends by itself, and
the next process that looks runs the task again; so a task must be safe to repeat. All instants are the database's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import text

from app.db.connection import transaction
from app.db.engine import Database
from app.db.errors import DATABASE_ERRORS
from app.db.statement import Read
from app.errors import Unavailable

_log = logging.getLogger("fa.jobs")

_ADD = Read(text("insert into schedules (name, due_at) values (:name, now()) on conflict do nothing returning true"))
_CLAIM = Read(
    text(
        """
        update schedules set held_by = :holder, held_until = now() + make_interval(secs => :lease)
        where name = :name and due_at <= now() and (held_until is null or held_until < now())
        returning true
        """
    )
)
# A process that lost its lease changes nothing: another one holds the task.
_FINISH = Read(
    text(
        """
        update schedules set held_by = null, held_until = null, due_at = now() + make_interval(secs => :wait)
        where name = :name and held_by = :holder
        returning true
        """
    )
)


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A task and how often it runs.

    Attributes:
        seconds: from the end of one run to the beginning of the next; after a failure a tenth of it.
        lease: the longest that a run may take, in seconds; then it is cancelled.
    """

    name: str
    run: Callable[[], Awaitable[object]]
    seconds: float
    lease: float = 300.0


class Scheduler:
    """Runs periodic tasks in this process as long as it lives.

    Args:
        poll: seconds between two looks at what is due.
    """

    def __init__(self, database: Database, tasks: Sequence[PeriodicTask], *, poll: float = 60.0) -> None:
        self._database = database
        self._tasks = tasks
        self._poll = poll
        self._holder: UUID = uuid4()

    async def run(self) -> None:
        """Run what is due, for ever."""
        while True:
            for task in self._tasks:
                try:
                    await self.run_if_due(task)
                except (Unavailable, *DATABASE_ERRORS) as error:
                    _log.warning("periodic task put off", exc_info=error, extra={"task": task.name})
                except Exception:
                    _log.exception("periodic task failed", extra={"task": task.name})
            await asyncio.sleep(self._poll)

    async def run_if_due(self, task: PeriodicTask) -> bool:
        """Run a task where it is due and no other process holds it.

        Returns:
            Whether it was run.
        """
        await self._execute(_ADD, name=task.name)
        if not await self._execute(_CLAIM, name=task.name, holder=self._holder, lease=task.lease):
            return False
        wait = task.seconds / 10
        try:
            async with asyncio.timeout(task.lease * 0.9):
                await task.run()
            wait = task.seconds
        finally:
            await self._execute(_FINISH, name=task.name, holder=self._holder, wait=wait)
        return True

    async def _execute(self, statement: Read, **values: object) -> bool:
        # On a connection of its own, so that a busy pool never delays a lease.
        async with transaction(self._database.engine) as connection:
            return await connection.fetch_one(statement.sql, statement.arguments(values)) is not None
