"""Each write around a vote is recorded once, and no record names a vote."""

import asyncpg
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.ballots import COMMENT, Records, if_match, place
from tests.support.team import Team, new_team


@pytest.fixture
async def watched(tenancy: Tenancy, records: Records) -> Team:
    """A draft with a token seat and a paper seat, whose events were all seen."""
    team = await new_team(tenancy)
    await team.seat("A")
    await team.paper("B")
    await records.new_actions()
    return team


async def test_each_write_to_a_seat_is_recorded_once(tenancy: Tenancy, admin: Actor, records: Records) -> None:
    team = await new_team(tenancy)
    await records.new_actions()
    await team.seat("A")
    await team.paper("B")
    await admin.patch(f"{team.path}/participants/{team.ids['B']}", {"label": "b"})
    other = f"{team.path}/participants/{(await team.invited('Observer', seat='observer'))['id']}"
    await admin.post(f"{other}/invitation")
    await admin.delete(f"{other}/token")
    await admin.delete(f"{other}/token")
    assert await records.new_actions() == [
        "participant.added",
        "participant.claimed",
        "participant.added",
        "participant.updated",
        "participant.added",
        "participant.re_invited",
        "participant.token_revoked",
    ]


async def test_a_refused_write_to_a_draft_is_not_recorded(watched: Team, admin: Actor, records: Records) -> None:
    refused(await watched.vote("A", "P1", 1), 409, "voting_not_open")
    refused(await admin.patch(watched.path, {"title": "A"}, if_match='"9.0"'), 412, "precondition_failed")
    refused(await admin.move(watched.path, "final"), 409, "invalid_transition")
    refused(await admin.post(f"{watched.path}/participants", {"seat": "respondent"}), 422, "perspective_mismatch")
    assert await records.new_actions() == []


async def test_each_vote_is_recorded_once_and_no_refused_one(
    watched: Team, admin: Actor, database: asyncpg.Connection, records: Records
) -> None:
    await watched.move("collecting")
    cast = await watched.seats["A"].put(place(watched, "A"), {"value": 2, "comment": COMMENT})
    await watched.vote("A", "P1", 1, **if_match(cast))
    await admin.put(place(watched, "B"), {"value": 0})
    refused(await watched.vote("A", "P1", 0), 409, "vote_exists")
    refused(await watched.vote("A", "P1", 1, **if_match(cast)), 412, "precondition_failed")
    refused(await admin.put(place(watched, "A"), {"value": 0}), 403, "not_a_paper_seat")
    assert await records.new_actions() == [
        "assessment.opened",
        "assessment.vote_cast",
        "assessment.vote_replaced",
        "assessment.vote_cast",
    ]
    await check_that_records_hide_votes(watched, admin, database)


async def test_each_decision_is_recorded_once_and_no_refused_one(watched: Team, admin: Actor, records: Records) -> None:
    await watched.move("collecting")
    await watched.vote("A", "P1", 1)
    await admin.delete(f"{watched.path}/participants/{watched.ids['B']}")
    await watched.move("consensus")
    await records.new_actions()
    refused(await watched.consensus("P1", 2), 422, "consensus_note_required")
    refused(await admin.delete(f"{watched.path}/consensus/P1"), 404, "not_found")
    await watched.consensus("P1", 1)
    await admin.put(f"{watched.path}/consensus/P1", {"value": 2, "note": COMMENT}, **if_match("*"))
    await admin.delete(f"{watched.path}/consensus/P1")
    await admin.put(f"{watched.path}/practices/P1", {"importance": 5})
    await watched.administration()
    refused(await admin.move(watched.path, "final"), 409, "insufficient_coverage")
    assert await records.new_actions() == [
        "assessment.consensus_recorded",
        "assessment.consensus_recorded",
        "assessment.consensus_removed",
        "assessment.practice_rated",
        "assessment.administration_recorded",
    ]


async def test_each_step_of_an_assessment_is_recorded_once(watched: Team, admin: Actor, records: Records) -> None:
    await admin.patch(watched.path, {"title": "A"})
    await watched.move("collecting")
    await admin.delete(f"{watched.path}/participants/{watched.ids['B']}")
    await watched.move("consensus")
    await watched.move("collecting", "Again")
    await watched.move("void", "Because")
    await admin.delete(watched.path)
    assert await records.new_actions() == [
        "assessment.updated",
        "assessment.opened",
        "participant.withdrawn",
        "assessment.closed",
        "assessment.reopened",
        "assessment.voided",
        "assessment.deleted",
    ]


async def check_that_records_hide_votes(team: Team, admin: Actor, database: asyncpg.Connection) -> None:
    """Check that the events do not show that anybody voted, nor the audit trail who did or what."""
    tenant = team.tenancy.tenant_id
    for table in ("outbox_events", "audit_events"):
        every = f"select row_to_json(t)::text from {table} t where tenant_id = $1"
        texts = [row[0] for row in await database.fetch(every, tenant)]
        votes = [text for text in texts if "assessment.vote_" in text]
        assert len(votes) == (3 if table == "audit_events" else 0)
        assert not any(COMMENT in text for text in texts)
        for text in votes:
            assert team.ids["A"] not in text
            assert team.ids["B"] not in text
            assert team.assessment["organization_id"] in text
    rows = await database.fetch(
        "select actor_id::text, actor_kind, outcome, data::text from audit_events"
        " where tenant_id = $1 and action like 'assessment.vote%' order by id",
        tenant,
    )
    me = (await admin.get("/v1/me")).json()["id"]
    own, paper = '{"round": 1, "votes": 1, "on_paper": false}', '{"round": 1, "votes": 1, "on_paper": true}'
    assert [tuple(row) for row in rows] == [
        (None, "seat", "done", own),
        (None, "seat", "done", own),
        (me, "api_key", "done", paper),
    ]


@pytest.mark.parametrize("value", [0, 2, "dont_know", "not_applicable"])
async def test_a_vote_is_answered_as_it_is_listed(team: Team, value: int | str) -> None:
    cast = await team.vote("A", "P1", value)
    assert cast.status_code == 201, cast.text
    assert cast.json()["value"] == value
    assert await team.seats["A"].items(f"{team.path}/votes") == [cast.json()]
