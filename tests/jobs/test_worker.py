"""Jobs run once they are committed, again after a failure, and never where they belong to another worker."""

import asyncio
from collections.abc import Mapping
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import Conflict, Unavailable
from app.jobs.enqueue import enqueue
from app.jobs.kinds import Again, RunningJob
from tests.support.actors import Tenancy
from tests.support.jobs import (
    add_job,
    change_jobs,
    jobs_of,
    multiply_jobs,
    new_kind,
    until,
    until_finished,
    work_of,
    working,
)


async def test_a_committed_job_runs_with_its_arguments(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    async def count(job: RunningJob) -> Mapping[str, int]:
        return {"letters": len(job.arguments["word"])}

    kind = new_kind(count)
    async with working(app, kind):
        await add_job(tenancy, kind, {"word": "seven"})
        [job] = await until_finished(owner, kind)
    assert (job.state, job.attempt, job.held_by) == ("done", 1, None)
    assert job.outcome["counts"] == {"letters": 5}


async def test_a_rollback_enqueues_nothing(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    kind = new_kind()
    with pytest.raises(ArithmeticError):
        async with work_of(app).transaction(tenancy.tenant_id, "test") as tx:
            await enqueue(tx, kind)
            raise ArithmeticError
    assert await jobs_of(owner, kind) == []


async def test_a_failed_attempt_is_repeated(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    async def fail_twice(job: RunningJob) -> None:
        if job.attempt < 3:
            raise ArithmeticError

    kind = new_kind(fail_twice, retry_waits=(0.0, 0.0))
    async with working(app, kind):
        await add_job(tenancy, kind)
        [job] = await until_finished(owner, kind)
    assert (job.state, job.attempt, job.outcome["failure"]) == ("done", 3, None)


@pytest.mark.parametrize(
    ("error", "attempts", "code"),
    [
        (ArithmeticError("a secret"), 2, "internal_error"),
        (Again("The other side is away."), 2, "try_again"),
        (Unavailable(), 2, "unavailable"),
        (Conflict("It is so."), 1, "conflict"),
    ],
)
async def test_a_job_fails_when_no_attempt_is_left(
    tenancy: Tenancy, owner: AsyncEngine, error: Exception, attempts: int, code: str
) -> None:
    async def fail(_job: RunningJob) -> None:
        raise error

    kind = new_kind(fail, retry_waits=(0.0,))
    async with working(tenancy.app, kind):
        await add_job(tenancy, kind)
        [job] = await until_finished(owner, kind)
    assert (job.state, job.attempt, job.outcome["failure"]["code"]) == ("failed", attempts, code)
    assert "secret" not in str(job.outcome)


async def test_a_job_that_asks_for_later_waits_the_longer_of_both_times(
    tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    async def later(job: RunningJob) -> None:
        raise Again("Later.", after=job.arguments["after"])

    kind = new_kind(later, retry_waits=(1_000.0,))
    async with working(app, kind):
        for after in (10, 5_000):
            await add_job(tenancy, kind, {"after": after})
        jobs = await until(owner, kind, lambda jobs: all(job.outcome is not None for job in jobs))
    waits = [(job.due_at - job.updated_at).total_seconds() for job in jobs]
    assert waits == [pytest.approx(1_000, abs=100), pytest.approx(5_000, abs=100)]


async def test_an_attempt_that_takes_too_long_is_ended(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    async def hang(_job: RunningJob) -> None:
        await asyncio.Event().wait()

    kind = new_kind(hang, seconds=0.1, retry_waits=())
    async with working(app, kind):
        await add_job(tenancy, kind)
        [job] = await until_finished(owner, kind)
    assert (job.state, job.outcome["failure"]["code"]) == ("failed", "timed_out")


async def test_jobs_of_one_key_run_in_order_and_never_together(
    tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    running, most, order = 0, 0, []

    async def run(job: RunningJob) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        if job.arguments["number"] % 3 == 0 and job.attempt < 3:
            raise ArithmeticError
        order.append(job.arguments["number"])

    kind = new_kind(run, retry_waits=(0.0, 0.01))
    async with working(app, kind), working(app, kind):
        async with work_of(app).transaction(tenancy.tenant_id, "test") as tx:
            for number in range(60):
                await enqueue(tx, kind, {"number": number}, key="one")
        await until_finished(owner, kind)
    assert (order, most) == (list(range(60)), 1)


async def test_jobs_of_different_keys_run_together(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    both = asyncio.Barrier(2)

    async def meet(_job: RunningJob) -> None:
        await both.wait()

    kind = new_kind(meet)
    async with working(app, kind):
        for key in ("a", "b"):
            await add_job(tenancy, kind, key=key)
        assert [job.state for job in await until_finished(owner, kind)] == ["done", "done"]


async def test_a_waiting_job_stands_for_another_of_its_dedupe_key(
    tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    kind = new_kind()
    first = await add_job(tenancy, kind, dedupe_key="same", delay=3_600.0)
    assert await add_job(tenancy, kind, dedupe_key="same") == first
    assert await add_job(tenancy, kind, dedupe_key="other", delay=3_600.0) != first
    async with working(app, kind):
        await until(owner, kind, lambda jobs: jobs[0].state == "done")
    # What runs or has run stands for nothing that comes later.
    assert await add_job(tenancy, kind, dedupe_key="same", delay=3_600.0) != first


async def test_a_job_that_is_repeated_meets_its_successor_in_peace(
    tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    async def succeed_itself(job: RunningJob) -> None:
        if job.attempt == 1 and not job.arguments:
            await add_job(tenancy, kind, {"is": "successor"}, dedupe_key="same", delay=3_600.0)
            raise ArithmeticError

    kind = new_kind(succeed_itself, retry_waits=(0.0,))
    async with working(app, kind):
        await add_job(tenancy, kind, dedupe_key="same")
        await until(owner, kind, lambda jobs: jobs[0].state == "done")
    assert [job.state for job in await jobs_of(owner, kind)] == ["done", "waiting"]


async def test_a_job_waits_for_who_relies_on_it(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    """Else it could run before the transaction commits that took it for its own."""
    kind = new_kind()
    first = await add_job(tenancy, kind, dedupe_key="same", delay=0.5)
    async with work_of(app).transaction(tenancy.tenant_id, "test") as tx:
        assert await enqueue(tx, kind, dedupe_key="same") == first
        async with working(app, kind):
            await asyncio.sleep(1.5)
            assert [job.state for job in await jobs_of(owner, kind)] == ["waiting"]


async def test_two_workers_never_run_one_job_twice(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    ran = []

    async def run(job: RunningJob) -> None:
        ran.append(job.id)

    kind = new_kind(run)
    async with working(app, kind), working(app, kind):
        async with work_of(app).transaction(tenancy.tenant_id, "test") as tx:
            made = [await enqueue(tx, kind) for _ in range(200)]
        jobs = await until_finished(owner, kind)
    assert sorted(ran) == sorted(made)
    assert {(job.state, job.attempt) for job in jobs} == {("done", 1)}


async def test_a_tenant_is_not_kept_waiting_by_the_jobs_of_another(
    tenancy: Tenancy, other_tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    ran, others = [], asyncio.Event()

    async def run(job: RunningJob) -> None:
        ran.append(job.tenant_id)
        if job.tenant_id == other_tenancy.tenant_id:
            others.set()

    kind = new_kind(run)
    await add_job(tenancy, kind)
    await multiply_jobs(owner, kind, 2_999)
    await add_job(other_tenancy, kind)
    async with working(app, kind) as worker:
        await asyncio.wait_for(others.wait(), 300)
        worker.begin_stop()
    assert ran.index(other_tenancy.tenant_id) < 300
    await change_jobs(owner, kind, "state = 'canceled', finished_at = now()")


async def test_long_jobs_of_a_tenant_leave_a_slot_for_another(
    tenancy: Tenancy, other_tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    ended = asyncio.Event()

    async def run(job: RunningJob) -> None:
        if job.tenant_id == other_tenancy.tenant_id:
            ended.set()
        await ended.wait()

    kind = new_kind(run)
    async with working(app, kind, job_slots=3):
        for _ in range(5):
            await add_job(tenancy, kind)
        await add_job(other_tenancy, kind)
        assert {job.state for job in await until_finished(owner, kind)} == {"done"}


async def test_one_slot_serves_everybody_in_turn(
    tenancy: Tenancy, other_tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    kind = new_kind()
    for one in (tenancy, tenancy, other_tenancy):
        await add_job(one, kind)
    async with working(app, kind, job_slots=1):
        assert len(await until_finished(owner, kind)) == 3


async def test_a_lost_job_runs_again(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    kind = new_kind()
    await add_job(tenancy, kind, key="k")
    await change_jobs(
        owner, kind, f"state = 'running', attempt = 1, held_by = '{uuid4()}', held_until = now() - interval '1 s'"
    )
    async with working(app, kind):
        [job] = await until_finished(owner, kind)
    assert (job.state, job.attempt) == ("done", 2)


async def test_a_job_that_kills_its_workers_fails_at_last(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    kind = new_kind(retry_waits=())
    await add_job(tenancy, kind)
    lost = f"state = 'running', held_by = '{uuid4()}', held_until = now() - interval '1 s'"
    await change_jobs(owner, kind, f"{lost}, attempt = 5")
    async with working(app, kind):
        [job] = await until_finished(owner, kind)
    assert (job.state, job.outcome["failure"]["code"]) == ("failed", "worker_lost")


async def test_a_worker_that_lost_a_job_writes_nothing_about_it(
    tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    taken, other = asyncio.Event(), uuid4()

    async def lose(_job: RunningJob) -> None:
        await change_jobs(owner, kind, f"held_by = '{other}', held_until = now() + interval '1 hour'")
        taken.set()

    kind = new_kind(lose)
    async with working(app, kind):
        await add_job(tenancy, kind)
        await taken.wait()
    [job] = await jobs_of(owner, kind)
    assert (job.state, job.held_by, job.outcome) == ("running", other, None)
    await change_jobs(owner, kind, "state = 'canceled', finished_at = now()")


async def test_a_job_that_another_worker_took_is_interrupted(
    tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    interrupted = asyncio.Event()

    async def lose(_job: RunningJob) -> None:
        await change_jobs(owner, kind, f"held_by = '{uuid4()}', held_until = now() + interval '1 hour'")
        try:
            await asyncio.Event().wait()
        finally:
            interrupted.set()

    kind = new_kind(lose)
    async with working(app, kind, job_lease_seconds=1.0):
        await add_job(tenancy, kind)
        await interrupted.wait()
    await change_jobs(owner, kind, "state = 'canceled', finished_at = now()")


async def test_a_lease_is_renewed_while_a_job_runs(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    async def outlast(_job: RunningJob) -> None:
        await asyncio.sleep(3)

    kind = new_kind(outlast)
    async with working(app, kind, job_lease_seconds=1.0), working(app, kind, job_lease_seconds=1.0):
        await add_job(tenancy, kind)
        [job] = await until_finished(owner, kind)
    assert (job.state, job.attempt) == ("done", 1)


async def test_a_stop_lets_a_short_job_finish(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    begun = asyncio.Event()

    async def run(_job: RunningJob) -> None:
        begun.set()
        await asyncio.sleep(0.3)

    kind = new_kind(run)
    async with working(app, kind) as worker:
        await add_job(tenancy, kind)
        await begun.wait()
        worker.begin_stop()
    assert [job.state for job in await jobs_of(owner, kind)] == ["done"]


async def test_a_stop_hands_a_long_job_back_and_the_attempt_does_not_count(
    tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    begun = asyncio.Event()

    async def hang(_job: RunningJob) -> None:
        begun.set()
        await asyncio.Event().wait()

    kind = new_kind(hang)
    async with working(app, kind, grace_seconds=0.2):
        await add_job(tenancy, kind)
        await begun.wait()
    [job] = await jobs_of(owner, kind)
    assert (job.state, job.attempt, job.held_by, job.outcome["failure"]) == ("waiting", 0, None, None)


async def test_a_job_of_an_unknown_kind_is_left_alone(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    known, unknown = new_kind(), new_kind()
    await add_job(tenancy, unknown)
    async with working(app, known):
        await add_job(tenancy, known)
        await until_finished(owner, known)
    assert [job.state for job in await jobs_of(owner, unknown)] == ["waiting"]


async def test_progress_and_errors_of_rows_are_stored(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    seen = asyncio.Event()

    async def run(job: RunningJob) -> None:
        await job.report_progress(1, 250)
        [stored] = await jobs_of(owner, kind)
        assert (stored.done, stored.total) == (1, 250)
        for row in range(1, 151):
            job.add_error(row, "unknown_person", "There is no such person.")
        await job.report_progress(250)
        seen.set()

    kind = new_kind(run, retry_waits=())
    async with working(app, kind):
        await add_job(tenancy, kind)
        [job] = await until_finished(owner, kind)
    assert seen.is_set()
    assert (job.state, job.done, job.total) == ("done", 250, 250)
    assert (job.outcome["error_count"], len(job.outcome["errors"])) == (150, 100)
