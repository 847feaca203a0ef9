"""People by what another system calls them: added, changed, moved, or left alone."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.feed import end_of, read_all, seal, types
from tests.support.people import KNOWN, add_person
from tests.support.replicas import ROUNDS, Meeting

PLACE = "/v1/people/by-external-id/hr"


async def put(actor: Actor, at: str, headers: dict[str, str] | None = None, /, **body: Any) -> httpx.Response:
    return await actor.put(f"{PLACE}/{at}", {"name": "Coach", **body}, headers=headers or {})


async def stored(actor: Actor, at: str, status: int = 200, /, **body: Any) -> dict[str, Any]:
    answer = await put(actor, at, **body)
    assert answer.status_code == status, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture
async def site(tenancy: Tenancy) -> dict[str, Any]:
    """An organization that the HR system knows."""
    return await tenancy.organization(external_ids=[{"source": "hr", "external_id": "N/7"}])


@pytest.fixture
async def feed(tenancy: Tenancy) -> Actor:
    """The HR system's key."""
    return await tenancy.key(("integrator", tenancy.root_id))


async def test_a_feed_adds_people_and_leaves_alone_what_has_not_changed(
    tenancy: Tenancy, feed: Actor, site: dict[str, Any]
) -> None:
    after = await end_of(tenancy)
    body = {name: value for name, value in KNOWN.items() if name != "external_ids"}
    boss = await stored(feed, "1", 201, organization={"source": "hr", "external_id": "N/7"})
    made = await stored(feed, "42/a", 201, **body, organization_id=site["id"], manager_id=boss["id"])
    assert (made["organization_id"], made["manager_id"]) == (site["id"], boss["id"])
    assert made["external_ids"] == [{"source": "hr", "external_id": "42/a"}]
    assert {name: made[name] for name in body} == body
    for organization in ({"organization_id": site["id"]}, {"organization": {"source": "hr", "external_id": "N/7"}}):
        assert await stored(feed, "42/a", **body, **organization, manager={"source": "hr", "external_id": "1"}) == made
        assert await stored(feed, "42/a", **organization) == made
    await seal(tenancy)
    assert types(await read_all(feed, after)) == ["person.created"] * 2


async def test_what_differs_is_changed_and_nothing_else(tenancy: Tenancy, feed: Actor, site: dict[str, Any]) -> None:
    made = await stored(feed, "1", 201, organization_id=tenancy.root_id, email="a@agency.example", position="Coach")
    moved = await stored(feed, "1", organization_id=site["id"], name=" Ann  Lee ", email="B@agency.example")
    assert (moved["id"], moved["version"]) == (made["id"], 2)
    assert (moved["organization_id"], moved["name"]) == (site["id"], "Ann Lee")
    assert (moved["email"], moved["position"]) == ("b@agency.example", "Coach")
    cleared = await stored(feed, "1", organization_id=site["id"], name="Ann Lee", email=None)
    assert (cleared["email"], cleared["version"]) == (None, 3)


async def test_leavers_come_back_as_the_same_person(tenancy: Tenancy, feed: Actor) -> None:
    home = {"organization_id": tenancy.root_id}
    made = await stored(feed, "1", 201, **home, hired_on="2019-02-01")
    left = await stored(feed, "1", **home, employment_status="left", left_on="2022-06-30")
    assert (left["active"], left["left_on"]) == (False, "2022-06-30")
    back = await stored(feed, "1", **home, employment_status="active", hired_on="2026-09-01")
    assert (back["id"], back["active"], back["left_on"]) == (made["id"], True, None)
    [former] = await feed.items(f"/v1/people/{made['id']}/former-employments")
    assert (former["hired_on"], former["left_on"]) == ("2019-02-01", "2022-06-30")


async def test_the_conditional_headers(tenancy: Tenancy, feed: Actor) -> None:
    home = {"organization_id": tenancy.root_id}
    for tag in ("*", '"1.0"'):
        assert outcome(await put(feed, "1", {"If-Match": tag}, **home)) == (412, "precondition_failed")
    assert (await put(feed, "1", {"If-None-Match": "*"}, **home)).status_code == 201
    assert outcome(await put(feed, "1", {"If-None-Match": "*"}, **home)) == (412, "precondition_failed")
    assert outcome(await put(feed, "1", {"If-Match": '"9.0"'}, **home)) == (412, "precondition_failed")
    assert (await put(feed, "1", {"If-Match": '"1.0"'}, **home, position="Coach")).status_code == 200


async def test_what_the_caller_cannot_see_is_neither_changed_nor_shown(
    tenancy: Tenancy, admin: Actor, site: dict[str, Any]
) -> None:
    beside = await tenancy.organization(external_ids=[{"source": "hr", "external_id": "B"}])
    taken = await stored(admin, "1", 201, organization_id=beside["id"])
    feed = await tenancy.key(("integrator", site["id"]))
    refused = await put(feed, "1", organization_id=site["id"])
    assert outcome(refused) == (409, "person_external_id_taken")
    assert taken["id"] not in refused.text
    unknown = [{"organization_id": one} for one in (beside["id"], str(uuid4()))]
    unknown += [{"organization": {"source": "hr", "external_id": one}} for one in ("B", "none")]
    for body in unknown:
        assert outcome(await put(feed, "2", **body)) == (422, "unknown_organization")
    for name in ("1", "none"):
        managed = await put(feed, "2", organization_id=site["id"], manager={"source": "hr", "external_id": name})
        assert outcome(managed) == (422, "unknown_manager")
        assert managed.json()["errors"][0]["pointer"] == "/body/manager"
    assert (await admin.get(f"/v1/people/{taken['id']}")).json() == taken


async def test_an_archived_organization_takes_nobody_new(tenancy: Tenancy, admin: Actor, site: dict[str, Any]) -> None:
    there = await stored(admin, "1", 201, organization_id=site["id"])
    await stored(admin, "2", 201, organization_id=tenancy.root_id)
    await admin.move(f"/v1/organizations/{site['id']}", "archived")
    for name in ("2", "3"):
        assert outcome(await put(admin, name, organization_id=site["id"])) == (409, "organization_archived")
    changed = await stored(admin, "1", organization_id=site["id"], employment_status="left")
    assert (changed["id"], changed["active"]) == (there["id"], False)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"organization_id": str(uuid4()), "organization": {"source": "hr", "external_id": "N/7"}},
        {"organization_id": str(uuid4()), "manager_id": None, "manager": {"source": "hr", "external_id": "1"}},
        {"organization_id": str(uuid4()), "name": None},
        {"organization_id": str(uuid4()), "active": True},
    ],
)
async def test_a_bad_body_is_refused(feed: Actor, body: dict[str, Any]) -> None:
    assert outcome(await put(feed, "1", **body)) == (422, "invalid")


async def test_a_rehearsal_changes_nothing(tenancy: Tenancy, feed: Actor) -> None:
    body = {"name": "Coach", "organization_id": tenancy.root_id}
    for _ in range(2):
        answer = await feed.put(f"{PLACE}/1?dry_run=true", body)
        assert (answer.status_code, answer.headers["dry-run"]) == (200, "true")
    assert await feed.items("/v1/people") == []


async def test_a_person_who_is_deleted_frees_the_external_id(tenancy: Tenancy, admin: Actor) -> None:
    first = await stored(admin, "1", 201, organization_id=tenancy.root_id)
    assert (await admin.delete(f"/v1/people/{first['id']}")).status_code == 204
    second = await stored(admin, "1", 201, organization_id=tenancy.root_id)
    assert second["id"] != first["id"]


async def test_of_two_at_once_one_adds_the_person(meeting: Meeting) -> None:
    body = {"organization_id": meeting.tenancy.root_id}
    one, other = meeting.admins
    for number in range(ROUNDS):
        requests = [
            put(actor, str(number), **body, name=name) for actor, name in ((one, "A"), (other, "B"), (one, "C"))
        ]
        answers = await meeting.at_once(*requests)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
        assert len({answer.json()["id"] for answer in answers}) == 1


async def test_an_external_id_of_another_person_is_not_taken_over(tenancy: Tenancy, admin: Actor) -> None:
    made = await add_person(tenancy, external_ids=[{"source": "hr", "external_id": "1"}])
    changed = await stored(admin, "1", organization_id=tenancy.root_id, name="Other")
    assert (changed["id"], changed["name"]) == (made["id"], "Other")
