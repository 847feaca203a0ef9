"""Restarts and kills of the database while jobs run: every job is done, and the worker goes on by itself."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.jobs.kinds import RunningJob
from tests.faults.conftest import Service
from tests.faults.test_restarts import kill_postmaster, restart_fast, terminate_backends
from tests.support.jobs import add_job, multiply_jobs, new_kind, until_finished, working
from tests.support.postgres import OwnPostgres

COUNT = 200


@pytest.fixture
async def own_owner(service: Service) -> AsyncIterator[AsyncEngine]:
    """The owner's engine on the server that is harmed."""
    url = service.server.url("fa_owner")
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url))
    yield engine
    await engine.dispose()


@pytest.mark.parametrize("harm", [restart_fast, kill_postmaster, terminate_backends])
async def test_jobs_go_on_after_the_database(
    service: Service, own_owner: AsyncEngine, harm: Callable[[OwnPostgres], None]
) -> None:
    ran, under_way = Counter[UUID](), asyncio.Event()

    async def run(job: RunningJob) -> None:
        await asyncio.sleep(0.02)
        ran[job.id] += 1
        if len(ran) > COUNT // 10:
            under_way.set()

    kind = new_kind(run, retry_waits=(0.1,) * 10)
    await add_job(service.tenancy, kind)
    await multiply_jobs(own_owner, kind, COUNT - 1)
    async with working(service.app, kind, job_lease_seconds=2.0):
        await asyncio.wait_for(under_way.wait(), 300)
        await asyncio.to_thread(harm, service.server)
        await own_owner.dispose()
        jobs = await until_finished(own_owner, kind)
    assert {job.state for job in jobs} == {"done"}
    assert len(ran) == len(jobs) == COUNT
