"""How attempts end is stored together, and an end that cannot be stored is stored as a failure."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import Invalid, Unavailable
from app.jobs.endings import Ending, Endings
from app.jobs.kinds import Again, RunningJob
from app.jobs.models import JobState
from tests.support.actors import Tenancy
from tests.support.jobs import add_job, new_kind, until_finished, work_of, working

TENANT = uuid4()
DONE = Ending(JobState.DONE)
Batch = Sequence[tuple[RunningJob, Ending]]


@pytest.fixture
def jobs(app: FastAPI) -> list[RunningJob]:
    return [
        RunningJob(TENANT, uuid4(), new_kind(), {}, 1, uuid4(), None, False, work_of(app), 0, None) for _ in range(10)
    ]


class Store:
    """Keeps the batches that are written, and refuses those with a certain job."""

    def __init__(self, refused: RunningJob | None = None, error: Exception | None = None) -> None:
        self.batches: list[list[RunningJob]] = []
        self.refused = refused
        self.error = error
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def write(self, _tenant_id: UUID, batch: Batch) -> None:
        self.begun.set()
        await self.may_end.wait()
        if self.error is not None and self.refused in [job for job, _ in batch]:
            raise self.error
        self.batches.append([job for job, _ in batch])


async def store_all(store: Store, jobs: Sequence[RunningJob]) -> list[BaseException | None]:
    endings = Endings(store.write)
    return await asyncio.gather(*(endings.store(job, DONE) for job in jobs), return_exceptions=True)


async def test_attempts_that_end_at_once_are_stored_together(jobs: list[RunningJob]) -> None:
    store = Store()
    assert await store_all(store, jobs) == [None] * 10
    assert store.batches == [jobs]


async def test_a_refused_end_spoils_no_other(jobs: list[RunningJob]) -> None:
    refusal = Invalid("No.")
    store = Store(jobs[3], refusal)
    assert await store_all(store, jobs) == [refusal if job is jobs[3] else None for job in jobs]
    assert [job for [job] in store.batches] == [job for job in jobs if job is not jobs[3]]


async def test_a_database_that_is_away_is_asked_once_for_all(jobs: list[RunningJob]) -> None:
    away = Unavailable()
    store = Store(jobs[3], away)
    assert await store_all(store, jobs) == [away] * 10
    assert store.batches == []


async def test_an_end_survives_the_cancellation_of_the_attempt_that_stored_it(jobs: list[RunningJob]) -> None:
    store = Store()
    store.may_end.clear()
    endings = Endings(store.write)
    first, second = (asyncio.create_task(endings.store(job, DONE)) for job in jobs[:2])
    await store.begun.wait()
    first.cancel()
    store.may_end.set()
    await second
    assert [jobs[1]] in store.batches


def count_nonsense(_job: RunningJob) -> Mapping[str, Any]:
    return {"things": object()}


def say_nonsense(job: RunningJob) -> None:
    job.add_error(1, "nonsense", "\x00")


def wait_for_ever(_job: RunningJob) -> None:
    raise Again("Never.", after=float("inf"))


@pytest.mark.parametrize("do", [count_nonsense, say_nonsense, wait_for_ever])
async def test_an_end_that_cannot_be_stored_is_a_failure(
    tenancy: Tenancy, app: FastAPI, owner: AsyncEngine, do: Any
) -> None:
    async def run(job: RunningJob) -> Mapping[str, int] | None:
        counts: Mapping[str, int] | None = do(job)
        return counts

    nonsense, other = new_kind(run), new_kind()
    async with working(app, nonsense, other):
        await add_job(tenancy, nonsense)
        await add_job(tenancy, other)
        [job] = await until_finished(owner, nonsense)
        assert [one.state for one in await until_finished(owner, other)] == ["done"]
    assert (job.state, job.outcome["failure"]["code"], job.outcome["errors"]) == ("failed", "internal_error", [])


@pytest.mark.parametrize(
    ("reported", "stored"),
    [((-5, 10), (0, 10)), ((300, 250), (250, 250)), ((5, -1), (0, 0)), ((2**70, None), (2**63 - 1, None))],
)
async def test_progress_is_kept_within_its_bounds(
    tenancy: Tenancy, owner: AsyncEngine, reported: tuple[int, int | None], stored: tuple[int, int | None]
) -> None:
    async def run(job: RunningJob) -> None:
        await job.report_progress(*reported)

    kind = new_kind(run)
    async with working(tenancy.app, kind):
        await add_job(tenancy, kind)
        [job] = await until_finished(owner, kind)
    assert (job.state, job.done, job.total) == ("done", *stored)
