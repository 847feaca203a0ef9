"""Moving organizations: the subtree goes along, and roles, days and depths count at the new place."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from fastapi import FastAPI

from app.organizations import service
from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.moves import descendants, ensure_true_paths, move, moved, read, yesterday


@pytest.fixture
async def reformed(tenancy: Tenancy, admin: Actor) -> dict[str, Any]:
    """A county with a team below it that moved from north to south: all four as they were made, and the answer."""
    north, south = await tenancy.organization(name="North"), await tenancy.organization(name="South")
    county = await tenancy.organization(north["id"], name="County")
    team = await tenancy.organization(county["id"], name="Team")
    tag = (await admin.get(f"/v1/organizations/{county['id']}")).headers["etag"]
    answer = await move(admin, county["id"], south["id"], if_match=tag, moved_on="2026-01-31", reason="Reform")
    assert answer.status_code == 200, answer.text
    return {"north": north, "south": south, "county": county, "team": team, "answer": answer}


async def test_a_moved_organization_has_another_parent_and_version(reformed: dict[str, Any], admin: Actor) -> None:
    answer, county = reformed["answer"], reformed["county"]
    moved_county = answer.json()
    assert (moved_county["parent_id"], moved_county["depth"]) == (reformed["south"]["id"], 2)
    assert (moved_county["version"], moved_county["updated_at"] > county["updated_at"]) == (2, True)
    again = await admin.get(f"/v1/organizations/{county['id']}")
    assert (again.json(), again.headers["etag"]) == (moved_county, answer.headers["etag"])


async def test_the_whole_subtree_comes_along_and_does_not_change(
    reformed: dict[str, Any], tenancy: Tenancy, admin: Actor, database: asyncpg.Connection
) -> None:
    north, south, county, team = (reformed[name] for name in ("north", "south", "county", "team"))
    deeper = await read(admin, team["id"])
    assert (deeper["parent_id"], deeper["depth"], deeper["version"]) == (county["id"], 3, 1)
    assert deeper["updated_at"] == team["updated_at"]
    assert [await read(admin, one["id"]) for one in (north, south)] == [north, south]
    assert await descendants(admin, north["id"]) == []
    assert await descendants(admin, south["id"]) == [county["id"], team["id"]]
    assert await ensure_true_paths(database, tenancy.tenant_id) == 5


async def test_a_move_stays_in_the_history_of_the_organization(reformed: dict[str, Any], admin: Actor) -> None:
    [kept] = (await admin.get(f"/v1/organizations/{reformed['county']['id']}/moves")).json()["items"]
    assert kept == {
        "id": kept["id"],
        "created_at": reformed["answer"].json()["updated_at"],
        "from_parent_id": reformed["north"]["id"],
        "to_parent_id": reformed["south"]["id"],
        "moved_on": "2026-01-31",
        "reason": "Reform",
        "actor_id": kept["actor_id"],
        "actor_name": "first admin key",
    }


async def test_a_move_is_one_event_with_the_number_of_organizations_that_came_along(
    reformed: dict[str, Any], tenancy: Tenancy, database: asyncpg.Connection
) -> None:
    [happened] = await database.fetch(
        "select subject_id, organization_id, data from outbox_events where tenant_id = $1 and type = $2",
        tenancy.tenant_id,
        "organization.moved",
    )
    assert str(happened["subject_id"]) == str(happened["organization_id"]) == reformed["county"]["id"]
    assert json.loads(happened["data"]) == {
        "from_parent_id": reformed["north"]["id"],
        "to_parent_id": reformed["south"]["id"],
        "moved_on": "2026-01-31",
        "reason": "Reform",
        "descendants": 1,
    }


async def test_a_move_counts_as_a_change_of_the_moved_organization_only(tenancy: Tenancy, admin: Actor) -> None:
    top, aside = await tenancy.organization(), await tenancy.organization()
    await tenancy.organization(top["id"])
    since = (await moved(admin, top["id"], aside["id"]))["updated_at"]
    changed = await admin.get("/v1/organizations", params={"updated_since": since})
    assert [one["id"] for one in changed.json()["items"]] == [top["id"]]
    below = await admin.get(f"/v1/organizations/{tenancy.root_id}/descendants", params={"updated_since": since})
    assert [one["id"] for one in below.json()["items"]] == [top["id"]]


async def test_a_move_needs_the_version_that_was_read(tenancy: Tenancy, admin: Actor) -> None:
    site, other = await tenancy.organization(), await tenancy.organization()
    tag = (await admin.get(f"/v1/organizations/{site['id']}")).headers["etag"]
    assert outcome(await move(admin, site["id"], other["id"], if_match=None)) == (428, "precondition_required")
    await admin.patch(f"/v1/organizations/{site['id']}", {"name": "Other"})
    stale = await move(admin, site["id"], other["id"], if_match=tag)
    assert outcome(stale) == (412, "precondition_failed")
    assert stale.headers["etag"].startswith('"2.')
    assert (await read(admin, site["id"]))["parent_id"] == tenancy.root_id


async def test_what_a_move_may_not_do(
    tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor, database: asyncpg.Connection
) -> None:
    top, closed = await tenancy.organization(), await tenancy.organization()
    leaf = await tenancy.organization((await tenancy.organization(top["id"]))["id"])
    await admin.move(f"/v1/organizations/{closed['id']}", "archived")
    for below in (top["id"], leaf["id"]):
        refused = await move(admin, top["id"], below)
        assert outcome(refused) == (422, "organization_cycle")
        assert [one["pointer"] for one in refused.json()["errors"]] == ["/body/parent_id"]
    assert outcome(await move(admin, top["id"], tenancy.root_id)) == (409, "already_there")
    assert outcome(await move(admin, top["id"], closed["id"])) == (409, "organization_archived")
    assert outcome(await move(admin, tenancy.root_id, top["id"])) == (409, "root_organization")
    assert outcome(await move(admin, tenancy.root_id, tenancy.root_id)) == (409, "root_organization")
    unseen = [await move(admin, top["id"], at) for at in (str(uuid4()), other_tenancy.root_id)]
    for refused in unseen:
        assert outcome(refused) == (422, "unknown_organization")
        assert {**refused.json(), "request_id": ""} == {**unseen[0].json(), "request_id": ""}
    for foreign in (str(uuid4()), other_tenancy.root_id):
        assert outcome(await move(admin, foreign, top["id"])) == (404, "not_found")
    assert (await read(admin, top["id"]))["version"] == 1
    await ensure_true_paths(database, tenancy.tenant_id)
    # What is archived may still be put where it belongs.
    assert (await moved(admin, closed["id"], top["id"]))["status"] == "archived"


async def test_the_tree_does_not_grow_too_deep_by_moves(
    tenancy: Tenancy, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAXIMUM_DEPTH", 4)
    deep = tenancy.root_id
    chain = []
    for _ in range(4):
        deep = (await tenancy.organization(deep))["id"]
        chain.append(deep)
    assert outcome(await admin.post("/v1/organizations", {"parent_id": deep, "kind": "team", "name": "T"})) == (
        422,
        "tree_too_deep",
    )
    pair = await tenancy.organization()
    await tenancy.organization(pair["id"])
    assert outcome(await move(admin, pair["id"], chain[2])) == (422, "tree_too_deep")
    assert (await moved(admin, pair["id"], chain[1]))["depth"] == 3


async def test_a_move_takes_a_role_at_both_places(tenancy: Tenancy) -> None:
    here, there = await tenancy.organization(), await tenancy.organization()
    site = await tenancy.organization(here["id"])
    only_here = await tenancy.key(("admin", site["id"]))
    refused = await move(only_here, site["id"], there["id"])
    assert outcome(refused) == (422, "unknown_organization")
    seen = await tenancy.key(("admin", site["id"]), ("manager", there["id"]))
    assert outcome(await move(seen, site["id"], there["id"])) == (403, "forbidden")
    only_there = await tenancy.key(("viewer", site["id"]), ("admin", there["id"]))
    assert outcome(await move(only_there, site["id"], there["id"])) == (403, "forbidden")
    assert outcome(await move(await tenancy.key(("admin", there["id"])), site["id"], there["id"])) == (404, "not_found")
    both = await tenancy.key(("admin", site["id"]), ("admin", there["id"]))
    assert (await moved(both, site["id"], there["id"]))["parent_id"] == there["id"]


async def test_roles_count_at_the_new_place_at_once(tenancy: Tenancy, admin: Actor) -> None:
    old, new = await tenancy.organization(), await tenancy.organization()
    site = await tenancy.organization(old["id"])
    team = await tenancy.organization(site["id"])
    before, after = await tenancy.key(("viewer", old["id"])), await tenancy.key(("viewer", new["id"]))
    own = await tenancy.key(("viewer", site["id"]))

    async def sees(actor: Actor) -> list[int]:
        return [(await actor.get(f"/v1/organizations/{one['id']}")).status_code for one in (site, team)]

    assert [await sees(before), await sees(after), await sees(own)] == [[200, 200], [404, 404], [200, 200]]
    await moved(admin, site["id"], new["id"])
    assert [await sees(before), await sees(after), await sees(own)] == [[404, 404], [200, 200], [200, 200]]
    assert site["id"] not in {one["id"] for one in (await before.get("/v1/organizations")).json()["items"]}
    assert {one["id"] for one in (await own.get("/v1/organizations")).json()["items"]} == {site["id"], team["id"]}


async def test_what_was_read_before_a_change_is_not_remembered_after_it(app: FastAPI, tenancy: Tenancy) -> None:
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    authenticate = app.state.app_state.authenticate
    credential = f"Bearer {viewer.token}"
    asking = asyncio.create_task(authenticate(credential))
    await asyncio.sleep(0)
    authenticate.invalidate()
    stale = await asking
    kept = await authenticate(credential)
    assert kept is not stale
    assert await authenticate(credential) is kept


async def test_an_implementation_keeps_its_program_when_it_moves_out_of_reach(tenancy: Tenancy, admin: Actor) -> None:
    old, new = await tenancy.organization(), await tenancy.organization()
    site = await tenancy.organization(old["id"])
    program = await admin.made("/v1/programs", {"organization_id": old["id"], "name": "Visits"})
    body = {"organization_id": site["id"], "program_id": program["id"]}
    use = await admin.made("/v1/implementations", body)
    assessment = await admin.made("/v1/assessments", {"implementation_id": use["id"], "title": "First"})
    await moved(admin, site["id"], new["id"])
    assert (await admin.get(f"/v1/implementations/{use['id']}")).json() == use
    opened = await admin.move(f"/v1/assessments/{assessment['id']}", "collecting")
    assert (opened.status_code, opened.json()["implementation_id"]) == (200, use["id"])
    # Only a new use needs a program of the organization or of one above it.
    other = await tenancy.organization(new["id"])
    refused = await admin.post("/v1/implementations", body | {"organization_id": other["id"]})
    assert outcome(refused) == (422, "program_out_of_reach")


async def test_two_nodes_in_different_time_zones_can_be_swapped(tenancy: Tenancy, admin: Actor) -> None:
    upper = await tenancy.organization(timezone="Pacific/Pago_Pago")
    lower = await tenancy.organization(upper["id"], timezone="Pacific/Kiritimati")
    await moved(admin, lower["id"], tenancy.root_id)
    assert (await moved(admin, upper["id"], lower["id"]))["parent_id"] == lower["id"]
    await moved(admin, upper["id"], tenancy.root_id)
    assert (await moved(admin, lower["id"], upper["id"]))["parent_id"] == upper["id"]


async def test_a_day_on_which_it_would_have_closed_a_circle_is_refused(tenancy: Tenancy, admin: Actor) -> None:
    first, second = await tenancy.organization(), await tenancy.organization()
    third = await tenancy.organization(second["id"])
    await moved(admin, second["id"], first["id"], moved_on=yesterday(30))
    await moved(admin, second["id"], tenancy.root_id, moved_on=yesterday(10))
    for day in (yesterday(40), yesterday(30), yesterday(11)):
        refused = await move(admin, first["id"], third["id"], moved_on=day)
        assert outcome(refused) == (422, "organization_cycle")
        assert refused.json()["errors"][0]["pointer"] == "/body/moved_on"
    await moved(admin, first["id"], third["id"], moved_on=yesterday(10))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/body/parent_id"),
        ({"parent_id": None}, "/body/parent_id"),
        ({"parent_id": "root"}, "/body/parent_id"),
        ({"parent_id": 7}, "/body/parent_id"),
        ({"parent_id": ["x"]}, "/body/parent_id"),
        ({"moved_on": 0}, "/body/moved_on"),
        ({"moved_on": True}, "/body/moved_on"),
        ({"moved_on": "yesterday"}, "/body/moved_on"),
        ({"moved_on": "2026-02-30"}, "/body/moved_on"),
        ({"moved_on": "2026-01-01T00:00:00Z"}, "/body/moved_on"),
        ({"moved_on": "1066-10-14"}, "/body/moved_on"),
        ({"moved_on": "9999-12-31"}, "/body/moved_on"),
        ({"reason": ""}, "/body/reason"),
        ({"reason": "a\x00b"}, "/body/reason"),
        ({"reason": "x" * 10_001}, "/body/reason"),
        ({"reason": {}}, "/body/reason"),
        ({"depth": 1}, "/body/depth"),
        ([], "/body"),
    ],
)
async def test_hostile_bodies(tenancy: Tenancy, admin: Actor, body: Any, pointer: str) -> None:
    site, other = await tenancy.organization(), await tenancy.organization()
    sent = {"parent_id": other["id"], **body} if body else body
    answer = await admin.post(f"/v1/organizations/{site['id']}/move", sent, headers={"If-Match": "*"})
    assert outcome(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert await read(admin, site["id"]) == site


async def test_a_move_can_be_rehearsed_and_repeated(tenancy: Tenancy, admin: Actor) -> None:
    site, other = await tenancy.organization(), await tenancy.organization()
    path, body = f"/v1/organizations/{site['id']}/move", {"parent_id": other["id"]}
    rehearsed = await admin.post(f"{path}?dry_run=true", body, headers={"If-Match": "*"})
    assert (rehearsed.status_code, rehearsed.json()["depth"]) == (200, 2)
    assert await read(admin, site["id"]) == site
    headers = {"If-Match": "*", "Idempotency-Key": "move-1"}
    answers = [await admin.post(path, body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert len((await admin.get(f"{path}s")).json()["items"]) == 1
