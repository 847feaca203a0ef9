"""Jobs of kinds that only tests know, and workers that run them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.jobs.context import WorkContext
from app.jobs.enqueue import enqueue
from app.jobs.kinds import Kind, RunningJob
from app.jobs.periodic import PeriodicTask
from app.jobs.worker import Worker
from tests.support import waiting
from tests.support.actors import Tenancy

Run = Callable[[RunningJob], Awaitable[Mapping[str, int] | None]]


async def do_nothing(_job: RunningJob) -> None:
    """Do nothing."""


def new_kind(run: Run = do_nothing, **more: Any) -> Kind:
    """Return a new kind of job, so that no other test's worker takes the jobs."""
    return Kind(f"test_{uuid4().hex}", run, **more)


#: Jobs of this kind only lie there: no worker knows it.
PLACED = Kind("test_placed", do_nothing)


def work_of(app: FastAPI, **settings: Any) -> WorkContext:
    """Return what a worker of this app is given."""
    state = app.state.app_state
    return WorkContext(state.settings.model_copy(update=settings), state.database, state.clock, state.sealer)


async def add_job(tenancy: Tenancy, kind: Kind, arguments: Mapping[str, Any] | None = None, **more: Any) -> UUID:
    """Enqueue a job in a separate transaction."""
    async with work_of(tenancy.app).transaction(tenancy.tenant_id, "test") as tx:
        return await enqueue(tx, kind, arguments, **more)


@asynccontextmanager
async def working(
    app: FastAPI, *kinds: Kind, tasks: tuple[PeriodicTask, ...] = (), **settings: Any
) -> AsyncIterator[Worker]:
    """Yield a worker of these kinds, stopped at the end."""
    worker = Worker(work_of(app, **{"grace_seconds": 60.0, **settings}), kinds, tasks)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.begin_stop()
        await running


async def jobs_of(owner: AsyncEngine, kind: Kind) -> list[Any]:
    """Return the stored jobs of a kind, in the order of their ids."""
    async with owner.connect() as connection:
        query = text("select * from jobs where kind = :kind order by id")
        return list((await connection.execute(query, {"kind": kind.name})).all())


async def until(owner: AsyncEngine, kind: Kind, fits: Callable[[list[Any]], bool]) -> list[Any]:
    """Wait until the stored jobs of a kind fit. Return them."""
    return await waiting.until(lambda: jobs_of(owner, kind), fits)


async def until_finished(owner: AsyncEngine, kind: Kind) -> list[Any]:
    """Wait until no job of a kind waits or runs. Return the jobs."""
    return await until(owner, kind, lambda jobs: all(job.finished_at is not None for job in jobs))


async def multiply_jobs(owner: AsyncEngine, kind: Kind, count: int) -> None:
    """Add copies of the stored jobs of a kind."""
    columns = (
        "tenant_id, created_at, updated_at, version, kind, arguments, state, due_at, attempt, cancel_requested, done"
    )
    copies = (
        f"insert into jobs (id, {columns}) select gen_random_uuid(), {columns} "
        "from jobs cross join generate_series(1, :count) where kind = :kind"
    )
    async with owner.begin() as connection:
        await connection.execute(text(copies), {"kind": kind.name, "count": count})


async def change_jobs(owner: AsyncEngine, kind: Kind, to: str) -> None:
    """Change the stored jobs of a kind, past the service."""
    async with owner.begin() as connection:
        await connection.execute(text(f"update jobs set {to} where kind = :kind"), {"kind": kind.name})
