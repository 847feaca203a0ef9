"""Periodic tasks: one process at a time, and another one after a process that was killed."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.jobs.context import WorkContext
from app.jobs.periodic import PeriodicTask, Scheduler
from tests.support.jobs import work_of, working

Run = Callable[[], Awaitable[object]]


def scheduler(app: FastAPI, *, lease: float = 300.0) -> Scheduler:
    """Return a process's scheduler."""
    return Scheduler(work_of(app), (), lease=lease, poll=0.01)


def task(run: Run, *, seconds: float = 3_600.0, limit: float = 300.0) -> PeriodicTask:
    async def run_with(_work: WorkContext) -> None:
        await run()

    return PeriodicTask(f"test-{uuid4().hex}", seconds, run_with, limit=limit)


async def change(owner: AsyncEngine, task: PeriodicTask, to: str) -> None:
    async with owner.begin() as connection:
        await connection.execute(text(f"update schedules set {to} where name = :name"), {"name": task.name})


async def test_a_task_runs_when_it_is_due_and_not_before(app: FastAPI, owner: AsyncEngine) -> None:
    ran = []

    async def run() -> None:
        ran.append(True)

    due = task(run)
    assert await scheduler(app).run_if_due(due)
    assert not await scheduler(app).run_if_due(due)
    await change(owner, due, "due_at = now()")
    assert await scheduler(app).run_if_due(due)
    assert len(ran) == 2


async def test_one_process_runs_a_task_at_a_time(app: FastAPI) -> None:
    begun, done = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        begun.set()
        await done.wait()

    due = task(run)
    first = asyncio.ensure_future(scheduler(app).run_if_due(due))
    await begun.wait()
    assert not await scheduler(app).run_if_due(due)
    done.set()
    assert await first


async def test_a_killed_process_leaves_a_lease_that_ends(app: FastAPI, owner: AsyncEngine) -> None:
    async def run() -> None:
        pass

    due = task(run)
    await scheduler(app).run_if_due(due)
    await change(owner, due, "due_at = now(), held_by = gen_random_uuid(), held_until = now() + interval '1 hour'")
    assert not await scheduler(app).run_if_due(due)
    await change(owner, due, "held_until = now() - interval '1 second'")
    assert await scheduler(app).run_if_due(due)


async def test_a_process_that_lost_its_lease_takes_nothing_from_the_next(app: FastAPI, owner: AsyncEngine) -> None:
    other = uuid4()

    async def run() -> None:
        await change(owner, due, f"held_by = '{other}', held_until = now() + interval '1 hour'")

    due = task(run)
    await scheduler(app).run_if_due(due)
    async with owner.connect() as connection:
        query = text("select held_by from schedules where name = :name")
        assert (await connection.execute(query, {"name": due.name})).scalar_one() == other


async def test_a_task_that_fails_is_tried_again_sooner(app: FastAPI, owner: AsyncEngine) -> None:
    async def run() -> None:
        raise ArithmeticError

    due = task(run, seconds=1_000.0)
    with pytest.raises(ArithmeticError):
        await scheduler(app).run_if_due(due)
    async with owner.connect() as connection:
        query = text("select held_by is null and due_at < now() + interval '101 s' from schedules where name = :name")
        assert (await connection.execute(query, {"name": due.name})).scalar_one() is True


async def test_a_task_that_takes_too_long_is_cancelled(app: FastAPI) -> None:
    async def run() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await scheduler(app).run_if_due(task(run, limit=0.2))


async def test_a_lease_is_renewed_as_long_as_its_task_runs(app: FastAPI) -> None:
    async def run() -> None:
        await asyncio.sleep(2)
        assert not await scheduler(app).run_if_due(due)

    due = task(run)
    assert await scheduler(app, lease=0.6).run_if_due(due)


async def test_a_task_whose_lease_is_lost_is_cancelled(app: FastAPI, owner: AsyncEngine) -> None:
    async def run() -> None:
        await change(owner, due, f"held_by = '{uuid4()}'")
        await asyncio.Event().wait()

    due = task(run)
    with pytest.raises(TimeoutError):
        await scheduler(app, lease=0.6).run_if_due(due)


async def test_a_process_that_stops_leaves_its_task_to_another(app: FastAPI) -> None:
    begun = asyncio.Event()

    async def run() -> None:
        begun.set()
        if len(runs) == 1:
            await asyncio.Event().wait()

    runs = [True]
    due = task(run)
    async with working(app, tasks=(due,)):
        await begun.wait()
    runs.append(True)
    assert await scheduler(app).run_if_due(due)


async def test_the_scheduler_goes_on_after_a_failure(app: FastAPI) -> None:
    ran = asyncio.Event()

    async def fail() -> None:
        raise ArithmeticError

    async def run() -> None:
        ran.set()

    async with working(app, tasks=(task(fail), task(run))):
        await asyncio.wait_for(ran.wait(), 120)


async def test_a_task_that_fails_while_the_process_stops_ends_with_it(app: FastAPI) -> None:
    began = asyncio.Event()

    async def fail() -> None:
        began.set()
        await asyncio.sleep(0)
        raise ArithmeticError

    running = asyncio.create_task(scheduler(app).run_if_due(task(fail)))
    await began.wait()
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    # A failure that nobody has asked for would end the test here.
    gc.collect()
