"""Votes: what can be said, by whom, when, and how it is corrected."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.ballots import COMMENT, NOW, Records, if_match, listed, place
from tests.support.team import Team, new_team


async def test_there_are_five_things_to_say(team: Team) -> None:
    for number, value in enumerate([0, 1, 2, "dont_know", "not_applicable"], 1):
        answer = await team.seats["A"].put(place(team, "A", f"P{number}"), {"value": value, "comment": f" {COMMENT} "})
        assert answer.status_code == 201, answer.text
        vote = answer.json()
        assert (vote["value"], vote["comment"], vote["round"], vote["version"]) == (value, COMMENT, 1, 1)
        assert type(vote["value"]) is type(value)
        assert (vote["practice"], vote["participant_id"]) == (f"P{number}", team.ids["A"])
        assert vote["on_paper"] is False
        assert (await listed(team, team.seats["A"]))[-1] == vote


NO_VOTES = [
    "true",
    "false",
    "1.0",
    "1e0",
    "-0.0",
    "2.5",
    "3",
    "-1",
    "null",
    "NaN",
    "Infinity",
    "1e400",
    "-1e400",
    "123456789123456789123456789",
    '"2"',
    '"zqx7-two"',
    '"DONT_KNOW"',
    '""',
    "[2]",
    "{}",
    '{"v":2}',
]


async def test_nothing_else_can_be_said(
    team: Team, tenancy: Tenancy, database: asyncpg.Connection, records: Records
) -> None:
    await records.new_actions()
    for text in NO_VOTES:
        body = f'{{"value":{text}}}'.encode()
        headers = {"Content-Type": "application/json"}
        answer = await team.seats["A"].call("PUT", place(team, "A"), content=body, headers=headers)
        assert answer.status_code in {400, 422}, (text, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "zqx7" not in answer.text
        assert "123456789123" not in answer.text
    assert await database.fetchval("select count(*) from votes where tenant_id = $1", tenancy.tenant_id) == 0
    assert await records.new_actions() == []


async def test_only_respondents_vote_and_only_for_themselves(team: Team, tenancy: Tenancy, admin: Actor) -> None:
    for kind in ("administrator", "facilitator", "note_taker"):
        await team.seat(kind, seat=kind)
    for label in ("Observer", "administrator", "facilitator", "note_taker"):
        refused(await team.vote(label, "P1", 1), 403, "seat_may_not_vote")
        refused(await admin.put(place(team, label), {"value": 1}), 403, "seat_may_not_vote")
        refused(await team.seats[label].put(place(team, "A"), {"value": 1}), 403, "not_your_seat")
    refused(await team.seats["B"].put(place(team, "A"), {"value": 1}), 403, "not_your_seat")
    missing = f"{team.path}/votes/{uuid4()}/P1"
    refused(await team.seats["B"].put(missing, {"value": 1}), 403, "not_your_seat")
    refused(await admin.put(missing, {"value": 1}), 404, "not_found")
    for role in ("viewer", "manager", "integrator"):
        key = await tenancy.key((role, tenancy.root_id))
        refused(await key.put(place(team, "A"), {"value": 1}), 403, "forbidden")
    assert (await team.readiness())["voting"]["voted"] == 0


async def test_an_unknown_practice_has_no_votes(team: Team, admin: Actor) -> None:
    for practice in ("P10", "P0", "p1", "recognition", "P1.", "x" * 100):
        refused(await team.seats["A"].put(place(team, "A", practice), {"value": 1}), 404, "not_found")
        refused(await admin.put(place(team, "A", practice), {"value": 1}), 404, "not_found")
    refused(await team.seats["A"].put(place(team, "A", "x" * 101), {"value": 1}), 422, "invalid")


async def test_votes_are_cast_between_the_opening_and_the_close(tenancy: Tenancy) -> None:
    team = await new_team(tenancy)
    await team.seat("A")
    await team.paper("Paper")
    refused(await team.vote("A", "P1", 1), 409, "voting_not_open")
    refused(await team.enter("Paper", "P1", 1), 409, "voting_not_open")
    await team.move("collecting")
    cast = await team.vote("A", "P1", 1)
    assert cast.status_code == 201
    await team.move("consensus")
    refused(await team.vote("A", "P2", 1), 409, "voting_closed")
    refused(await team.vote("A", "P1", 2, **if_match(cast)), 409, "voting_closed")
    refused(await team.enter("Paper", "P2", 1), 409, "voting_closed")
    await team.move("void", "Because")
    refused(await team.vote("A", "P2", 1), 423, "frozen")


async def test_the_window_binds_seats_and_not_paper(
    tenancy: Tenancy, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens, closes = NOW, NOW + timedelta(hours=2)
    monkeypatch.setattr(tenancy.app.state.app_state, "clock", lambda: opens - timedelta(hours=1))
    team = await new_team(tenancy, opens_at=opens.isoformat(), closes_at=closes.isoformat())
    await team.seat("A")
    await team.paper("Paper")
    await team.move("collecting")

    async def at(instant: datetime, practice: str) -> tuple[Any, Any]:
        monkeypatch.setattr(tenancy.app.state.app_state, "clock", lambda: instant)
        paper = await team.enter("Paper", practice, 1)
        return await team.vote("A", practice, 1), paper

    moment = timedelta(microseconds=1)
    early, paper = await at(opens - moment, "P1")
    refused(early, 409, "voting_not_open")
    assert paper.status_code == 201
    for number, instant in enumerate((opens, closes - moment), 2):
        vote, paper = await at(instant, f"P{number}")
        assert (vote.status_code, paper.status_code) == (201, 201)
    late, paper = await at(closes, "P4")
    refused(late, 409, "voting_closed")
    assert paper.status_code == 201
    refused(await team.vote("A", "P2", 2, headers={"If-Match": "*"}), 409, "voting_closed")
    extended = await admin.patch(team.path, {"closes_at": (closes + timedelta(hours=1)).isoformat()})
    assert extended.status_code == 200
    assert (await team.vote("A", "P4", 1)).status_code == 201


async def test_a_vote_is_replaced_at_the_version_that_was_read(team: Team) -> None:
    refused(await team.vote("A", "P1", 1, **if_match("*")), 412, "precondition_failed")
    refused(await team.vote("A", "P1", 1, **if_match('"1.0"')), 412, "precondition_failed")
    none_yet = {"headers": {"If-None-Match": "*"}}
    first = await team.vote("A", "P1", 1, **none_yet)
    assert first.status_code == 201
    refused(await team.vote("A", "P1", 2), 409, "vote_exists")
    refused(await team.vote("A", "P1", 2, **none_yet), 412, "precondition_failed")
    refused(await team.vote("A", "P1", 2, headers={"If-None-Match": '"1.0"'}), 422, "invalid")
    second = await team.vote("A", "P1", 2, **if_match(first))
    assert (second.status_code, second.json()["value"], second.json()["version"]) == (200, 2, 2)
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["etag"].startswith('"2.')
    stale = await team.vote("A", "P1", 0, **if_match(first))
    refused(stale, 412, "precondition_failed")
    assert stale.headers["etag"].startswith('"2.')
    third = await team.vote("A", "P1", 0, **if_match("*"))
    assert (third.status_code, third.json()["version"], third.json()["comment"]) == (200, 3, None)
    assert await listed(team, team.seats["A"]) == [third.json()]


async def test_a_paper_ballot_is_entered_and_corrected(tenancy: Tenancy) -> None:
    team = await new_team(tenancy)
    await team.paper("Paper")
    await team.move("collecting")
    paper = await team.enter("Paper", "P1", 1)
    assert (paper.status_code, paper.json()["on_paper"]) == (201, True)
    refused(await team.enter("Paper", "P1", 2), 409, "vote_exists")
    refused(await team.enter("Paper", "P1", 2, **if_match('"9.0"')), 412, "precondition_failed")
    corrected = await team.enter("Paper", "P1", 2, **if_match(paper))
    assert (corrected.status_code, corrected.json()["on_paper"], corrected.json()["version"]) == (200, True, 2)
    refused(await tenancy.admin.get(f"{team.path}/votes"), 403, "forbidden")


@pytest.mark.parametrize("headers", [{}, {"If-Match": "*"}, {"If-Match": '"1.0"'}, {"If-None-Match": "*"}])
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
async def test_a_key_enters_no_ballot_for_a_token_seat_whoever_has_voted(
    team: Team, admin: Actor, headers: dict[str, str], query: str
) -> None:
    assert (await team.vote("A", "P1", 1)).status_code == 201
    answers = []
    for label in ("A", "B"):
        answer = await admin.put(place(team, label) + query, {"value": 2}, headers=headers)
        answers.append({**refused(answer, 403, "not_a_paper_seat"), "request_id": "", "instance": ""})
        ballot = {"votes": [{"participant_id": team.ids[label], "practice": "P1", "value": 2}]}
        many = await admin.call("PATCH", f"{team.path}/votes{query}", json=ballot)
        refused(many, 403, "not_a_paper_seat")
    assert answers[0] == answers[1]
