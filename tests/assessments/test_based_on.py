"""A new assessment that starts from the last one: its seats and ratings, and no votes."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.team import Team, new_implementation, new_team


@pytest.fixture
async def last(tenancy: Tenancy) -> Team:
    """An assessment whose team has voted and rated."""
    team = await new_team(tenancy)
    await team.seat("Chair", seat="administrator")
    await team.paper("Paper")
    await team.vote_all({"A": [1] * 9, "B": [2] * 9})
    await team.move("consensus")
    await team.consensus("P1", 1)
    await tenancy.admin.put(f"{team.path}/practices/P1", {"importance": 5, "feasibility": 2})
    await tenancy.admin.put(f"{team.path}/practices/P2", {"left_unscored": "Not discussed"})
    return team


async def start(actor: Actor, last: Team, **fields: Any) -> dict[str, Any]:
    return await actor.made("/v1/assessments", {"based_on": last.assessment["id"], "title": "Next", **fields})


async def items(actor: Actor, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await actor.get(path)).json()["items"]
    return found


async def test_it_has_the_same_implementation_instrument_and_profile(last: Team, admin: Actor) -> None:
    made = await start(admin, last)
    assert (made["state"], made["title"], made["round"]) == ("draft", "Next", 1)
    for name in ("implementation_id", "organization_id", "instrument_version_id", "scoring_profile_id"):
        assert made[name] == last.assessment[name]
    for name in ("administered_on", "opens_at", "closes_at", "opened_at", "supersedes_id"):
        assert made[name] is None


async def test_its_seats_are_the_same_and_nobody_holds_one(last: Team, admin: Actor) -> None:
    path = f"/v1/assessments/{(await start(admin, last))['id']}"
    old, new = [await items(admin, f"{one}/participants") for one in (last.path, path)]
    names = ("seat", "channel", "perspective", "label", "person_id")
    assert sorted(str([seat[name] for name in names]) for seat in new) == sorted(
        str([seat[name] for name in names]) for seat in old
    )
    assert {seat["id"] for seat in new}.isdisjoint(seat["id"] for seat in old)
    assert (await last.seats["A"].get(path)).status_code == 404


async def test_seats_of_those_who_left_are_not_copied(last: Team, tenancy: Tenancy, admin: Actor) -> None:
    person = (await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "Left"}))["id"]
    seats = {seat["label"]: seat["id"] for seat in await items(admin, f"{last.path}/participants")}
    await admin.patch(f"{last.path}/participants/{seats['Chair']}", {"person_id": person})
    await admin.patch(f"/v1/people/{person}", {"active": False})
    await admin.delete(f"{last.path}/participants/{seats['B']}")
    made = await start(admin, last)
    copied = await items(admin, f"/v1/assessments/{made['id']}/participants")
    assert {seat["label"] for seat in copied} == {"Paper", "A"}


async def test_its_ratings_are_the_same_and_nothing_is_agreed(last: Team, admin: Actor) -> None:
    path = f"/v1/assessments/{(await start(admin, last))['id']}"
    [rating] = await items(admin, f"{path}/practices")
    assert (rating["practice"], rating["importance"], rating["feasibility"]) == ("P1", 5, 2)
    assert await items(admin, f"{path}/consensus") == []
    opened = Team(last.tenancy, (await admin.get(path)).json())
    await opened.move("collecting")
    assert (await opened.readiness())["voting"]["voted"] == 0


async def test_another_implementation_can_be_named(last: Team, tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    other = await new_implementation(tenancy, site["id"])
    made = await start(admin, last, implementation_id=other["id"])
    assert (made["implementation_id"], made["organization_id"]) == (other["id"], site["id"])


async def test_neither_implementation_nor_assessment_is_too_little(admin: Actor) -> None:
    answer = await admin.post("/v1/assessments", {"title": "Next"})
    assert (answer.status_code, answer.json()["code"]) == (422, "implementation_required")
    assert answer.json()["errors"][0]["pointer"] == "/body/implementation_id"


async def test_the_assessment_to_start_from_must_be_visible(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    mine, elsewhere = await tenancy.organization(), await new_team(tenancy)
    foreign = await new_team(other_tenancy)
    implementation = await new_implementation(tenancy, mine["id"])
    facilitator = await tenancy.key(("facilitator", mine["id"]))
    body = {"implementation_id": implementation["id"], "title": "Next"}
    problems = []
    for unknown in (elsewhere.assessment["id"], foreign.assessment["id"], str(uuid4())):
        answer = await facilitator.post("/v1/assessments", {**body, "based_on": unknown})
        problems.append({**answer.json(), "request_id": ""})
    assert problems[0] == problems[1] == problems[2]
    assert (problems[0]["status"], problems[0]["code"]) == (422, "unknown_reference")
    assert problems[0]["errors"][0]["pointer"] == "/body/based_on"


async def test_reading_an_assessment_does_not_allow_starting_from_it(last: Team, tenancy: Tenancy) -> None:
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    answer = await viewer.post("/v1/assessments", {"based_on": last.assessment["id"], "title": "Next"})
    assert answer.status_code == 403
