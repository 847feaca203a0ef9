"""Organizations by what another system calls them: created, updated, moved, or left alone."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.database import Urls

PLACE = "/v1/organizations/by-external-id/hr"


async def put(actor: Actor, at: str, headers: dict[str, str] | None = None, /, **body: Any) -> httpx.Response:
    sent = {"kind": "county", "name": "North County", **body}
    return await actor.put(f"{PLACE}/{at}", sent, headers=headers or {})


async def stored(actor: Actor, at: str, status: int = 200, /, **body: Any) -> dict[str, Any]:
    answer = await put(actor, at, **body)
    assert answer.status_code == status, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def events(urls: Urls, tenancy: Tenancy) -> list[str]:
    connection = await asyncpg.connect(urls.owner)
    try:
        query = "select type from outbox_events where tenant_id = $1 and type like 'organization.%' order by id"
        return [row["type"] for row in await connection.fetch(query, tenancy.tenant_id)]
    finally:
        await connection.close()


@pytest.fixture
async def feed(tenancy: Tenancy, admin: Actor) -> Actor:
    """The other system's key; an admin has linked the root to that system."""
    linked = {"external_ids": [{"source": "hr", "external_id": "root"}]}
    assert (await admin.patch(f"/v1/organizations/{tenancy.root_id}", linked)).status_code == 200
    return await tenancy.key(("integrator", tenancy.root_id))


async def test_a_feed_makes_a_tree_and_leaves_alone_what_has_not_changed(
    tenancy: Tenancy, feed: Actor, urls: Urls
) -> None:
    before = len(await events(urls, tenancy))
    region = {"parent_id": tenancy.root_id, "kind": "region", "name": " Nörth\u0308 ", "timezone": "America/Chicago"}
    made = await stored(feed, "47", 201, **region)
    assert (made["version"], made["depth"], made["external_ids"]) == (
        1,
        1,
        [{"source": "hr", "external_id": "47"}],
    )
    assert (made["staff_count"], made["timezone"]) == (None, "America/Chicago")
    county = {"parent": {"source": "hr", "external_id": "47"}, "staff_count": 40}
    below = await stored(feed, "4711", 201, **county)
    assert (below["parent_id"], below["staff_count"], below["timezone"]) == (made["id"], 40, None)
    assert below["effective_timezone"] == "America/Chicago"
    for _ in range(2):
        assert await stored(feed, "47", **region) == made
        assert await stored(feed, "4711", **county) == below
        assert await stored(feed, "4711", parent_id=made["id"]) == below
    assert (await events(urls, tenancy))[before:] == ["organization.created"] * 2


async def test_what_differs_is_changed_and_nothing_else(
    tenancy: Tenancy, feed: Actor, admin: Actor, urls: Urls
) -> None:
    made = await stored(feed, "1", 201, parent_id=tenancy.root_id, staff_count=4, timezone="Asia/Tokyo")
    path = f"/v1/organizations/{made['id']}"
    await admin.patch(path, {"external_ids": [*made["external_ids"], {"source": "fin", "external_id": "x"}]})
    renamed = await stored(feed, "1", parent_id=tenancy.root_id, name="Südkreis", kind="district")
    assert (renamed["name"], renamed["kind"], renamed["version"]) == ("Südkreis", "district", 3)
    assert (renamed["staff_count"], renamed["timezone"]) == (4, "Asia/Tokyo")
    assert len(renamed["external_ids"]) == 2
    assert [one["id"] for one in (await admin.get("/v1/organizations?q=SÜDK")).json()["items"]] == [made["id"]]
    same = {"parent_id": tenancy.root_id, "name": "Südkreis", "kind": "district"}
    assert (await stored(feed, "1", **same, timezone=None))["version"] == 3
    cleared = await stored(feed, "1", **same, staff_count=None, timezone="UTC")
    assert (cleared["staff_count"], cleared["timezone"], cleared["version"]) == (None, "UTC", 4)
    assert (await admin.get(path)).json() == {**cleared, "allowed_transitions": ["archived"]}
    assert (await events(urls, tenancy))[-1] == "organization.updated"


async def test_another_parent_moves_it_today(tenancy: Tenancy, feed: Actor, admin: Actor, urls: Urls) -> None:
    east = await stored(feed, "east", 201, parent_id=tenancy.root_id)
    west = await stored(feed, "west", 201, parent_id=tenancy.root_id)
    site = await stored(feed, "site", 201, parent_id=east["id"])
    team = await stored(feed, "team", 201, parent={"source": "hr", "external_id": "site"})
    there = await stored(feed, "site", parent={"source": "hr", "external_id": "west"}, name="Renamed")
    assert (there["parent_id"], there["name"], there["version"]) == (west["id"], "Renamed", 3)
    assert (await admin.get(f"/v1/organizations/{team['id']}")).json()["version"] == 1
    below = (await admin.get(f"/v1/organizations/{west['id']}/descendants")).json()["items"]
    assert [one["id"] for one in below] == [site["id"], team["id"]]
    [kept] = (await admin.get(f"/v1/organizations/{site['id']}/moves")).json()["items"]
    assert (kept["from_parent_id"], kept["to_parent_id"], kept["reason"]) == (east["id"], west["id"], None)
    assert (await events(urls, tenancy))[-3:] == [
        "organization.moved",
        "organization.moved_away",
        "organization.updated",
    ]
    cycle = await put(feed, "site", parent={"source": "hr", "external_id": "team"})
    assert outcome(cycle) == (422, "organization_cycle")
    assert outcome(await put(feed, "site", parent={"source": "hr", "external_id": "site"})) == (
        422,
        "organization_cycle",
    )


async def test_roles_count_at_the_new_place_at_once(tenancy: Tenancy, feed: Actor) -> None:
    east = await stored(feed, "east", 201, parent_id=tenancy.root_id)
    west = await stored(feed, "west", 201, parent_id=tenancy.root_id)
    site = await stored(feed, "site", 201, parent_id=east["id"])
    viewers = [await tenancy.key(("viewer", one["id"])) for one in (east, west)]
    path = f"/v1/organizations/{site['id']}"
    assert [(await one.get(path)).status_code for one in viewers] == [200, 404]
    await stored(feed, "site", parent_id=west["id"])
    assert [(await one.get(path)).status_code for one in viewers] == [404, 200]


async def test_the_conditional_headers(tenancy: Tenancy, feed: Actor) -> None:
    body = {"parent_id": tenancy.root_id}
    for tag in ("*", '"1.0"'):
        assert outcome(await put(feed, "1", {"If-Match": tag}, **body)) == (412, "precondition_failed")
    assert (await put(feed, "1", {"If-None-Match": "*"}, **body)).status_code == 201
    again = await put(feed, "1", {"If-None-Match": "*"}, **body)
    assert outcome(again) == (412, "precondition_failed")
    assert again.headers["etag"].startswith('"1.')
    assert outcome(await put(feed, "1", {"If-Match": '"9.0"'}, **body)) == (412, "precondition_failed")
    changed = await put(feed, "1", {"If-Match": '"1.0"'}, **body, name="Other")
    assert (changed.status_code, changed.headers["etag"][:3]) == (200, '"2.')
    assert outcome(await put(feed, "1", {"If-None-Match": '"2.0"'}, **body)) == (422, "invalid")


async def test_what_the_caller_cannot_see_is_neither_changed_nor_shown(
    tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor
) -> None:
    mine = await tenancy.organization(external_ids=[{"source": "hr", "external_id": "mine"}])
    beside = await tenancy.organization()
    taken = await stored(admin, "1", 201, parent_id=beside["id"])
    feed = await tenancy.key(("integrator", mine["id"]))
    refused = await put(feed, "1", parent_id=mine["id"])
    assert outcome(refused) == (409, "external_id_taken")
    assert taken["id"] not in refused.text
    assert (await admin.get(f"/v1/organizations/{taken['id']}")).json() == taken
    unseen = [
        await put(feed, "2", **body)
        for body in (
            {"parent_id": beside["id"]},
            {"parent_id": tenancy.root_id},
            {"parent_id": str(uuid4())},
            {"parent_id": other_tenancy.root_id},
        )
    ]
    for answer in unseen:
        assert outcome(answer) == (422, "unknown_organization")
        assert {**answer.json(), "request_id": ""} == {**unseen[0].json(), "request_id": ""}
    named = [await put(feed, "2", parent={"source": "hr", "external_id": name}) for name in ("1", "none")]
    assert [answer.json()["errors"] for answer in named] == [named[0].json()["errors"]] * 2
    assert outcome(named[0]) == outcome(named[1]) == (422, "unknown_organization")
    # The same external id in another tenant is another organization.
    there = await stored(other_tenancy.admin, "1", 201, parent_id=other_tenancy.root_id)
    assert there["id"] != taken["id"]


async def test_a_source_that_is_not_linked_tells_nothing_about_other_branches(tenancy: Tenancy, admin: Actor) -> None:
    mine, beside = await tenancy.organization(), await tenancy.organization()
    await stored(admin, "taken", 201, parent_id=beside["id"])
    feed = await tenancy.key(("integrator", mine["id"]))
    answers = [await put(feed, name, parent_id=mine["id"]) for name in ("taken", "free")]
    assert [outcome(answer) for answer in answers] == [(403, "not_maintained")] * 2


async def test_it_takes_a_role_at_the_organization_and_at_the_parent(tenancy: Tenancy, feed: Actor) -> None:
    east = await stored(feed, "east", 201, parent_id=tenancy.root_id)
    west = await stored(feed, "west", 201, parent_id=tenancy.root_id)
    await stored(feed, "site", 201, parent_id=east["id"])
    half = await tenancy.key(("viewer", east["id"]), ("integrator", west["id"]))
    assert outcome(await put(half, "site", parent_id=west["id"])) == (403, "forbidden")
    assert outcome(await put(half, "new", parent_id=east["id"])) == (403, "forbidden")
    both = await tenancy.key(("integrator", east["id"]), ("integrator", west["id"]))
    assert (await stored(both, "site", parent_id=west["id"]))["parent_id"] == west["id"]
    manager = await tenancy.key(("manager", tenancy.root_id))
    assert outcome(await put(manager, "site", parent_id=west["id"])) == (403, "forbidden")


async def test_the_tree_s_rules_hold_here_too(tenancy: Tenancy, feed: Actor, admin: Actor) -> None:
    closed = await stored(feed, "closed", 201, parent_id=tenancy.root_id)
    inside = await stored(feed, "inside", 201, parent_id=closed["id"])
    site = await stored(feed, "site", 201, parent_id=tenancy.root_id)
    await admin.move(f"/v1/organizations/{closed['id']}", "archived")
    assert outcome(await put(feed, "new", parent_id=closed["id"])) == (409, "organization_archived")
    assert outcome(await put(feed, "site", parent_id=closed["id"])) == (409, "organization_archived")
    assert (await stored(feed, "inside", parent_id=closed["id"], name="Renamed"))["id"] == inside["id"]
    await admin.patch(f"/v1/organizations/{tenancy.root_id}", {"external_ids": [{"source": "hr", "external_id": "r"}]})
    assert outcome(await put(feed, "r", parent_id=site["id"])) == (409, "root_organization")


async def test_a_used_program_stays_where_the_organization_goes(tenancy: Tenancy, feed: Actor, admin: Actor) -> None:
    east = await stored(feed, "east", 201, parent_id=tenancy.root_id)
    site = await stored(feed, "site", 201, parent_id=east["id"])
    program = await admin.made("/v1/programs", {"organization_id": east["id"], "name": "Visits"})
    await admin.made("/v1/implementations", {"organization_id": site["id"], "program_id": program["id"]})
    assert (await stored(feed, "site", parent_id=tenancy.root_id))["parent_id"] == tenancy.root_id
    [use] = (await admin.get(f"/v1/implementations?organization_id={site['id']}")).json()["items"]
    assert use["program_id"] == program["id"]


async def test_equal_requests_at_once_make_one_organization(tenancy: Tenancy, feed: Actor, urls: Urls) -> None:
    before = len(await events(urls, tenancy))
    for turn in range(30):
        answers = await asyncio.gather(*(put(feed, f"n{turn}", parent_id=tenancy.root_id) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 201], [one.text for one in answers]
        assert len({answer.content for answer in answers}) == 1
    assert (await events(urls, tenancy))[before:] == ["organization.created"] * 30
    listed = await feed.get(f"/v1/organizations?parent_id={tenancy.root_id}&limit=200")
    assert len(listed.json()["items"]) == 30


async def test_requests_that_differ_settle_on_one_of_them(tenancy: Tenancy, feed: Actor, admin: Actor) -> None:
    links = [[{"source": "hr", "external_id": f"parent {at}"}] for at in range(3)]
    places = [(await tenancy.organization(external_ids=link))["id"] for link in links]
    for turn in range(30):
        name = f"n{turn % 10}"
        answers = await asyncio.gather(
            *(put(feed, name, parent_id=places[(turn + at) % 3], name=f"Name {turn} {at}") for at in range(2))
        )
        assert {answer.status_code for answer in answers} <= {200, 201}, [one.text for one in answers]
        query = {"external_source": "hr", "external_id": name}
        [found] = (await admin.get("/v1/organizations", params=query)).json()["items"]
        assert (found["parent_id"], found["name"]) in {
            (answer.json()["parent_id"], answer.json()["name"]) for answer in answers
        }


async def test_it_meets_a_change_of_external_ids(tenancy: Tenancy, feed: Actor, admin: Actor) -> None:
    site = await stored(feed, "site", 201, parent_id=tenancy.root_id)
    path = f"/v1/organizations/{site['id']}"
    for turn in range(20):
        names = [] if turn % 2 else [{"source": "hr", "external_id": "site"}]
        answers = await asyncio.gather(
            admin.patch(path, {"external_ids": names}), put(feed, "site", parent_id=tenancy.root_id, name=f"N{turn}")
        )
        assert {outcome(answer) for answer in answers} <= {
            (200, None),
            (201, None),
            (409, "external_id_taken"),
            (409, "already_exists"),
        }
        query = {"external_source": "hr", "external_id": "site"}
        assert len((await admin.get("/v1/organizations", params=query)).json()["items"]) <= 1


@pytest.mark.parametrize("name", ["a/b", "a%2Fb", "a b", "%C3%BC", "a.b:c", "moves", "1/transitions"])
async def test_external_ids_as_other_systems_have_them(tenancy: Tenancy, feed: Actor, name: str) -> None:
    made = await stored(feed, name, 201, parent_id=tenancy.root_id)
    assert (await stored(feed, name, parent_id=tenancy.root_id)) == made
    [kept] = made["external_ids"]
    query = {"external_source": "hr", "external_id": kept["external_id"]}
    assert (await feed.get("/v1/organizations", params=query)).json()["items"] == [made]


async def test_one_name_in_any_form_is_one_organization(tenancy: Tenancy, feed: Actor) -> None:
    made = await stored(feed, "%20e%CC%81%20", 201, parent_id=tenancy.root_id)
    assert made["external_ids"] == [{"source": "hr", "external_id": "é"}]
    assert await stored(feed, "%C3%A9", parent_id=tenancy.root_id) == made
    below = await stored(feed, "2", 201, parent={"source": "hr", "external_id": "e\u0301"})
    assert below["parent_id"] == made["id"]


@pytest.mark.parametrize(
    "path", ["hr/%00", "hr/%20", "hr/", "hr/%ff" + "x" * 200, "h%20r/1", "%2e/1", "x" * 101 + "/1"]
)
async def test_odd_paths_are_client_errors(tenancy: Tenancy, feed: Actor, path: str) -> None:
    body = {"parent_id": tenancy.root_id, "kind": "site", "name": "Site"}
    answer = await feed.put(f"/v1/organizations/by-external-id/{path}", body)
    assert outcome(answer) == (422, "invalid")
    assert (await feed.get("/v1/organizations")).json()["items"][1:] == []


async def test_other_methods_and_shorter_paths_are_not_routes(feed: Actor) -> None:
    for method in ("GET", "DELETE", "PATCH", "POST"):
        answer = await feed.call(method, f"{PLACE}/1", json={})
        assert outcome(answer) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "PUT"
    assert outcome(await feed.put(PLACE, {})) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"parent_id": None}, "/body"),
        ({"parent": {"source": "hr", "external_id": "1"}}, "/body"),
        ({"parent_id": "x"}, "/body/parent_id"),
        ({"parent_id": None, "parent": "hr"}, "/body/parent"),
        ({"parent_id": None, "parent": {"source": "hr"}}, "/body/parent/external_id"),
        ({"parent_id": None, "parent": {"source": "h r", "external_id": "1"}}, "/body/parent/source"),
        ({"parent_id": None, "parent": {"source": "hr", "external_id": "\x00"}}, "/body/parent/external_id"),
        ({"kind": "planet"}, "/body/kind"),
        ({"kind": None}, "/body/kind"),
        ({"name": None}, "/body/name"),
        ({"name": "a\x00"}, "/body/name"),
        ({"name": "x" * 201}, "/body/name"),
        ({"staff_count": -1}, "/body/staff_count"),
        ({"staff_count": True}, "/body/staff_count"),
        ({"staff_count": 2**63}, "/body/staff_count"),
        ({"timezone": "Mars/Olympus"}, "/body/timezone"),
        ({"timezone": 1}, "/body/timezone"),
        ({"external_ids": []}, "/body/external_ids"),
        ({"archived_at": None}, "/body/archived_at"),
    ],
)
async def test_hostile_bodies(tenancy: Tenancy, feed: Actor, body: dict[str, Any], pointer: str) -> None:
    answer = await put(feed, "1", **{"parent_id": tenancy.root_id, **body})
    assert outcome(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert (await feed.get("/v1/organizations")).json()["items"][1:] == []


async def test_it_can_be_rehearsed(tenancy: Tenancy, feed: Actor) -> None:
    body = {"parent_id": tenancy.root_id, "kind": "site", "name": "Site"}
    rehearsed = await feed.put(f"{PLACE}/1?dry_run=true", body)
    assert (rehearsed.status_code, rehearsed.json()["name"]) == (200, "Site")
    assert (await feed.put(f"{PLACE}/1", body)).status_code == 201
