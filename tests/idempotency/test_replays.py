"""A replay is authorized like the request itself; stored answers end with a day, or with the person they show."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.background import PURGE_EXPIRED, PURGES
from app.jobs.retention import enqueue_purges
from tests.support.actors import Actor, Tenancy
from tests.support.jobs import until_finished, work_of, working
from tests.support.team import new_team

KEY = {"Idempotency-Key": "k1"}


async def run_as_owner(owner: AsyncEngine, tenancy: Tenancy, sql: str) -> Any:
    async with owner.begin() as connection:
        return await connection.execute(text(sql), {"t": tenancy.tenant_id})


async def test_a_caller_whose_organization_moved_away_gets_no_stored_answer(tenancy: Tenancy, admin: Actor) -> None:
    here, there = await tenancy.organization(name="Here"), await tenancy.organization(name="There")
    site = await tenancy.organization(here["id"])
    manager = await tenancy.key(("manager", here["id"]))
    said = {"organization_id": site["id"], "name": "Coaching"}
    assert (await manager.post("/v1/programs", said, headers=KEY)).status_code == 201
    moved = await admin.call(
        "POST", f"/v1/organizations/{site['id']}/move", json={"parent_id": there["id"]}, headers={"If-Match": "*"}
    )
    assert moved.status_code == 200, moved.text
    replay = await manager.post("/v1/programs", said, headers=KEY)
    assert (replay.status_code, replay.json()["code"]) == (404, "not_found")
    assert "Coaching" not in replay.text


@pytest.mark.parametrize(("left", "refusal"), [("viewer", (403, "forbidden")), (None, (404, "not_found"))])
async def test_a_caller_whose_role_was_taken_gets_no_stored_answer(
    app: FastAPI, tenancy: Tenancy, owner: AsyncEngine, left: str | None, refusal: tuple[int, str]
) -> None:
    site = await tenancy.organization()
    manager = await tenancy.key(("manager", site["id"]))
    said = {"organization_id": site["id"], "title": "Private", "practices": []}
    assert (await manager.post("/v1/action-items", said, headers=KEY)).status_code == 201
    sql = f"update role_grants set role = '{left}'" if left else "delete from role_grants"
    await run_as_owner(owner, tenancy, f"{sql} where tenant_id = :t and role = 'manager'")
    app.state.app_state.invalidate()
    replay = await manager.post("/v1/action-items", said, headers=KEY)
    assert (replay.status_code, replay.json()["code"]) == refusal
    assert "Private" not in replay.text


async def test_a_replay_changes_nothing_even_where_the_request_could_run_again(
    tenancy: Tenancy, admin: Actor, owner: AsyncEngine
) -> None:
    said = {"organization_id": tenancy.root_id, "name": "Coach"}
    first = await admin.post("/v1/people", said, headers=KEY)
    counts = []
    for _ in range(2):
        assert (await admin.post("/v1/people", said, headers=KEY)).content == first.content
        counts.append(
            (await run_as_owner(owner, tenancy, "select count(*) from outbox_events where tenant_id = :t")).scalar_one()
        )
    assert counts[0] == counts[1]
    assert len((await admin.get("/v1/people")).json()["items"]) == 1


async def test_a_transition_is_replayed_though_it_could_not_be_made_again(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    await team.seat("Seat")
    headers = {"If-Match": "*", **KEY}
    answers = [
        await admin.call("POST", f"{team.path}/transitions", json={"to": "collecting"}, headers=headers)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].headers["idempotency-replayed"] == "true"


async def test_the_same_json_in_other_bytes_is_the_same_request(tenancy: Tenancy, admin: Actor) -> None:
    said = {"organization_id": tenancy.root_id, "name": "Caf\u00e9"}
    spellings = [
        json.dumps(said).encode(),
        json.dumps(dict(reversed(said.items())), indent=2, ensure_ascii=False).encode(),
    ]
    headers = {"Content-Type": "application/json", **KEY}
    answers = [await admin.call("POST", "/v1/people", content=sent, headers=headers) for sent in spellings]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].headers["idempotency-replayed"] == "true"


async def test_the_name_of_a_deleted_person_does_not_survive(
    tenancy: Tenancy, admin: Actor, owner: AsyncEngine
) -> None:
    said = {"organization_id": tenancy.root_id, "name": "Ada Lovelace"}
    made = await admin.post("/v1/people", said, headers=KEY)
    assert (await admin.delete(f"/v1/people/{made.json()['id']}")).status_code == 204
    kept = "select count(*) from idempotency_keys where tenant_id = :t and convert_from(body, 'UTF8') like '%Ada%'"
    assert (await run_as_owner(owner, tenancy, kept)).scalar_one() == 0
    replay = await admin.post("/v1/people", said, headers=KEY)
    assert (replay.status_code, replay.json()["code"]) == (409, "idempotency_answer_erased")
    assert (await admin.get("/v1/people")).json()["items"] == []


async def run_purge(app: FastAPI, owner: AsyncEngine) -> list[Any]:
    """Purge as the service does every hour. Return the jobs."""
    await enqueue_purges(PURGE_EXPIRED, PURGES, work_of(app))
    async with working(app, PURGE_EXPIRED):
        return await until_finished(owner, PURGE_EXPIRED)


async def test_answers_are_purged_after_a_day(
    app: FastAPI, tenancy: Tenancy, other_tenancy: Tenancy, owner: AsyncEngine
) -> None:
    for one in (tenancy, other_tenancy):
        said = {"organization_id": one.root_id, "name": "Coach"}
        assert (await one.admin.post("/v1/people", said, headers=KEY)).status_code == 201
    await run_as_owner(
        owner, tenancy, "update idempotency_keys set created_at = now() - interval '25 hours' where tenant_id = :t"
    )
    await run_purge(app, owner)
    count = "select count(*) from idempotency_keys where tenant_id = :t"
    left = [(await run_as_owner(owner, one, count)).scalar_one() for one in (tenancy, other_tenancy)]
    assert left == [0, 1]


async def test_more_answers_than_a_batch_are_purged(
    app: FastAPI, tenancy: Tenancy, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.idempotency.answers._BATCH", 2)
    for number in range(5):
        said = {"organization_id": tenancy.root_id, "name": "Coach"}
        await tenancy.admin.post("/v1/people", said, headers={"Idempotency-Key": f"k{number}"})
    await run_as_owner(
        owner, tenancy, "update idempotency_keys set created_at = now() - interval '25 hours' where tenant_id = :t"
    )
    [job] = [job for job in await run_purge(app, owner) if job.tenant_id == tenancy.tenant_id]
    assert job.outcome["counts"]["idempotency_keys"] == 5
