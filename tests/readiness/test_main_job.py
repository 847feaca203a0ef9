"""The main job over HTTP, with the worked values of the scoring specification."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.actors import Tenancy
from tests.support.team import PRACTICES, Team, new_team

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent.parent / "golden" / "fa9.json").read_text())
#: What a readiness object says of the assessment it is of.
NAMES = ("assessment_id", "assessment_title", "organization_id", "organization_name", "program_id", "program_name")


@pytest.fixture
async def voted(tenancy: Tenancy) -> Team:
    """The golden votes, cast by their seats and revealed."""
    team = await new_team(tenancy)
    await team.vote_all(GOLDEN["votes"])
    await team.move("consensus")
    return team


async def rate(team: Team) -> None:
    ratings = zip(PRACTICES, GOLDEN["priority"]["importance"], GOLDEN["priority"]["feasibility"], strict=True)
    for practice, importance, feasibility in ratings:
        answer = await team.tenancy.admin.put(
            f"{team.path}/practices/{practice}", {"importance": importance, "feasibility": feasibility}
        )
        assert answer.status_code == 201, answer.text


async def test_the_golden_votes_come_out_to_the_digit(voted: Team) -> None:
    await rate(voted)
    given = await voted.readiness()
    wanted = GOLDEN["readiness"]
    assert [practice["score"] for practice in given["practices"]] == GOLDEN["scores"]
    for name in ("readiness", "readiness_mean", "in_place_share", "at_least_partial_share", "coverage"):
        assert given[name] == wanted[name], name
    assert given["readiness"] == 61.111111
    agreement = given["agreement"]
    assert [practice["r_wg"]["value"] for practice in given["practices"]] == GOLDEN["agreement"]["r_wg"]
    assert agreement["alpha_ordinal"]["value"] == GOLDEN["agreement"]["alpha_ordinal"]
    assert agreement["r_star_wg_j"]["value"] == GOLDEN["agreement"]["r_star_wg_j"]
    assert agreement["pairwise_exact"]["value"] == GOLDEN["agreement"]["pairwise_exact"]
    assert given["perception"]["mean"] == GOLDEN["perception"]["mean"]
    assert given["perception"]["ci95"] == GOLDEN["perception"]["ci95"]
    assert {one["practice"]: one["priority"] for one in given["priorities"]} == GOLDEN["priority"]["values"]
    with_gap = [one["practice"] for one in given["priorities"] if one["priority"]]
    assert with_gap == GOLDEN["priority"]["order"]
    assert given["path_to_established"]["practices"] == wanted["path_to_established"]
    assert given["stage_attainment"]["value"] == GOLDEN["stage_attainment"]["initial_implementation"]


async def test_recorded_consensus_makes_it_advancing_and_final(voted: Team) -> None:
    for practice, score in zip(PRACTICES, GOLDEN["scores"], strict=True):
        assert (await voted.consensus(practice, score)).status_code == 201
    await voted.administration()
    given = await voted.readiness()
    assert (given["readiness"], given["band"]) == (61.111111, "advancing")
    assert given["finality"] == {"can_finalize": True, "blockers": []}
    assert {practice["source"] for practice in given["practices"]} == {"consensus"}
    final = await voted.move("final")
    assert (final["state"], final["allowed_transitions"]) == ("final", [])
    assert (await voted.readiness())["readiness"] == 61.111111


async def test_computing_from_the_same_votes_gives_the_same_object(voted: Team) -> None:
    stored = await voted.readiness(as_of="2026-11-01")
    seats = {label: voted.ids[label] for label in GOLDEN["votes"]}
    sent = await voted.tenancy.admin.post(
        "/v1/readiness/compute",
        {
            "stage": "initial_implementation",
            "as_of": "2026-11-01",
            "respondents": [{"id": seat, "perspective": "practitioner"} for seat in seats.values()],
            "votes": {
                practice: {seats[label]: values[index] for label, values in GOLDEN["votes"].items()}
                for index, practice in enumerate(PRACTICES)
            },
        },
    )
    assert sent.status_code == 200, sent.text
    computed = sent.json()
    # What is stored is shown to people who may not know the votes, and nine votes can be guessed.
    assert computed.pop("input_hash") != stored.pop("input_hash")
    assert {name: computed.pop(name) for name in NAMES} == dict.fromkeys(NAMES)
    assert all(stored.pop(name) for name in NAMES)
    assert computed == stored


async def test_a_consensus_only_assessment_of_a_past_day_is_valid(tenancy: Tenancy) -> None:
    team = await new_team(tenancy, administered_on="2019-03-01", stage="installation")
    await team.move("collecting")
    await team.move("consensus")
    for practice, score in zip(PRACTICES, GOLDEN["scores"], strict=True):
        answer = await team.consensus(practice, score, "From the paper record.")
        assert answer.status_code == 201, answer.text
    await team.administration()
    final = await team.move("final")
    assert (final["administered_on"], final["stage"]) == ("2019-03-01", "installation")
    given = await team.readiness()
    assert given["readiness"] == 61.111111
    assert given["stage_attainment"]["value"] == GOLDEN["stage_attainment"]["installation"]
    assert given["agreement"]["alpha_ordinal"] == {"value": None, "reason": "too_few_votes", "units": 0}
