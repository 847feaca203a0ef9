"""An attempt whose job was taken over changes nothing any more, also where the same worker took it over."""

import asyncio
from contextlib import suppress

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.jobs.enqueue import enqueue
from app.jobs.kinds import RunningJob
from tests.support.actors import Tenancy
from tests.support.jobs import add_job, change_jobs, jobs_of, new_kind, until_finished, working

#: The next attempt has begun, and the same worker holds it.
NEXT_ATTEMPT = "attempt = attempt + 1, held_until = now() + interval '1 hour'"
OVER = "state = 'canceled', finished_at = now()"


async def test_an_attempt_does_not_end_the_next_one(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    taken = asyncio.Event()

    async def lose(_job: RunningJob) -> None:
        await change_jobs(owner, kind, NEXT_ATTEMPT)
        taken.set()

    kind = new_kind(lose)
    async with working(app, kind):
        await add_job(tenancy, kind)
        await taken.wait()
    [job] = await jobs_of(owner, kind)
    assert (job.state, job.attempt, job.outcome) == ("running", 2, None)
    await change_jobs(owner, kind, OVER)


async def test_an_attempt_does_not_report_progress_of_the_next_one_and_is_interrupted(
    tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    interrupted = asyncio.Event()

    async def lose(job: RunningJob) -> None:
        await change_jobs(owner, kind, NEXT_ATTEMPT)
        try:
            await job.report_progress(5, 10)
        except asyncio.CancelledError:
            interrupted.set()
            raise

    kind = new_kind(lose)
    async with working(app, kind):
        await add_job(tenancy, kind)
        await interrupted.wait()
    [job] = await jobs_of(owner, kind)
    assert (job.state, job.done, job.total) == ("running", 0, None)
    await change_jobs(owner, kind, OVER)


async def test_a_job_that_is_taken_over_commits_nothing(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    ended, made = asyncio.Event(), new_kind()

    async def lose(job: RunningJob) -> None:
        try:
            async with job.transaction() as tx:
                await enqueue(tx, made)
                await change_jobs(owner, kind, NEXT_ATTEMPT)
        finally:
            ended.set()

    kind = new_kind(lose)
    async with working(app, kind):
        await add_job(tenancy, kind)
        await ended.wait()
    [job] = await jobs_of(owner, kind)
    assert (job.state, job.outcome) == ("running", None)
    assert await jobs_of(owner, made) == []
    await change_jobs(owner, kind, OVER)


async def test_a_job_that_is_held_commits(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    made = new_kind()

    async def run(job: RunningJob) -> None:
        async with job.transaction() as tx:
            await enqueue(tx, made)

    kind = new_kind(run)
    async with working(app, kind):
        await add_job(tenancy, kind)
        await until_finished(owner, kind)
    assert len(await jobs_of(owner, made)) == 1


async def test_a_worker_that_takes_its_own_lost_job_again_keeps_the_new_lease(
    tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    first_ended, second_begun = asyncio.Event(), asyncio.Event()

    async def run(job: RunningJob) -> None:
        if job.attempt == 1:
            await change_jobs(owner, kind, "state = 'waiting', held_by = null, held_until = null")
            while not second_begun.is_set():
                # An interruption does not end it.
                with suppress(asyncio.CancelledError):
                    await second_begun.wait()
            first_ended.set()
            return
        second_begun.set()
        await first_ended.wait()
        await asyncio.sleep(6)

    kind = new_kind(run)
    async with working(app, kind, job_lease_seconds=4.0):
        await add_job(tenancy, kind)
        [job] = await until_finished(owner, kind)
    assert (job.state, job.attempt) == ("done", 2)
