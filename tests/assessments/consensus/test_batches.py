"""Consensus on many practices in one call: all or none, by the rules of one practice."""

from typing import Any

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.team import PRACTICES, Team, new_team


@pytest.fixture
async def team(tenancy: Tenancy) -> Team:
    """A team in consensus that voted 1 on every practice."""
    team = await new_team(tenancy)
    await team.vote_all({"A": [1] * 9, "B": [1] * 9})
    await team.move("consensus")
    return team


async def recorded(admin: Actor, team: Team) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await admin.get(f"{team.path}/consensus")).json()["items"]
    return items


async def test_all_practices_are_recorded_in_one_call(team: Team, admin: Actor) -> None:
    body = {"items": [{"practice": practice, "value": 1} for practice in reversed(PRACTICES)]}
    answer = await admin.put(f"{team.path}/consensus", body)
    assert answer.status_code == 200, answer.text
    assert [one["practice"] for one in answer.json()["items"]] == PRACTICES[::-1]
    by_id = sorted(answer.json()["items"], key=lambda one: one["id"])
    assert await recorded(admin, team) == by_id


async def test_each_entry_of_the_answer_is_what_a_read_gives(team: Team, admin: Actor) -> None:
    answer = await admin.put(f"{team.path}/consensus", {"items": [{"practice": "P2", "value": 1, "note": "Ünï"}]})
    alone = await admin.get(f"{team.path}/consensus/P2")
    assert answer.content == b'{"items":[' + alone.content + b"]}"


@pytest.mark.parametrize(
    ("entry", "refusal"),
    [
        ({"practice": "P2", "value": 2}, (422, "consensus_note_required", "/body/items/1/note")),
        ({"practice": "P77", "value": 1}, (422, "unknown_practice", "/body/items/1/practice")),
        ({"practice": "P2", "value": 1, "version": 1}, (412, "precondition_failed", "/body/items/1")),
        ({"practice": "P3", "value": 2, "note": "New"}, (428, "precondition_required", "/body/items/1")),
        ({"practice": "P3", "value": 1, "version": 2}, (412, "precondition_failed", "/body/items/1")),
    ],
)
async def test_one_refused_entry_records_nothing(
    team: Team, admin: Actor, entry: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    await team.consensus("P3", 1)
    before = await recorded(admin, team)
    answer = await admin.put(f"{team.path}/consensus", {"items": [{"practice": "P1", "value": 1}, entry]})
    [error] = answer.json()["errors"]
    assert (answer.status_code, answer.json()["code"], error["pointer"]) == refusal
    assert await recorded(admin, team) == before


async def test_an_entry_replaces_the_version_that_was_read(team: Team, admin: Actor) -> None:
    first = (await team.consensus("P3", 1)).json()
    body = {"items": [{"practice": "P3", "value": 1, "note": "Agreed again", "version": first["version"]}]}
    [replaced] = (await admin.put(f"{team.path}/consensus", body)).json()["items"]
    assert (replaced["id"], replaced["version"], replaced["note"]) == (first["id"], 2, "Agreed again")


async def test_a_practice_is_named_once(team: Team, admin: Actor) -> None:
    answer = await admin.put(f"{team.path}/consensus", {"items": [{"practice": "P1", "value": 1}] * 2})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "repeated_practice")


async def test_nothing_is_recorded_before_the_close(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    await team.move("collecting")
    answer = await admin.put(f"{team.path}/consensus", {"items": [{"practice": "P1", "value": 1}]})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_in_consensus")


async def test_a_dry_run_records_nothing(team: Team, admin: Actor) -> None:
    answer = await admin.put(f"{team.path}/consensus?dry_run=true", {"items": [{"practice": "P1", "value": 1}]})
    assert (answer.status_code, answer.headers["dry-run"]) == (200, "true")
    assert await recorded(admin, team) == []
