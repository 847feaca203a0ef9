"""Periodic tasks: each is run by one process at a time, whichever comes first when it is due.

A row per task holds a lease, which is renewed while the task runs. A process that is killed in the middle of a task
leaves a lease that ends by itself, and the next process that looks runs the task again; so a task must be safe to
repeat. All instants are the database's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import Boolean, bindparam, text

from app.db.errors import DATABASE_ERRORS
from app.db.statement import Read
from app.errors import Unavailable
from app.jobs.context import WorkContext

_log = logging.getLogger("fa.jobs")

_ADD = Read(text("insert into schedules (name, due_at) values (:name, now()) on conflict do nothing returning true"))
_CLAIM = Read(
    text(
        """
        update schedules set held_by = :process, held_until = now() + make_interval(secs => :lease)
        where name = :name and (due_at <= now() or :at_once) and (held_until is null or held_until < now())
        returning true
        """
    ).bindparams(bindparam("at_once", type_=Boolean()))
)
# A process that lost its lease changes nothing: another one holds the task.
_BEAT = Read(
    text(
        """
        update schedules set held_until = now() + make_interval(secs => :lease)
        where name = :name and held_by = :process
        returning true
        """
    )
)
_FINISH = Read(
    text(
        """
        update schedules set held_by = null, held_until = null, due_at = now() + make_interval(secs => :wait)
        where name = :name and held_by = :process
        returning true
        """
    )
)


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A task and how often it runs.

    Attributes:
        name: stable; names the lease.
        seconds: from the end of one run to the beginning of the next; after a failure a tenth of it.
        run: does the work.
        limit: the longest that a run may take, in seconds; then it is cancelled.
        wake: set in a process that has work for the task now. The task then runs there at once, unless another process
            is running it.
    """

    name: str
    seconds: float
    run: Callable[[WorkContext], Awaitable[object]]
    limit: float = 300.0
    wake: asyncio.Event | None = None


class Scheduler:
    """Runs periodic tasks in this process as long as it lives, each in its own turn.

    Args:
        lease: seconds after which another process may take a task over from one that was killed.
        poll: the most seconds between two looks at whether a task is due.
    """

    def __init__(
        self, work: WorkContext, tasks: Sequence[PeriodicTask], *, lease: float = 30.0, poll: float = 60.0
    ) -> None:
        self._work = work
        self._tasks = tasks
        self._lease = lease
        self._poll = poll
        self._holder: UUID = uuid4()
        self._known: set[str] = set()

    async def run(self) -> None:
        """Run what is due until cancelled."""
        async with asyncio.TaskGroup() as group:
            for task in self._tasks:
                group.create_task(self._repeat(task))

    async def _repeat(self, task: PeriodicTask) -> None:
        is_woken = False
        while True:
            try:
                await self.run_if_due(task, at_once=is_woken)
            except (Unavailable, *DATABASE_ERRORS) as error:
                _log.warning("periodic task put off", exc_info=error, extra={"task": task.name})
            except Exception:
                _log.exception("periodic task failed", extra={"task": task.name})
            is_woken = await self._wait_for(task)

    async def _wait_for(self, task: PeriodicTask) -> bool:
        """Wait until it is time to look at a task again. Return whether it was woken."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(task.seconds, self._poll)):
                await (task.wake or asyncio.Event()).wait()
        is_woken = task.wake is not None and task.wake.is_set()
        if task.wake is not None:
            task.wake.clear()
        return is_woken

    async def run_if_due(self, task: PeriodicTask, *, at_once: bool = False) -> bool:
        """Run a task where it is due and no other process holds it.

        Args:
            at_once: it counts as due.

        Returns:
            Whether it was run.
        """
        if task.name not in self._known:
            await self._execute(_ADD, name=task.name)
            self._known.add(task.name)
        if not await self._execute(_CLAIM, name=task.name, process=self._holder, lease=self._lease, at_once=at_once):
            return False
        wait = task.seconds / 10
        try:
            async with asyncio.timeout(task.limit):
                await self._run_with_lease(task)
            wait = task.seconds
        except asyncio.CancelledError:
            # The process stops. Another one may begin at once.
            wait = 0.0
            raise
        finally:
            await self._execute(_FINISH, name=task.name, process=self._holder, wait=wait)
        return True

    async def _run_with_lease(self, task: PeriodicTask) -> None:
        """Run a task, and renew its lease meanwhile.

        Raises:
            TimeoutError: the lease could not be renewed before it ended, or belongs to another process.
        """
        running = asyncio.ensure_future(task.run(self._work))
        try:
            ends = asyncio.get_running_loop().time() + self._lease
            while not (await asyncio.wait({running}, timeout=self._lease / 3))[0]:
                began, kept = asyncio.get_running_loop().time(), None
                with suppress(Unavailable, TimeoutError, *DATABASE_ERRORS):
                    async with asyncio.timeout(self._lease / 3):
                        kept = await self._execute(_BEAT, name=task.name, process=self._holder, lease=self._lease)
                if kept:
                    ends = began + self._lease
                elif kept is False or asyncio.get_running_loop().time() + self._lease / 3 > ends:
                    raise TimeoutError("the lease was lost")
            await running
        finally:
            running.cancel()
            await asyncio.wait({running})
            if not running.cancelled():
                # It may have failed in the moment in which this process stops. Then nobody else asks.
                running.exception()

    async def _execute(self, statement: Read, **values: object) -> bool:
        # Apart from the pools of requests, so that a busy pool never delays a lease.
        return await self._work.database.jobs.fetch_one(statement, holder="schedules", **values) is not None
