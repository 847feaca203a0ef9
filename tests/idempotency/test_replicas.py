"""The same at two apps at once: equal keys, equal versions, a credential that ends."""

import asyncio
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.access.keys import revoke_key
from app.provisioning import operators_transaction
from tests.support.actors import Actor
from tests.support.answers import outcome
from tests.support.replicas import ROUNDS, Meeting


@pytest.mark.parametrize("what", ["organizations", "people", "action-items/bulk"])
async def test_of_a_hundred_equal_keys_at_two_apps_one_does_it(meeting: Meeting, what: str) -> None:
    root = meeting.tenancy.root_id
    body = {
        "organizations": {"parent_id": root, "kind": "site", "name": "Once"},
        "people": {"organization_id": root, "name": "Once"},
        "action-items/bulk": {"items": [{"organization_id": root, "title": "Once", "practices": []}]},
    }[what]
    headers = {"Idempotency-Key": "once"}
    requests = [meeting.admins[turn % 2].post(f"/v1/{what}", body, headers=headers) for turn in range(100)]
    answers = await meeting.at_once(*requests)
    assert {outcome(answer) for answer in answers} <= {(201, None), (409, "idempotency_running")}
    assert len({answer.content for answer in answers if answer.is_success}) == 1
    assert sum(answer.is_success and "idempotency-replayed" not in answer.headers for answer in answers) == 1
    again = await meeting.at_once(*(admin.post(f"/v1/{what}", body, headers=headers) for admin in meeting.admins))
    assert [(answer.status_code, answer.headers["idempotency-replayed"]) for answer in again] == [(201, "true")] * 2
    rows = await meeting.fetch("select key, status, body from idempotency_keys where tenant_id = $1")
    assert rows == [("once", 201, again[0].content)]
    table = what.partition("/")[0].replace("-", "_")
    name = "title" if table == "action_items" else "name"
    assert await meeting.fetch(f"select count(*) from {table} where tenant_id = $1 and {name} = 'Once'") == [(1,)]


async def test_another_request_under_a_running_key_is_refused(meeting: Meeting) -> None:
    one, other = meeting.admins
    for turn in range(ROUNDS):
        bodies = [{"organization_id": meeting.tenancy.root_id, "name": f"{name} {turn}"} for name in ("A", "B")]
        headers = {"Idempotency-Key": f"turn-{turn}"}
        answers = await meeting.at_once(
            *(admin.post("/v1/people", body, headers=headers) for admin, body in zip((one, other), bodies, strict=True))
        )
        assert sorted(outcome(answer) for answer in answers) == [(201, None), (422, "idempotency_key_reused")]
    assert await meeting.fetch("select count(*) from people where tenant_id = $1") == [(ROUNDS,)]


async def test_of_patches_from_one_version_one_is_made(meeting: Meeting) -> None:
    site = await meeting.tenancy.organization()
    path = f"/v1/organizations/{site['id']}"
    tag = (await meeting.tenancy.admin.get(path)).headers["etag"]
    for turn in range(ROUNDS):
        patches = [meeting.admins[at % 2].patch(path, {"name": f"{turn} {at}"}, if_match=tag) for at in range(6)]
        answers = await meeting.at_once(*patches)
        assert sorted(outcome(answer) for answer in answers) == [(200, None)] + [(412, "precondition_failed")] * 5
        (winner,) = [answer for answer in answers if answer.is_success]
        tag = winner.headers["etag"]
        query = "select name, version from organizations where tenant_id = $1 and id = $2"
        assert await meeting.fetch(query, UUID(site["id"])) == [(winner.json()["name"], turn + 2)]
        assert all(answer.headers["etag"].startswith(f'"{turn + 2}.') for answer in answers)


async def test_changes_of_the_same_items_in_any_order_all_or_none(meeting: Meeting) -> None:
    body = {"organization_id": meeting.tenancy.root_id, "title": "Item", "practices": []}
    ids = [(await meeting.tenancy.admin.made("/v1/action-items", body))["id"] for _ in range(5)]
    for turn in range(ROUNDS):
        # A title that nobody gave before: a change to the present one would change nothing and always succeed.
        def change(at: int, version: int = turn + 1) -> list[dict[str, object]]:
            order = ids if at % 2 else ids[::-1]
            return [{"id": id_, "version": version, "changes": {"title": f"V{version} by {at}"}} for id_ in order]

        answers = await meeting.at_once(
            *(meeting.admins[at % 2].call("PATCH", "/v1/action-items", json={"items": change(at)}) for at in range(4))
        )
        assert sorted(outcome(answer) for answer in answers) == [(200, None)] + [(412, "precondition_failed")] * 3
        (winner,) = [at for at, answer in enumerate(answers) if answer.is_success]
        rows = await meeting.fetch("select distinct title, version from action_items where tenant_id = $1")
        assert rows == [(f"V{turn + 1} by {winner}", turn + 2)]


async def test_a_key_that_is_revoked_while_it_writes(meeting: Meeting, owner: AsyncEngine) -> None:
    """An app that has once refused it never lets it in again, and what is stored is what was let in."""
    root, let_in = meeting.tenancy.root_id, 0
    for _ in range(ROUNDS):
        key = await meeting.tenancy.key(("integrator", root))

        async def write(actor: Actor) -> list[httpx.Response]:
            body = {"organization_id": root, "name": "Written"}
            return [await actor.post("/v1/people", body) for _ in range(8)]

        async def revoke() -> list[httpx.Response]:
            await asyncio.sleep(meeting.chance.uniform(0, 0.02))
            async with operators_transaction(owner, meeting.tenancy.tenant_id) as tx:
                await revoke_key(tx, meeting.tenancy.keys[-1])
            for app in meeting.apps:
                app.state.app_state.authenticate.invalidate()
            return []

        for answers in await asyncio.gather(*(write(actor) for actor in meeting.both(key)), revoke()):
            statuses = [answer.status_code for answer in answers]
            assert statuses == sorted(statuses)
            assert {outcome(answer) for answer in answers} <= {(201, None), (401, "key_revoked")}
            meeting.answers += answers
            let_in += statuses.count(201)
        after = await meeting.at_once(*(actor.get("/v1/me") for actor in meeting.both(key)))
        assert [outcome(answer) for answer in after] == [(401, "key_revoked")] * 2
    assert await meeting.fetch("select count(*) from people where tenant_id = $1") == [(let_in,)]


async def test_a_grant_does_not_outlive_the_move_of_what_it_reached(meeting: Meeting) -> None:
    """Nothing is written below an organization that has left the caller's subtree."""
    near, far = [await meeting.tenancy.organization() for _ in range(2)]
    key = await meeting.tenancy.key(("integrator", near["id"]))
    outcomes = set()
    for _ in range(ROUNDS):
        site = await meeting.tenancy.organization(near["id"])
        body = {"organization_id": site["id"], "name": "Person"}

        async def write(actor: Actor, body: dict[str, str] = body) -> list[httpx.Response]:
            return [await actor.post("/v1/people", body) for _ in range(4)]

        async def leave(path: str = f"/v1/organizations/{site['id']}/move") -> list[httpx.Response]:
            await asyncio.sleep(meeting.chance.uniform(0, 0.015))
            headers = {"If-Match": "*"}
            return [await meeting.tenancy.admin.post(path, {"parent_id": far["id"]}, headers=headers)]

        *written, moved = await asyncio.gather(*(write(actor) for actor in meeting.both(key)), leave())
        assert outcome(moved[0]) == (200, None)
        meeting.answers += moved
        for answers in written:
            statuses = [answer.status_code for answer in answers]
            assert statuses == sorted(statuses)
            outcomes |= {outcome(answer) for answer in answers}
            meeting.answers += answers
        after = await meeting.at_once(*(actor.post("/v1/people", body) for actor in meeting.both(key)))
        assert [outcome(answer) for answer in after] == [(404, "not_found")] * 2
    assert outcomes <= {(201, None), (404, "not_found")}
    accepted = sum(answer.status_code == 201 for answer in meeting.answers)
    assert await meeting.fetch("select count(*) from people where tenant_id = $1") == [(accepted,)]
