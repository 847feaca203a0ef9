"""The audit trail: a row for each write and each refusal, with the values before and after, and nothing of votes."""

from typing import Any

import pytest

from app.http.token_buckets import TokenBuckets
from app.principal import Role
from tests.support.actors import Actor, Tenancy
from tests.support.audit import changed, seal_trail, trail, verify
from tests.support.team import Team, new_team

NAME = "Someone Recognizable"


async def person(tenancy: Tenancy, **fields: Any) -> dict[str, Any]:
    return await tenancy.admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": NAME, **fields})


async def test_a_write_leaves_one_row_that_says_who_did_what_from_where(tenancy: Tenancy, admin: Actor) -> None:
    made = await admin.post(
        "/v1/people", {"organization_id": tenancy.root_id, "name": NAME}, headers={"X-Request-Id": "made-1"}
    )
    [row] = await trail(admin, object_id=made.json()["id"])
    me = (await admin.get("/v1/me")).json()
    assert row["actor"] == {"id": me["id"], "kind": "api_key", "name": me["name"], "person_id": None}
    assert (row["action"], row["operation"], row["outcome"], row["code"]) == (
        "person.created",
        "createPerson",
        "done",
        None,
    )
    assert (row["request_id"], row["source_address"]) == ("made-1", "127.0.0.1")
    assert (row["object_type"], row["organization_id"]) == ("person", tenancy.root_id)


async def test_the_history_of_the_fields_of_an_object_can_be_read(tenancy: Tenancy, admin: Actor) -> None:
    made = await person(tenancy)
    path = f"/v1/people/{made['id']}"
    await admin.patch(path, {"name": "Other", "active": False})
    await admin.patch(path, {"active": False})
    await admin.patch(path, {"active": True})
    rows = await trail(admin, object_id=made["id"])
    assert [changed(row) for row in rows if row["changes"]] == [
        {
            "organization_id": (None, tenancy.root_id),
            "name": (None, NAME),
            "active": (None, True),
            "on_leave": (None, False),
        },
        {"name": (NAME, "Other"), "active": (True, False)},
        {"active": (False, True)},
    ]


async def test_long_texts_are_named_and_not_kept(tenancy: Tenancy, admin: Actor) -> None:
    body = {"organization_id": tenancy.root_id, "title": "T", "practices": [], "description": "Long and free"}
    made = await admin.made("/v1/action-items", body)
    await admin.patch(f"/v1/action-items/{made['id']}", {"description": "Another", "effort": "small"})
    rows = await trail(admin, object_id=made["id"])
    [change] = [one for one in rows[1]["changes"] if one["field"] == "description"]
    assert change == {"field": "description", "before": None, "after": None, "kept": False}
    assert changed(rows[0])["title"] == (None, "T")
    assert changed(rows[1])["effort"] == (None, "small")
    assert "Long and free" not in str(rows)


@pytest.mark.parametrize(
    ("request_line", "body", "code"),
    [
        ("POST /v1/people", {"name": ""}, "invalid"),
        ("PATCH /v1/people/{person}", {"name": "A"}, "precondition_required"),
        ("DELETE /v1/people/{missing}", None, "not_found"),
        ("POST /v1/organizations/{root}/transitions", {"to": "active"}, "precondition_required"),
    ],
)
async def test_a_refusal_leaves_one_row(
    tenancy: Tenancy, admin: Actor, request_line: str, body: Any, code: str
) -> None:
    ids = {"person": (await person(tenancy))["id"], "missing": tenancy.tenant_id, "root": tenancy.root_id}
    method, path = request_line.format(**ids).split()
    answer = await admin.call(method, path, **({} if body is None else {"json": body}))
    assert answer.json()["code"] == code
    [row] = await trail(admin, outcome="refused")
    assert (row["action"], row["code"], row["details"]) == ("request.refused", code, {"status": answer.status_code})
    assert row["object_id"] in {*map(str, ids.values()), None}
    assert row["changes"] == []
    assert row["request_id"] == answer.headers["x-request-id"]


async def test_a_caller_who_may_not_is_named(tenancy: Tenancy, admin: Actor) -> None:
    made = await person(tenancy)
    viewer = await tenancy.key((Role.VIEWER, tenancy.root_id))
    assert (await viewer.delete(f"/v1/people/{made['id']}")).status_code == 403
    [row] = await trail(admin, outcome="refused")
    assert row["actor"]["id"] == (await viewer.get("/v1/me")).json()["id"]
    assert (row["operation"], row["object_type"], row["object_id"]) == ("deletePerson", "person", made["id"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/people/00000000-0000-7000-8000-000000000000"),
        ("POST", "/v1/people?dry_run=true"),
        ("POST", "/v1/readiness/compute"),
    ],
)
async def test_what_would_change_nothing_leaves_no_refusal(admin: Actor, method: str, path: str) -> None:
    answer = await admin.call(method, path, **({"json": {"unknown": 1}} if method == "POST" else {}))
    assert answer.status_code in {404, 422}
    assert await trail(admin, outcome="refused") == []


async def test_an_unknown_caller_leaves_no_row(tenancy: Tenancy, admin: Actor) -> None:
    before = len(await trail(admin))
    stranger = Actor(tenancy.http, admin.token[:-4] + "AAAA")
    assert (await stranger.post("/v1/people", {})).status_code == 401
    assert len(await trail(admin)) == before


async def test_the_rate_of_refusals_is_bounded_and_what_is_left_out_counted(
    tenancy: Tenancy, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = iter([(0.0, 1.0), (1.0, 1.0), (1.0, 1.0), (0.0, 1.0)])
    monkeypatch.setattr(TokenBuckets, "spend", lambda _self, _key: next(spent))
    for _ in range(4):
        await admin.post("/v1/people", {})
    assert [row["details"] for row in await trail(admin, outcome="refused")] == [
        {"status": 422},
        {"status": 422, "left_out": 2},
    ]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"object_type": "person"}, 3),
        ({"action": "person.updated"}, 1),
        ({"operation": "createPerson"}, 2),
        ({"outcome": "refused"}, 1),
        ({"object_type": "person", "outcome": "refused"}, 0),
        ({"until": "2020-01-01T00:00:00Z"}, 0),
        ({"updated_since": "2199-01-01T00:00:00Z"}, 0),
    ],
)
async def test_filters_leave_what_fits(tenancy: Tenancy, admin: Actor, filters: dict[str, str], expected: int) -> None:
    made = await person(tenancy)
    await admin.patch(f"/v1/people/{made['id']}", {"active": False})
    await admin.post("/v1/people", {})
    assert len(await trail(admin, **filters)) == expected


async def test_admins_see_what_they_manage_and_nobody_else_sees_anything(tenancy: Tenancy, admin: Actor) -> None:
    mine, other = [(await tenancy.organization())["id"] for _ in range(2)]
    below = (await tenancy.organization(mine))["id"]
    manager = await tenancy.key((Role.ADMIN, mine))
    for at in (mine, other, below):
        await person(tenancy, organization_id=at)
    await manager.post("/v1/people", {})
    rows = await trail(manager)
    assert {row["organization_id"] for row in rows} == {mine, below}
    assert {row["outcome"] for row in rows} == {"done"}
    assert (await manager.get("/v1/audit-events/verify")).status_code == 403
    for role in set(Role) - {Role.ADMIN}:
        actor = await tenancy.key((role, tenancy.root_id))
        assert (await actor.get("/v1/audit-events")).status_code == 403
        assert (await actor.get("/v1/audit-events/verify")).status_code == 403


async def test_another_tenant_sees_nothing(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    made = await person(tenancy)
    assert await trail(other_tenancy.admin, object_id=made["id"]) == []


async def voting(tenancy: Tenancy) -> Team:
    """An assessment that collects votes, with a token seat and a paper seat."""
    team = await new_team(tenancy)
    await team.seat("A")
    await team.paper("B")
    await team.move("collecting")
    return team


async def vote_and_be_refused(team: Team) -> None:
    """Cast, replace and enter votes, and be refused in ways that depend on them."""
    cast = await team.vote("A", "P1", 1)
    assert (await team.vote("A", "P1", 2, headers={"If-Match": cast.headers["etag"]})).status_code == 200
    assert (await team.vote("A", "P1", 0)).json()["code"] == "vote_exists"
    assert (await team.vote("A", "P1", 0, headers={"If-Match": '"1.0"'})).status_code == 412
    assert (await team.vote("A", "P99", 0)).status_code == 404
    assert (await team.enter("B", "P1", 1)).status_code == 201
    assert (await team.enter("B", "P1", 2)).json()["code"] == "vote_exists"


async def test_votes_and_refused_votes_change_nothing_that_can_be_read(tenancy: Tenancy, admin: Actor) -> None:
    team = await voting(tenancy)
    await seal_trail(tenancy)
    before = await trail(admin), await verify(admin)
    await vote_and_be_refused(team)
    await seal_trail(tenancy)
    assert (await trail(admin), await verify(admin)) == before
    await team.move("consensus")
    await seal_trail(tenancy)
    rows = await trail(admin)
    assert [row["action"] for row in rows[len(before[0]) :]] == ["assessment.closed"]


async def test_a_key_that_tries_to_vote_for_a_seat_is_named(tenancy: Tenancy, admin: Actor) -> None:
    team = await voting(tenancy)
    answer = await admin.put(f"{team.path}/votes/{team.ids['A']}/P1", {"value": 1})
    assert answer.json()["code"] == "not_a_paper_seat"
    [row] = await trail(admin, outcome="refused")
    assert (row["operation"], row["code"], row["object_id"]) == ("castVote", "not_a_paper_seat", team.ids["A"])


async def test_the_claim_of_a_seat_names_the_person_behind_it(tenancy: Tenancy, admin: Actor) -> None:
    made = await person(tenancy)
    team = await new_team(tenancy)
    invited = await team.invited("A", person_id=made["id"])
    await team.claim("A", invited["invitation"]["code"])
    [row] = await trail(admin, action="participant.claimed")
    assert row["actor"] == {"id": invited["id"], "kind": "seat", "name": "A", "person_id": made["id"]}
    assert row["source_address"] == "127.0.0.1"
    assert invited["invitation"]["code"] not in str(await trail(admin))
