"""Corrections of final assessments: a new one takes the old one's place."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.actors import Tenancy
from tests.support.team import PRACTICES, Team, new_team


@pytest.fixture
async def final(tenancy: Tenancy) -> Team:
    """A final assessment of three respondents."""
    team = await new_team(tenancy, administered_on="2026-03-01")
    await team.vote_all({"A": [2, 1, 1, 2, 0, 1, 2, 1, 1], "B": [2] * 9, "C": [1] * 9})
    await team.move("consensus")
    for practice in PRACTICES:
        await team.consensus(practice, 1, "As agreed.")
    await team.tenancy.admin.put(f"{team.path}/practices/P1", {"importance": 5})
    await team.administration()
    await team.move("final")
    return team


async def revise(team: Team) -> Team:
    answer = await team.tenancy.admin.post(f"{team.path}/revisions", {"reason": "P4 was transcribed wrongly."})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/assessments/{answer.json()['id']}"
    return Team(team.tenancy, answer.json(), ids=team.ids)


async def test_a_revision_is_a_copy_open_for_consensus(final: Team) -> None:
    revision = await revise(final)
    made, old = revision.assessment, final.assessment
    assert (made["state"], made["supersedes_id"], made["revealed_round"]) == ("consensus", old["id"], 1)
    for name in (
        "implementation_id",
        "instrument_version_id",
        "scoring_profile_id",
        "stage",
        "administered_on",
        "title",
    ):
        assert made[name] == old[name], name
    before, after = await final.readiness(as_of="2026-04-01"), await revision.readiness(as_of="2026-04-01")
    for name in ("readiness", "agreement", "perception", "practices", "voting"):
        assert after[name] == before[name], name
    history = (await final.tenancy.admin.get(f"{revision.path}/history")).json()["items"]
    assert [(one["from_state"], one["to_state"], one["reason"]) for one in history] == [
        (None, "consensus", "P4 was transcribed wrongly.")
    ]


async def test_the_revision_is_corrected_and_takes_its_place(final: Team) -> None:
    admin = final.tenancy.admin
    revision = await revise(final)
    listed = (await admin.get("/v1/assessments?superseded=false")).json()["items"]
    assert {one["id"] for one in listed} == {final.assessment["id"], revision.assessment["id"]}
    changed = await admin.put(
        f"{revision.path}/consensus/P4", {"value": 2, "note": "Read again."}, headers={"If-Match": "*"}
    )
    assert changed.status_code == 200, changed.text
    await revision.move("final")
    assert (await final.readiness())["readiness"] == 50.0
    assert (await revision.readiness())["readiness"] == 55.555556
    old = (await admin.get(final.path)).json()
    assert (old["state"], old["superseded_by_id"]) == ("final", revision.assessment["id"])
    for superseded, wanted in (("false", revision), ("true", final)):
        listed = (await admin.get(f"/v1/assessments?superseded={superseded}")).json()["items"]
        assert [one["id"] for one in listed] == [wanted.assessment["id"]]


async def test_seats_are_copied_without_their_tokens(final: Team) -> None:
    revision = await revise(final)
    seats = (await final.tenancy.admin.get(f"{revision.path}/participants")).json()["items"]
    assert sorted(seat["label"] for seat in seats) == ["A", "B", "C"]
    assert not any(seat["has_token"] for seat in seats)
    assert {seat["id"] for seat in seats}.isdisjoint(final.ids.values())
    assert (await final.seats["A"].get(revision.path)).status_code == 404


async def test_no_new_claim_opens_the_votes_that_a_revision_copied(final: Team) -> None:
    revision = await revise(final)
    seats = (await final.tenancy.admin.get(f"{revision.path}/participants")).json()["items"]
    revision.ids |= {seat["label"]: seat["id"] for seat in seats}
    for label in ("A", "B"):
        holder = await revision.reseat(label)
        assert (await holder.get(f"{revision.path}/votes?limit=200")).json()["items"] == []
    observer = await revision.seat("Observer", seat="observer")
    assert (await observer.get(f"{revision.path}/votes?limit=200")).json()["items"] == []
    # Who sat in the corrected assessment still sees what was revealed there.
    assert len((await final.seats["A"].get(f"{final.path}/votes?limit=200")).json()["items"]) == 27


async def test_only_a_final_assessment_has_one_and_only_one(final: Team, owner: AsyncEngine) -> None:
    admin = final.tenancy.admin
    answers = await asyncio.gather(*(admin.post(f"{final.path}/revisions", {"reason": "R"}) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"revision_exists"}
    revision = next(answer.json() for answer in answers if answer.status_code == 201)
    early = await admin.post(f"/v1/assessments/{revision['id']}/revisions", {"reason": "R"})
    assert (early.status_code, early.json()["code"]) == (409, "not_final")
    voided = await admin.move(f"/v1/assessments/{revision['id']}", "void", reason="Not needed.")
    assert voided.status_code == 200
    assert (await admin.post(f"{final.path}/revisions", {"reason": "Again"})).status_code == 201
    async with owner.connect() as connection:
        live = await connection.execute(
            text("select count(*) from assessments where tenant_id = :t and supersedes_id = :s and state <> 'void'"),
            {"t": final.tenancy.tenant_id, "s": final.assessment["id"]},
        )
        assert live.scalar_one() == 1


async def test_a_revision_must_say_why(final: Team) -> None:
    for body in ({}, {"reason": " "}, {"reason": None}):
        assert (await final.tenancy.admin.post(f"{final.path}/revisions", body)).status_code == 422
    assert (await final.tenancy.admin.get(final.path)).json()["superseded_by_id"] is None
