"""Writes that can be repeated and rehearsed: Idempotency-Key and dry_run."""

import asyncio
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.http.context import AppState
from tests.support.actors import Actor, Tenancy
from tests.support.team import new_team


async def count(owner: AsyncEngine, tenancy: Tenancy, table: str) -> int:
    async with owner.connect() as connection:
        query = text(f"select count(*) from {table} where tenant_id = :tenant_id")
        return int((await connection.execute(query, {"tenant_id": tenancy.tenant_id})).scalar_one())


def body(tenancy: Tenancy, **fields: object) -> dict[str, object]:
    return {"parent_id": tenancy.root_id, "kind": "site", "name": "Site", **fields}


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def test_the_same_request_is_answered_again_and_done_once(
    tenancy: Tenancy, admin: Actor, owner: AsyncEngine
) -> None:
    first = await admin.post("/v1/organizations", body(tenancy), headers=keyed("k1"))
    again = await admin.post("/v1/organizations", body(tenancy), headers=keyed("k1"))
    assert (first.status_code, again.status_code) == (201, 201)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content
    for name in ("etag", "location", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert await count(owner, tenancy, "organizations") == 2


async def test_another_request_with_the_key_is_refused(tenancy: Tenancy, admin: Actor) -> None:
    await admin.post("/v1/organizations", body(tenancy), headers=keyed("k1"))
    for path, other in (
        ("/v1/organizations", body(tenancy, name="Other")),
        ("/v1/programs", {"organization_id": tenancy.root_id, "name": "Site"}),
    ):
        answer = await admin.post(path, other, headers=keyed("k1"))
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_key_belongs_to_its_principal(tenancy: Tenancy, other_tenancy: Tenancy, owner: AsyncEngine) -> None:
    another = await tenancy.key(("admin", tenancy.root_id))
    for actor in (tenancy.admin, another):
        answer = await actor.post("/v1/organizations", body(tenancy), headers=keyed("shared"))
        assert "idempotency-replayed" not in answer.headers
    foreign = await other_tenancy.admin.post("/v1/organizations", body(other_tenancy), headers=keyed("shared"))
    assert "idempotency-replayed" not in foreign.headers
    assert await count(owner, tenancy, "organizations") == 3


async def test_a_refused_request_leaves_the_key_free(tenancy: Tenancy, admin: Actor) -> None:
    refused = await admin.post("/v1/organizations", body(tenancy, parent_id=str(uuid4())), headers=keyed("k1"))
    assert refused.status_code == 404
    assert (await admin.post("/v1/organizations", body(tenancy), headers=keyed("k1"))).status_code == 201


async def test_a_key_is_forgotten_after_a_day(tenancy: Tenancy, admin: Actor, owner: AsyncEngine) -> None:
    await admin.post("/v1/organizations", body(tenancy), headers=keyed("k1"))
    async with owner.begin() as connection:
        await connection.execute(
            text("update idempotency_keys set created_at = created_at - interval '25 hours' where tenant_id = :t"),
            {"t": tenancy.tenant_id},
        )
    answer = await admin.post("/v1/organizations", body(tenancy, name="Other"), headers=keyed("k1"))
    assert answer.status_code == 201
    assert "idempotency-replayed" not in answer.headers


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "\x07"])
async def test_a_malformed_key_is_refused(tenancy: Tenancy, admin: Actor, key: str) -> None:
    answer = await admin.post("/v1/organizations", body(tenancy), headers=keyed(key))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/header/idempotency-key")


async def test_a_hundred_equal_requests_at_once_do_it_once(tenancy: Tenancy, admin: Actor, owner: AsyncEngine) -> None:
    answers = await asyncio.gather(
        *(admin.post("/v1/organizations", body(tenancy), headers=keyed("k1")) for _ in range(100))
    )
    assert await count(owner, tenancy, "organizations") == 2
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    for answer in answers:
        if answer.status_code != 201:
            assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_running")
            assert answer.headers["retry-after"] == "1"


async def test_across_processes_the_row_decides(
    tenancy: Tenancy, admin: Actor, owner: AsyncEngine, app: FastAPI
) -> None:
    """Without the map of this process, as between two processes: a waiting request replays, or must be sent again."""
    service: AppState = app.state.app_state

    class Nothing(set):  # type: ignore[type-arg]
        def __contains__(self, _item: object) -> bool:
            return False

    known, service.running = service.running, Nothing()
    try:
        answers = await asyncio.gather(
            *(admin.post("/v1/organizations", body(tenancy), headers=keyed("k1")) for _ in range(20))
        )
    finally:
        service.running = known
    assert await count(owner, tenancy, "organizations") == 2
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1


async def test_a_secret_is_shown_once_and_never_kept(tenancy: Tenancy, admin: Actor, owner: AsyncEngine) -> None:
    team = await new_team(tenancy)
    seat = {"seat": "observer"}
    first = (await admin.post(f"{team.path}/participants", seat, headers=keyed("k1"))).json()
    again = (await admin.post(f"{team.path}/participants", seat, headers=keyed("k1"))).json()
    code = first["invitation"]["code"]
    hidden = {"code": None, "code_reason": "secret_not_replayable", "join_url": None}
    assert again == {**first, "invitation": {**first["invitation"], **hidden}}
    async with owner.connect() as connection:
        kept = await connection.execute(
            text("select convert_from(body, 'UTF8') from idempotency_keys where tenant_id = :t"),
            {"t": tenancy.tenant_id},
        )
        assert all(code not in row[0] for row in kept)


async def test_a_dry_run_answers_as_if_and_changes_nothing(tenancy: Tenancy, admin: Actor, owner: AsyncEngine) -> None:
    tables = ("organizations", "outbox_events", "audit_events", "idempotency_keys")
    before = [await count(owner, tenancy, table) for table in tables]
    answer = await admin.post("/v1/organizations?dry_run=true", body(tenancy, name="Would be"), headers=keyed("dry"))
    assert (answer.status_code, answer.headers["dry-run"]) == (200, "true")
    assert answer.json()["name"] == "Would be"
    assert not {"location", "etag"} & set(answer.headers)
    assert [await count(owner, tenancy, table) for table in tables] == before
    real = await admin.post("/v1/organizations?dry_run=false", body(tenancy), headers=keyed("dry"))
    assert (real.status_code, "dry-run" in real.headers) == (201, False)


async def test_a_dry_run_is_refused_as_the_real_one_would_be(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    await tenancy.organization(site["id"])
    path = f"/v1/organizations/{site['id']}"
    assert (await admin.delete(f"{path}?dry_run=true")).json()["code"] == "has_children"
    assert (await admin.patch(f"{path}?dry_run=true", {"name": "X"}, if_match=None)).status_code == 428
    assert (await admin.patch(f"{path}?dry_run=maybe", {"name": "X"})).status_code == 422
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    assert (await viewer.patch(f"{path}?dry_run=true", {"name": "X"})).status_code == 403
    rehearsed = await admin.patch(f"{path}?dry_run=true", {"name": "X"})
    assert rehearsed.json()["name"] == "X"
    assert (await admin.get(path)).json() == site | {"version": site["version"]}


async def test_a_dry_run_of_a_deletion_deletes_nothing(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    path = f"/v1/organizations/{site['id']}"
    answer = await admin.delete(f"{path}?dry_run=true")
    assert (answer.status_code, answer.content, answer.headers["dry-run"]) == (200, b"", "true")
    assert (await admin.get(path)).status_code == 200


async def test_a_dry_run_shows_no_secret(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    answer = await admin.post(f"{team.path}/participants?dry_run=true", {"seat": "observer"})
    invitation = answer.json()["invitation"]
    assert (invitation["code"], invitation["code_reason"]) == (None, "dry_run")


async def test_reads_and_computations_take_neither(admin: Actor) -> None:
    assert (await admin.get("/v1/organizations?dry_run=true")).status_code == 422
    assert (await admin.post("/v1/readiness/compute?dry_run=true", {})).status_code == 422
