"""A write that changes nothing leaves no trace: no version, no `updated_at`, no event, no audit row."""

from typing import Any

import asyncpg
import httpx
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.database import Urls
from tests.support.team import Team, new_team

_TRACES = (
    "select (select count(*) from outbox_events where tenant_id = $1), "
    "(select count(*) from audit_events where tenant_id = $1 and outcome = 'done')"
)
PERSON: dict[str, Any] = {
    "name": "Coach",
    "active": True,
    "email": "coach@agency.example",
    "hired_on": "2024-03-01",
    "external_ids": [{"source": "hr", "external_id": "1"}],
}
ORGANIZATION: dict[str, Any] = {
    "name": "Site",
    "staff_count": 4,
    "external_ids": [{"source": "hr", "external_id": "1"}, {"source": "hr", "external_id": "2"}],
}
PROGRAM: dict[str, Any] = {"name": "Program", "description": "What it is."}
ITEM: dict[str, Any] = {"title": "Train", "practices": ["P1"], "due_on": "2026-12-01", "effort": "small"}
CONSENSUS: dict[str, Any] = {"value": 1, "note": "As agreed.", "method": "majority", "dissent": None}
RATING: dict[str, Any] = {"importance": 5, "feasibility": 2}
ADMINISTRATION: dict[str, Any] = {
    "roles_present": [{"seat": "respondent", "count": 1}],
    "evidence_reviewed": True,
    "duration_minutes": 60,
}


@pytest.fixture
async def team(tenancy: Tenancy) -> Team:
    """An assessment in consensus: one seat has voted on P1."""
    team = await new_team(tenancy)
    await team.seat("A")
    await team.move("collecting")
    assert (await team.vote("A", "P1", 1)).status_code == 201
    await team.move("consensus")
    return team


async def traces(urls: Urls, tenancy: Tenancy) -> tuple[int, int]:
    """Return the number of events and of audit rows."""
    connection = await asyncpg.connect(urls.owner)
    try:
        row = await connection.fetchrow(_TRACES, tenancy.tenant_id)
    finally:
        await connection.close()
    return row[0], row[1]


def same(before: httpx.Response, after: httpx.Response) -> None:
    """Check that the second write answered what the first one did, as a success that created nothing."""
    assert after.status_code == 200, after.text
    assert (after.json(), after.headers["etag"]) == (before.json(), before.headers["etag"])


@pytest.mark.parametrize(
    ("collection", "body"),
    [("people", PERSON), ("organizations", ORGANIZATION), ("programs", PROGRAM), ("action-items", ITEM)],
)
async def test_a_patch_that_changes_nothing_leaves_no_trace(
    tenancy: Tenancy, admin: Actor, urls: Urls, collection: str, body: dict[str, Any]
) -> None:
    place = {"parent_id": tenancy.root_id, "kind": "site"} if collection == "organizations" else {}
    made = await admin.post(f"/v1/{collection}", {**(place or {"organization_id": tenancy.root_id}), **body})
    path = f"/v1/{collection}/{made.json()['id']}"
    before = await traces(urls, tenancy)
    for changes in (body, {}):
        same(made, await admin.patch(path, changes, if_match=made.headers["etag"]))
    assert await traces(urls, tenancy) == before


async def test_a_patch_of_an_assessment_or_a_seat_that_changes_nothing_leaves_no_trace(
    team: Team, admin: Actor, urls: Urls
) -> None:
    before = await traces(urls, team.tenancy)
    for path in (team.path, f"{team.path}/participants/{team.ids['A']}"):
        read = await admin.get(path)
        kept = {name: read.json()[name] for name in ("title", "label", "person_id") if name in read.json()}
        same(read, await admin.patch(path, kept, if_match=read.headers["etag"]))
    assert await traces(urls, team.tenancy) == before


async def test_a_name_that_is_sent_with_unchanged_external_ids_is_a_change(tenancy: Tenancy, admin: Actor) -> None:
    made = await tenancy.organization()
    answer = await admin.patch(f"/v1/organizations/{made['id']}", {"name": "Renamed", "external_ids": []})
    assert (answer.json()["name"], answer.json()["version"]) == ("Renamed", 2)


async def test_other_external_ids_are_a_change(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization(external_ids=ORGANIZATION["external_ids"])
    path = f"/v1/organizations/{site['id']}"
    other = [ORGANIZATION["external_ids"][0], {"source": "hr", "external_id": "3"}]
    changed = await admin.patch(path, {"external_ids": other})
    assert (changed.json()["external_ids"], changed.json()["version"]) == (other, 2)


@pytest.mark.parametrize(
    ("below", "body"), [("consensus/P1", CONSENSUS), ("practices/P1", RATING), ("administration", ADMINISTRATION)]
)
async def test_a_put_sent_twice_is_stored_once(
    team: Team, admin: Actor, urls: Urls, below: str, body: dict[str, Any]
) -> None:
    path = f"{team.path}/{below}"
    made = await admin.put(path, body)
    assert made.status_code == 201, made.text
    before = await traces(urls, team.tenancy)
    same(made, await admin.put(path, body))
    same(made, await admin.put(path, body, headers={"If-Match": made.headers["etag"]}))
    assert await traces(urls, team.tenancy) == before
    assert (await admin.put(path, body, headers={"If-None-Match": "*"})).status_code == 412


async def test_a_consensus_that_another_key_records_again_is_a_change(team: Team, admin: Actor) -> None:
    path = f"{team.path}/consensus/P1"
    await admin.put(path, CONSENSUS)
    other = await team.tenancy.key(("facilitator", team.tenancy.root_id))
    assert (await other.put(path, CONSENSUS)).status_code == 428
    recorded = await other.put(path, CONSENSUS, headers={"If-Match": "*"})
    assert (recorded.json()["version"], recorded.status_code) == (2, 200)


async def test_a_seat_may_send_its_vote_twice(tenancy: Tenancy, urls: Urls) -> None:
    team = await new_team(tenancy)
    await team.seat("A")
    await team.move("collecting")
    cast = await team.vote("A", "P1", 1)
    before = await traces(urls, tenancy)
    same(cast, await team.vote("A", "P1", 1))
    assert await traces(urls, tenancy) == before
    other = await team.vote("A", "P1", 2)
    assert (other.status_code, other.json()["code"]) == (409, "vote_exists")


async def test_a_ballot_sent_twice_is_stored_once(tenancy: Tenancy, urls: Urls) -> None:
    team = await new_team(tenancy)
    seat = await team.seat("A")
    await team.move("collecting")
    votes = [{"participant_id": team.ids["A"], "practice": practice, "value": 1} for practice in ("P1", "P2")]
    first = await seat.call("PATCH", f"{team.path}/votes", json={"votes": votes})
    before = await traces(urls, tenancy)
    again = await seat.call("PATCH", f"{team.path}/votes", json={"votes": votes})
    assert (again.status_code, again.json()) == (200, first.json())
    assert await traces(urls, tenancy) == before


async def test_a_key_does_not_learn_that_a_seat_cast_an_equal_vote(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    await team.seat("A")
    await team.move("collecting")
    await team.vote("A", "P1", 1)
    answers = [await admin.put(f"{team.path}/votes/{team.ids['A']}/P1", {"value": value}) for value in (0, 1, 2)]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "not_a_paper_seat")}
