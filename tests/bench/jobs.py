"""Measure the job engine: from commit to start, jobs a second, and how soon a killed worker's job runs again.

Run it as ``python -m tests.bench.jobs``; it takes a PostgreSQL of its own and about half a minute.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from uuid import UUID

import asyncpg
import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.db.base import now
from app.db.engine import open_database
from app.db.schema.migrate import load_models, migrate
from app.jobs.context import WorkContext
from app.jobs.enqueue import enqueue
from app.jobs.kinds import Kind, RunningJob
from app.jobs.worker import Worker
from app.provisioning import create_tenant
from app.settings import Settings
from tests.support.database import Urls
from tests.support.jobs import do_nothing, multiply_jobs, new_kind, until
from tests.support.servers import running
from tests.support.services import CHECKOUT, environment


@dataclass(frozen=True)
class Ground:
    """A database with one tenant, and what a worker of this process is given."""

    urls: Urls
    owner: AsyncEngine
    work: WorkContext
    tenant_id: UUID

    async def add(self, kind: Kind) -> float:
        """Enqueue a job. Return when it was committed, on the monotonic clock."""
        async with self.work.transaction(self.tenant_id, "bench") as tx:
            await enqueue(tx, kind)
        return time.perf_counter()


@dataclass(frozen=True)
class Figures:
    """What was measured."""

    start_ms: dict[str, float]
    jobs_a_second: dict[str, float]
    recovery_s: dict[str, float]


@asynccontextmanager
async def _working(work: WorkContext, kind: Kind) -> AsyncIterator[None]:
    worker = Worker(work, [kind])
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.begin_stop()
        await task


async def measure_start(ground: Ground, count: int) -> dict[str, float]:
    """Measure the milliseconds from the commit to the start in the same process, one job after the other."""
    started: asyncio.Queue[float] = asyncio.Queue()

    async def run(_job: RunningJob) -> None:
        started.put_nowait(time.perf_counter())

    kind, waits = new_kind(run), []
    async with _working(ground.work, kind):
        for _ in range(count):
            committed = await ground.add(kind)
            waits.append((await started.get() - committed) * 1_000)
            await asyncio.sleep(0.02)
    return {"median": median(waits), "p99": quantiles(waits, n=100)[98]}


async def measure_rate(ground: Ground, count: int) -> dict[str, float]:
    """Measure how many jobs that do nothing one worker runs in a second, and in a second of its own processor time."""
    left, done = count, asyncio.Event()

    async def run(_job: RunningJob) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    kind = new_kind(run)
    await ground.add(kind)
    await multiply_jobs(ground.owner, kind, count - 1)
    began, used = time.perf_counter(), time.process_time()
    async with _working(ground.work, kind):
        await done.wait()
        wall, used = time.perf_counter() - began, time.process_time() - used
    return {"by_the_clock": count / wall, "by_processor_time": count / used}


async def measure_recovery(ground: Ground, lease: float) -> float:
    """Measure the seconds from a kill -9 of a worker in the middle of a job to the job's next start, elsewhere."""
    kind = new_kind(do_nothing)
    await ground.add(kind)
    logins = {"FA_DATABASE_URL": ground.urls.service}
    if ground.urls.separate:
        logins["FA_OWNER_DATABASE_URL"] = ground.urls.owner
    command = [sys.executable, "-m", "tests.support.job_process", kind.name]
    settings = environment(**logins, FA_JOB_LEASE_SECONDS=str(lease), FA_LOG_LEVEL="error")
    process = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT, env=settings)
    try:
        await until(ground.owner, kind, lambda jobs: jobs[0].state == "running")
        await asyncio.sleep(lease / 2)
    finally:
        process.kill()
        await process.wait()
    began = time.perf_counter()
    async with _working(ground.work, kind):
        await until(ground.owner, kind, lambda jobs: jobs[0].state == "done")
        return time.perf_counter() - began


async def measure(urls: Urls, *, jobs: int, starts: int, lease: float) -> Figures:
    """Measure everything on a migrated database."""
    load_models()
    owner = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(urls.owner))
    owner_url = urls.owner if urls.separate else None
    settings = Settings(database_url=urls.service, owner_database_url=owner_url, log_level="error")
    work = WorkContext(settings, open_database(settings, urls.service, role=settings.assumed_role), now)
    tenant, _, _ = await create_tenant(owner, slug="bench", name="Bench")
    ground = Ground(urls, owner, work, tenant.id)
    figures = Figures(
        start_ms=await measure_start(ground, starts),
        jobs_a_second=await measure_rate(ground, jobs),
        recovery_s={"lease": lease, "runs_again_after": await measure_recovery(ground, lease)},
    )
    await work.database.close()
    await owner.dispose()
    return figures


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2_000, help="jobs for the rate")
    parser.add_argument("--starts", type=int, default=200, help="jobs whose start is timed")
    parser.add_argument("--lease", type=float, default=6.0, help="lease of the killed worker, in seconds")
    asked = parser.parse_args()
    with running() as urls:
        asyncio.run(migrate(urls.owner, urls.role, login_is_separate=urls.separate))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(measure(urls, jobs=asked.jobs, starts=asked.starts, lease=asked.lease))
        sys.stdout.write(json.dumps(asdict(found), indent=2) + "\n")


if __name__ == "__main__":
    main()
