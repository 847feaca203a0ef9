"""The worker: claims due jobs of all tenants in turn, runs them, and keeps their leases."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from uuid import UUID, uuid4

from app.db.errors import DATABASE_ERRORS
from app.errors import AppError
from app.jobs.bookkeeping import Bookkeeping
from app.jobs.context import WorkContext
from app.jobs.endings import Ending, Endings, is_passing
from app.jobs.kinds import Again, JobLost, Kind, RunningJob
from app.jobs.models import JobState
from app.jobs.periodic import PeriodicTask, Scheduler
from app.jobs.signals import listening

_log = logging.getLogger("fa.jobs")

#: Looking through all tenants costs a statement; more often than this it costs more than it gives.
POLL_SECONDS = 1.0
_PAUSE_SECONDS = 0.25
_RELEASE_SECONDS = 2.0
_FAILED_STATUS = 500
_INTERNAL_ERROR = ("internal_error", "Something went wrong here; the log has the cause.")


class _Interruption(StrEnum):
    """Why the worker cancels the task of a job."""

    CANCELED = "canceled"
    LOST = "lost"
    RELEASED = "released"


@dataclass(slots=True, eq=False)
class _Held:
    """A job of this worker, its task, and when its lease ends on the event loop's clock."""

    job: RunningJob
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    lease_ends: float = 0.0
    interruption: _Interruption | None = None
    is_working: bool = False
    has_ended: bool = False

    def interrupt(self, why: _Interruption) -> None:
        """Cancel the work, unless it has ended already."""
        if self.interruption is None and not self.has_ended:
            self.interruption = why
            if self.is_working and self.task is not None:
                self.task.cancel()


class Worker:
    """Runs the jobs and the periodic tasks of this process.

    Tenants take turns. A tenant that has jobs running never takes the last free slot, so one tenant's long jobs do not
    keep out another tenant.

    Args:
        kinds: the kinds it knows. Jobs of other kinds are left to other releases.
        tasks: the periodic tasks.
    """

    def __init__(self, work: WorkContext, kinds: Sequence[Kind], tasks: Sequence[PeriodicTask] = ()) -> None:
        settings = work.settings
        self._slots = settings.job_slots
        self._lease = settings.job_lease_seconds
        self._grace = settings.grace_seconds
        self._books = Bookkeeping(work, kinds, holder=uuid4(), lease=self._lease)
        self._endings = Endings(self._books.end)
        self._scheduler = Scheduler(work, tasks, lease=self._lease)
        self._held: set[_Held] = set()
        #: The tenants that may have due jobs, the next one first.
        self._turns: dict[UUID, None] = {}
        self._look = asyncio.Event()
        self._next_poll = 0.0
        self._stops_at: float | None = None

    def on_enqueued(self, tenant_id: UUID) -> None:
        """Look for jobs of this tenant at once."""
        self._add_turn(tenant_id)

    def on_cancel(self, job_id: UUID) -> None:
        """Interrupt a job, if it runs here."""
        for held in self._held:
            if held.job.id == job_id:
                held.interrupt(_Interruption.CANCELED)

    def begin_stop(self) -> None:
        """Claim nothing any more. Jobs that run have the grace time from now on."""
        if self._stops_at is None:
            self._stops_at = asyncio.get_running_loop().time() + self._grace
            self._look.set()

    async def run(self) -> None:
        """Work until `begin_stop` is called or the task is cancelled; then let go of everything within the grace time.

        Jobs that do not finish in time wait again, and the attempt does not count.
        """
        others = [asyncio.create_task(self._scheduler.run()), asyncio.create_task(self._keep_leases())]
        try:
            with listening(self):
                while self._stops_at is None:
                    await self._work_once()
        finally:
            self.begin_stop()
            await self._let_go(others)

    async def _work_once(self) -> None:
        """Claim what can be claimed, then wait until there may be more."""
        loop = asyncio.get_running_loop()
        self._look.clear()
        try:
            if loop.time() >= self._next_poll:
                self._next_poll = loop.time() + POLL_SECONDS
                await self._find_tenants()
            while self._stops_at is None and loop.time() < self._next_poll and await self._claim_for_next():
                pass
        except (AppError, *DATABASE_ERRORS) as error:
            # The pool has logged why the database does not serve.
            _log.debug("no jobs claimed", exc_info=error)
            await asyncio.sleep(_PAUSE_SECONDS)
        except Exception:
            _log.exception("no jobs claimed")
            await asyncio.sleep(POLL_SECONDS)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._next_poll):
                    await self._look.wait()

    async def _find_tenants(self) -> None:
        found = await self._books.find_tenants()
        for row in found:
            self._add_turn(row["tenant_id"])
        for row in found:
            if row["has_lost"]:
                # Jobs of one tenant that cannot be requeued now do not keep those of another.
                with suppress(AppError, *DATABASE_ERRORS):
                    await self._books.requeue_lost(row["tenant_id"])

    def _add_turn(self, tenant_id: UUID) -> None:
        self._turns.setdefault(tenant_id)
        self._look.set()

    async def _claim_for_next(self) -> bool:
        """Claim jobs of the next tenant that may have a slot. Return False where there is none."""
        free = self._slots - len(self._held)
        if free <= 0:
            return False
        running = Counter(held.job.tenant_id for held in self._held)
        for tenant_id in self._turns:
            most = free - 1 if running[tenant_id] else min(free, max(1, self._slots - 1))
            if most > 0:
                break
        else:
            return False
        del self._turns[tenant_id]
        most = max(1, most // (len(self._turns) + 1))
        if await self._claim(tenant_id, most) == most:
            # There may be more, after the others had their turn.
            self._add_turn(tenant_id)
        return True

    async def _claim(self, tenant_id: UUID, most: int) -> int:
        loop = asyncio.get_running_loop()
        lease_ends = loop.time() + self._lease
        jobs = await self._books.claim(tenant_id, most)
        for job in jobs:
            held = _Held(job)
            self._held.add(held)
            job.reporter = partial(self._report, held)
            self._renew(held, lease_ends)
            held.task = asyncio.create_task(self._run_job(held), name=f"job {job.kind.name}")
            held.task.add_done_callback(partial(self._forget, held))
        return len(jobs)

    async def _run_job(self, held: _Held) -> None:
        job = held.job
        ending = await self._attempt(held)
        held.has_ended = True
        if ending is None:
            return
        await self._end(held, ending)
        if ending.state is JobState.WAITING and ending.wait < POLL_SECONDS:
            asyncio.get_running_loop().call_later(ending.wait, self._add_turn, job.tenant_id)

    def _forget(self, held: _Held, task: asyncio.Task[None]) -> None:
        """Free the slot of an attempt whose task is done, however it ended."""
        self._held.discard(held)
        if held.timer is not None:
            held.timer.cancel()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("job attempt not ended", exc_info=error, extra=_named(held.job))
        self._look.set()
        if held.job.has_key:
            # The next job of its key may begin.
            self._add_turn(held.job.tenant_id)

    async def _attempt(self, held: _Held) -> Ending | None:
        """Run the job once. Return how it ended; None where it belongs to another worker now."""
        job = held.job
        if held.interruption is not None:
            return _interrupted(job, held.interruption)
        held.is_working = True
        try:
            async with asyncio.timeout(job.kind.seconds):
                return Ending(JobState.DONE, counts=await job.kind.run(job))
        except asyncio.CancelledError:
            if held.interruption is None:
                raise
            return _interrupted(job, held.interruption)
        except JobLost:
            return _interrupted(job, _Interruption.LOST)
        except Exception as error:
            return _failed(job, error)
        finally:
            held.is_working = False

    async def _end(self, held: _Held, ending: Ending) -> None:
        """Store the end. Try again while the database does not serve and the lease lasts.

        An end that the database refuses, because of what the job counted or said, is stored as a failure.
        """
        while True:
            try:
                return await self._endings.store(held.job, ending)
            except Exception as error:
                if is_passing(error):
                    if asyncio.get_running_loop().time() > held.lease_ends:
                        _log.warning("end of job not stored; it will run again", exc_info=error, extra=_named(held.job))
                        return None
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                _log.exception("end of job refused", extra=_named(held.job))
                if ending.failure == _INTERNAL_ERROR and not held.job.errors:
                    return None
                held.job.errors.clear()
                ending = Ending(JobState.FAILED, failure=_INTERNAL_ERROR)

    async def _report(self, held: _Held) -> None:
        with suppress(AppError, *DATABASE_ERRORS):
            await self._beat(held.job.tenant_id, [held])
        # An interruption is raised here, between two parts of the work.
        await asyncio.sleep(0)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            tenants = {held.job.tenant_id for held in self._held}
            for tenant_id in tenants:
                own = [held for held in self._held if held.job.tenant_id == tenant_id]
                try:
                    async with asyncio.timeout(self._lease / 3):
                        await self._beat(tenant_id, own)
                except (AppError, *DATABASE_ERRORS) as error:
                    # A job whose lease ends meanwhile is interrupted by its timer.
                    _log.warning("leases not renewed", exc_info=error)
                except Exception:
                    _log.exception("leases not renewed")

    async def _beat(self, tenant_id: UUID, attempts: Sequence[_Held]) -> None:
        lease_ends = asyncio.get_running_loop().time() + self._lease
        kept = await self._books.beat(tenant_id, [held.job for held in attempts])
        for held in self._held.intersection(attempts):
            is_to_stop = kept.get((held.job.id, held.job.attempt))
            if is_to_stop is None:
                held.interrupt(_Interruption.LOST)
                continue
            self._renew(held, lease_ends)
            if is_to_stop:
                held.interrupt(_Interruption.CANCELED)

    def _renew(self, held: _Held, lease_ends: float) -> None:
        """Interrupt the work when a whole lease has passed since this instant, unless it is renewed before."""
        if held.timer is not None:
            held.timer.cancel()
        held.lease_ends = lease_ends
        held.timer = asyncio.get_running_loop().call_at(lease_ends, held.interrupt, _Interruption.LOST)

    async def _let_go(self, others: Sequence[asyncio.Task[None]]) -> None:
        """Let jobs finish within the grace time, hand the others back, and end the rest."""
        loop = asyncio.get_running_loop()
        assert self._stops_at is not None  # noqa: S101  # begin_stop was called
        scheduler, leases = others
        scheduler.cancel()
        await self._wait_for_jobs(self._stops_at - loop.time())
        for held in self._held:
            held.interrupt(_Interruption.RELEASED)
        await self._wait_for_jobs(_RELEASE_SECONDS)
        left = [scheduler, leases, *(held.task for held in self._held if held.task is not None)]
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_RELEASE_SECONDS)

    async def _wait_for_jobs(self, seconds: float) -> None:
        tasks = [held.task for held in self._held if held.task is not None]
        if tasks and seconds > 0:
            await asyncio.wait(tasks, timeout=seconds)


def _interrupted(job: RunningJob, why: _Interruption) -> Ending | None:
    """Return the end of an attempt that the worker interrupted."""
    if why is _Interruption.LOST:
        _log.warning("job lost", extra=_named(job))
        return None
    if why is _Interruption.CANCELED:
        return Ending(JobState.CANCELED)
    return Ending(JobState.WAITING, is_counted=False)


def _failed(job: RunningJob, error: Exception) -> Ending:
    """Return the end of an attempt that raised something."""
    if isinstance(error, Again):
        return _retry(job, ("try_again", error.reason), after=error.after)
    if isinstance(error, AppError):
        failure = (error.code, error.detail)
        return Ending(JobState.FAILED, failure=failure) if error.status < _FAILED_STATUS else _retry(job, failure)
    _log.warning("job attempt failed", exc_info=error, extra=_named(job))
    if isinstance(error, TimeoutError):
        return _retry(job, ("timed_out", "The attempt took too long."))
    return _retry(job, _INTERNAL_ERROR)


def _retry(job: RunningJob, failure: tuple[str, str], *, after: float = 0.0) -> Ending:
    """Return the end of an attempt that is to be repeated, if the kind allows one more."""
    waits = job.kind.retry_waits
    if job.attempt > len(waits):
        return Ending(JobState.FAILED, failure=failure)
    return Ending(JobState.WAITING, wait=max(waits[job.attempt - 1], after), failure=failure)


def _named(job: RunningJob) -> dict[str, str]:
    return {"task": job.kind.name, "request_id": f"job-{job.id}"}
