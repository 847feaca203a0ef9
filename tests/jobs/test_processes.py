"""Workers in processes of their own: killed, stopped, and split off from the service."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.background import PURGE_EXPIRED
from app.jobs.kinds import Kind
from app.main import create_app
from app.settings import Settings
from tests.support.actors import Tenancy
from tests.support.database import Urls
from tests.support.jobs import add_job, jobs_of, new_kind, until, until_finished, working
from tests.support.services import CHECKOUT, START_SECONDS, command, environment


@contextmanager
def process(urls: Urls, settings: Settings, *arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command on the run's database. It is gone when the context ends."""
    logins = {"FA_DATABASE_URL": urls.service, "FA_POOLER": settings.pooler}
    if urls.separate:
        logins["FA_OWNER_DATABASE_URL"] = urls.owner
    with subprocess.Popen(  # noqa: S603 - our own command
        arguments, cwd=CHECKOUT, env=environment(**logins, FA_LOG_LEVEL="error", **more)
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def hanging(kind: Kind) -> list[str]:
    """The command of a worker that hangs in each job of a kind."""
    return [sys.executable, "-m", "tests.support.job_process", kind.name]


async def test_a_job_of_a_killed_process_runs_again(
    tenancy: Tenancy, urls: Urls, settings: Settings, owner: AsyncEngine
) -> None:
    kind = new_kind()
    await add_job(tenancy, kind, key="k")
    with process(urls, settings, *hanging(kind), FA_JOB_LEASE_SECONDS="1") as started:
        await until(owner, kind, lambda jobs: jobs[0].state == "running")
        started.kill()
    async with working(tenancy.app, kind):
        [job] = await until_finished(owner, kind)
    assert (job.state, job.attempt) == ("done", 2)


async def test_a_stopped_process_hands_a_long_job_back(
    tenancy: Tenancy, urls: Urls, settings: Settings, owner: AsyncEngine
) -> None:
    kind = new_kind()
    await add_job(tenancy, kind)
    with process(urls, settings, *hanging(kind), FA_GRACE_SECONDS="1") as started:
        await until(owner, kind, lambda jobs: jobs[0].state == "running")
        started.send_signal(signal.SIGTERM)
        assert started.wait(START_SECONDS) == 0
    [job] = await jobs_of(owner, kind)
    assert (job.state, job.attempt, job.held_by) == ("waiting", 0, None)


async def test_a_second_signal_ends_a_worker_at_once(
    tenancy: Tenancy, urls: Urls, settings: Settings, owner: AsyncEngine
) -> None:
    kind = new_kind()
    await add_job(tenancy, kind)
    with process(urls, settings, *hanging(kind), FA_GRACE_SECONDS="600") as started:
        await until(owner, kind, lambda jobs: jobs[0].state == "running")
        started.send_signal(signal.SIGTERM)
        while started.poll() is None:
            started.send_signal(signal.SIGTERM)
    assert started.returncode in {0, -signal.SIGTERM}


async def test_the_command_runs_what_the_service_leaves_to_it(
    tenancy: Tenancy, urls: Urls, settings: Settings, owner: AsyncEngine
) -> None:
    job_id = await add_job(tenancy, PURGE_EXPIRED)
    with process(urls, settings, *command("worker")) as started:
        await until(owner, PURGE_EXPIRED, lambda jobs: {job.id: job.state for job in jobs}[job_id] == "done")
        started.send_signal(signal.SIGTERM)
        assert started.wait(START_SECONDS) == 0


async def state_under(app: FastAPI, tenancy: Tenancy, owner: AsyncEngine, expected: str) -> str:
    """The state of a job that was added while the service ran."""
    async with app.router.lifespan_context(app):
        job_id = await add_job(tenancy, PURGE_EXPIRED)
        if expected == "done":
            await until(owner, PURGE_EXPIRED, lambda jobs: {job.id: job.state for job in jobs}[job_id] == "done")
    async with owner.begin() as connection:
        query = text(
            "update jobs set state = 'canceled', finished_at = now() where id = :id returning (select state "
            "from jobs where id = :id)"
        )
        found: str = (await connection.execute(query, {"id": job_id})).scalar_one()
    return found


@pytest.mark.parametrize(("runs_work", "state"), [(True, "done"), (False, "waiting")])
async def test_the_service_runs_background_work_unless_it_is_split_off(
    tenancy: Tenancy, settings: Settings, owner: AsyncEngine, runs_work: bool, state: str
) -> None:
    app = create_app(settings.model_copy(update={"worker": runs_work}))
    assert await state_under(app, tenancy, owner, state) == state
