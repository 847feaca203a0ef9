"""Jobs over HTTP: who sees them, what they show, and their cancellation."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.jobs.enqueue import enqueue
from app.jobs.kinds import Kind, RunningJob
from tests.support.actors import Actor, Tenancy
from tests.support.jobs import add_job, change_jobs, new_kind, until_finished, work_of, working


@pytest.fixture(name="kind")
def own_kind() -> Kind:
    return new_kind()


async def shown(actor: Actor, job_id: UUID) -> dict[str, Any]:
    answer = await actor.get(f"/v1/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def cancel(actor: Actor, job_id: UUID, **more: Any) -> Any:
    return await actor.post(f"/v1/jobs/{job_id}/cancellation", **more)


async def test_a_job_shows_its_outcome(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    async def run(job: RunningJob) -> Mapping[str, int]:
        job.add_error(17, "unknown_person", "There is no such person.")
        await job.report_progress(3, 4)
        return {"created": 3}

    kind = new_kind(run)
    job_id = await add_job(tenancy, kind, organization_id=UUID(tenancy.root_id))
    async with working(app, kind):
        await until_finished(owner, kind)
    job = await shown(tenancy.admin, job_id)
    assert (job["kind"], job["state"], job["attempt"], job["percent"]) == (kind.name, "done", 1, 100)
    assert (job["done"], job["total"], job["counts"], job["error_count"]) == (3, 4, {"created": 3}, 1)
    assert job["errors"] == [{"row": 17, "code": "unknown_person", "message": "There is no such person."}]
    assert job["organization_id"] == tenancy.root_id
    assert job["failure"] is None


@pytest.mark.parametrize(
    ("done", "total", "percent"), [(0, None, None), (0, 0, None), (1, 3, 33), (2, 3, 66), (3, 3, 100), (4, 3, 100)]
)
async def test_the_share_of_the_work_done_is_a_whole_percentage(
    tenancy: Tenancy, owner: AsyncEngine, done: int, total: int | None, percent: int | None
) -> None:
    kind = new_kind()
    job_id = await add_job(tenancy, kind, total=total)
    await change_jobs(owner, kind, f"done = {done}")
    assert (await shown(tenancy.admin, job_id))["percent"] == percent


async def test_what_stopped_an_attempt_is_shown_while_the_job_waits(
    tenancy: Tenancy, owner: AsyncEngine, kind: Kind
) -> None:
    job_id = await add_job(tenancy, kind)
    failure = '{"code": "timed_out", "message": "The attempt took too long."}'
    await change_jobs(
        owner, kind, f"""outcome = '{{"counts": {{}}, "errors": [], "error_count": 0, "failure": {failure}}}'"""
    )
    job = await shown(tenancy.admin, job_id)
    assert (job["state"], job["failure"]["code"]) == ("waiting", "timed_out")


async def test_a_job_that_did_not_change_is_not_sent_again(tenancy: Tenancy, owner: AsyncEngine, kind: Kind) -> None:
    job_id = await add_job(tenancy, kind)
    etag = (await tenancy.admin.get(f"/v1/jobs/{job_id}")).headers["etag"]
    headers = {"If-None-Match": etag}
    assert (await tenancy.admin.get(f"/v1/jobs/{job_id}", headers=headers)).status_code == 304
    await change_jobs(owner, kind, "done = 1, version = version + 1")
    assert (await tenancy.admin.get(f"/v1/jobs/{job_id}", headers=headers)).status_code == 200


async def test_jobs_are_found_by_state_and_kind(tenancy: Tenancy, kind: Kind) -> None:
    ids = [str(await add_job(tenancy, one)) for one in (kind, kind, new_kind())]
    assert [job["id"] for job in await tenancy.admin.items("/v1/jobs", kind=kind.name)] == ids[:2]
    assert [job["id"] for job in await tenancy.admin.items("/v1/jobs", state="waiting")] == ids
    assert await tenancy.admin.items("/v1/jobs", state="done") == []
    assert [job["id"] for job in await tenancy.admin.items("/v1/jobs", sort="-id")] == ids[::-1]


async def test_a_list_shows_what_a_single_read_shows(tenancy: Tenancy, kind: Kind) -> None:
    job_id = await add_job(tenancy, kind, total=7)
    assert await tenancy.admin.items("/v1/jobs", kind=kind.name) == [await shown(tenancy.admin, job_id)]


async def test_a_job_of_the_whole_tenant_is_seen_from_the_root_only(tenancy: Tenancy, kind: Kind) -> None:
    site = await tenancy.organization()
    viewer, below = [await tenancy.key(("viewer", at)) for at in (tenancy.root_id, site["id"])]
    job_id = await add_job(tenancy, kind)
    assert (await shown(viewer, job_id))["organization_id"] is None
    assert (await below.get(f"/v1/jobs/{job_id}")).status_code == 404
    assert await below.items("/v1/jobs", kind=kind.name) == []
    assert (await cancel(below, job_id)).status_code == 404


async def test_a_job_of_a_deleted_organization_is_seen_from_the_root_only(tenancy: Tenancy, kind: Kind) -> None:
    parent = await tenancy.organization()
    site = await tenancy.organization(parent["id"])
    above = await tenancy.key(("viewer", parent["id"]))
    job_id = await add_job(tenancy, kind, organization_id=UUID(site["id"]))
    assert (await shown(above, job_id))["organization_id"] == site["id"]
    assert (await tenancy.admin.delete(f"/v1/organizations/{site['id']}")).status_code == 204
    assert (await above.get(f"/v1/jobs/{job_id}")).status_code == 404
    assert (await shown(tenancy.admin, job_id))["organization_id"] == site["id"]


async def test_a_job_of_another_tenant_is_missing(tenancy: Tenancy, other_tenancy: Tenancy, kind: Kind) -> None:
    job_id = await add_job(other_tenancy, kind)
    answers = [await tenancy.admin.get(f"/v1/jobs/{one}") for one in (job_id, uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert (await cancel(tenancy.admin, job_id)).status_code == 404
    assert (await shown(other_tenancy.admin, job_id))["state"] == "waiting"


async def test_a_waiting_job_is_canceled_at_once(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    ran = []

    async def run(job: RunningJob) -> None:
        ran.append(job.id)

    kind = new_kind(run)
    job_id = await add_job(tenancy, kind)
    canceled = (await cancel(tenancy.admin, job_id)).json()
    assert (canceled["state"], canceled["cancel_requested"]) == ("canceled", True)
    assert canceled["finished_at"] == canceled["updated_at"]
    async with working(app, kind):
        await until_finished(owner, kind)
    assert ran == []


async def test_a_running_job_is_interrupted(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    begun = asyncio.Event()

    async def hang(_job: RunningJob) -> None:
        begun.set()
        await asyncio.Event().wait()

    kind = new_kind(hang)
    async with working(app, kind):
        job_id = await add_job(tenancy, kind)
        await begun.wait()
        requested = (await cancel(tenancy.admin, job_id)).json()
        assert (requested["state"], requested["cancel_requested"]) == ("running", True)
        await until_finished(owner, kind)
    assert (await shown(tenancy.admin, job_id))["state"] == "canceled"


async def test_a_job_that_runs_elsewhere_is_interrupted_at_its_next_beat(
    tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    async def be_canceled(_job: RunningJob) -> None:
        await change_jobs(owner, kind, "cancel_requested = true")
        await asyncio.Event().wait()

    kind = new_kind(be_canceled)
    async with working(app, kind, job_lease_seconds=1.0):
        await add_job(tenancy, kind)
        [job] = await until_finished(owner, kind)
    assert job.state == "canceled"


async def test_a_job_is_interrupted_between_two_parts_of_its_work(
    tenancy: Tenancy, app: FastAPI, owner: AsyncEngine
) -> None:
    parts = []

    async def work(job: RunningJob) -> None:
        for part in range(2):
            parts.append(part)
            await change_jobs(owner, kind, "cancel_requested = true")
            await job.report_progress(part)

    kind = new_kind(work)
    async with working(app, kind):
        await add_job(tenancy, kind)
        [job] = await until_finished(owner, kind)
    assert (job.state, parts) == ("canceled", [0])


async def test_a_canceled_job_is_not_repeated(tenancy: Tenancy, app: FastAPI, owner: AsyncEngine) -> None:
    async def fail(_job: RunningJob) -> None:
        await change_jobs(owner, kind, "cancel_requested = true")
        raise ArithmeticError

    kind = new_kind(fail)
    async with working(app, kind):
        await add_job(tenancy, kind)
        [job] = await until_finished(owner, kind)
    assert (job.state, job.attempt) == ("canceled", 1)


async def test_canceling_again_changes_nothing(tenancy: Tenancy, kind: Kind) -> None:
    job_id = await add_job(tenancy, kind)
    first = await cancel(tenancy.admin, job_id)
    again = await cancel(tenancy.admin, job_id)
    assert (again.status_code, again.content, again.headers["etag"]) == (200, first.content, first.headers["etag"])


@pytest.mark.parametrize("state", ["done", "failed"])
async def test_a_finished_job_cannot_be_canceled(tenancy: Tenancy, owner: AsyncEngine, kind: Kind, state: str) -> None:
    job_id = await add_job(tenancy, kind)
    await change_jobs(owner, kind, f"state = '{state}', finished_at = now()")
    answer = await cancel(tenancy.admin, job_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_finished")


async def test_a_dry_run_cancels_nothing(tenancy: Tenancy, kind: Kind) -> None:
    job_id = await add_job(tenancy, kind)
    dry = await cancel(tenancy.admin, job_id, params={"dry_run": "true"})
    assert (dry.status_code, dry.json()["state"]) == (200, "canceled")
    assert (await shown(tenancy.admin, job_id))["state"] == "waiting"


async def test_who_started_a_job_may_cancel_it(tenancy: Tenancy, owner: AsyncEngine, kind: Kind) -> None:
    site = await tenancy.organization()
    starter, other = [await tenancy.key(("facilitator", site["id"])) for _ in range(2)]
    starter_id = (await starter.get("/v1/me")).json()["id"]
    job_id = await add_job(tenancy, kind, organization_id=UUID(site["id"]))
    await change_jobs(owner, kind, f"created_by = '{starter_id}'")
    refused = await cancel(other, job_id)
    assert (refused.status_code, refused.json()["required_roles"]) == (403, ["admin", "creator"])
    assert (await cancel(starter, job_id)).status_code == 200


async def test_a_job_says_who_started_it(tenancy: Tenancy, app: FastAPI, kind: Kind) -> None:
    caller_id = uuid4()
    async with work_of(app).transaction(tenancy.tenant_id, "test") as tx:
        own = await enqueue(tx, kind)
        tx.principal = replace(tx.principal, id=caller_id)
        callers = await enqueue(tx, kind)
    assert (await shown(tenancy.admin, own))["created_by"] is None
    assert (await shown(tenancy.admin, callers))["created_by"] == str(caller_id)


async def test_a_cancellation_is_recorded(tenancy: Tenancy, owner: AsyncEngine, kind: Kind) -> None:
    job_id = await add_job(tenancy, kind)
    await cancel(tenancy.admin, job_id)
    await cancel(tenancy.admin, job_id)
    async with owner.connect() as connection:
        query = text("select type from outbox_events where subject_id = :id")
        assert list(await connection.scalars(query, {"id": job_id})) == ["job.canceled"]
