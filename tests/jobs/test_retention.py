"""Finished jobs are deleted when they are old enough, and a tenant that has nothing to delete gets no job."""

from functools import partial
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.background import PURGE_EXPIRED, PURGES
from app.db.transaction import Tx
from app.errors import Conflict
from app.jobs.retention import Purge, enqueue_purges, run_purges
from app.settings import Settings
from tests.support.actors import Tenancy
from tests.support.jobs import add_job, change_jobs, jobs_of, new_kind, until_finished, work_of, working


async def purge(app: FastAPI, owner: AsyncEngine) -> None:
    await enqueue_purges(PURGE_EXPIRED, PURGES, work_of(app))
    async with working(app, PURGE_EXPIRED):
        await until_finished(owner, PURGE_EXPIRED)


@pytest.mark.parametrize(
    ("state", "age", "left"),
    [
        ("state = 'done', created_by = gen_random_uuid()", "31 days", 0),
        ("state = 'failed'", "31 days", 0),
        ("state = 'done', created_by = gen_random_uuid()", "29 days", 1),
        ("state = 'failed'", "29 days", 1),
        ("state = 'done'", "25 hours", 0),
        ("state = 'done'", "23 hours", 1),
    ],
)
async def test_finished_jobs_are_kept_for_a_time(
    tenancy: Tenancy, owner: AsyncEngine, state: str, age: str, left: int
) -> None:
    kind = new_kind()
    await add_job(tenancy, kind)
    await change_jobs(owner, kind, f"{state}, finished_at = now() - interval '{age}'")
    await purge(tenancy.app, owner)
    assert len(await jobs_of(owner, kind)) == left


async def test_jobs_that_have_not_finished_are_kept(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    kind = new_kind()
    await add_job(tenancy, kind)
    await change_jobs(owner, kind, "created_at = now() - interval '1 year'")
    await purge(app, owner)
    assert len(await jobs_of(owner, kind)) == 1


async def test_a_tenant_with_nothing_to_delete_gets_no_job(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    await enqueue_purges(PURGE_EXPIRED, PURGES, work_of(app))
    assert tenancy.tenant_id not in {job.tenant_id for job in await jobs_of(owner, PURGE_EXPIRED)}


async def test_a_purge_that_waits_stands_for_the_next_one(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    kind = new_kind()
    await add_job(tenancy, kind)
    await change_jobs(owner, kind, "state = 'failed', finished_at = now() - interval '31 days'")
    for _ in range(2):
        await enqueue_purges(PURGE_EXPIRED, PURGES, work_of(app))
    assert [job.tenant_id for job in await jobs_of(owner, PURGE_EXPIRED)].count(tenancy.tenant_id) == 1
    await purge(app, owner)


async def test_a_tenant_that_fails_keeps_no_other_from_its_retention(
    tenancy: Tenancy, other_tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    async def has_expired(tx: Tx, _settings: Settings) -> bool:
        if tx.tenant_id not in {tenancy.tenant_id, other_tenancy.tenant_id}:
            return False
        asked.append(tx.tenant_id)
        if len(asked) == 1:
            raise ArithmeticError
        return True

    async def delete(_tx: Tx, _settings: Settings) -> int:
        return 0

    asked: list[UUID] = []
    kind = new_kind()
    with pytest.raises(ArithmeticError):
        await enqueue_purges(kind, [Purge("things", has_expired, delete)], work_of(app))
    assert [job.tenant_id for job in await jobs_of(owner, kind)] == asked[1:]
    assert len(asked) == 2


async def test_rows_that_cannot_be_deleted_keep_no_others(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    async def never(_tx: Tx, _settings: Settings) -> bool:
        return False

    async def refuse(_tx: Tx, _settings: Settings) -> int:
        raise Conflict("It is so.")

    async def delete(_tx: Tx, _settings: Settings) -> int:
        deleted.append(1)
        return len(deleted) % 2

    deleted: list[int] = []
    purges = [Purge("stuck", never, refuse), Purge("things", never, delete)]
    kind = new_kind(partial(run_purges, purges))
    async with working(app, kind):
        await add_job(tenancy, kind)
        [job] = await until_finished(owner, kind)
    assert (job.state, job.outcome["failure"]["code"], len(deleted)) == ("failed", "conflict", 2)
