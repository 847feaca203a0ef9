"""Votes: what can be cast, who may cast and see it, how it stays sealed, and which round counts."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.database import Urls
from tests.support.feed import seal
from tests.support.team import Team, new_team

COMMENT = "Coaching was cut in spring."
NOW = datetime(2026, 10, 5, 13, tzinfo=UTC)


@dataclass
class Records:
    """The audit rows and events of a tenant."""

    tenancy: Tenancy
    database: asyncpg.Connection
    seen: int = 0

    async def new_actions(self) -> list[str]:
        """Return the actions of the audit rows since the last call, each of which but votes has one equal event."""
        rows = {}
        for table, name, only in (("outbox_events", "type", ""), ("audit_events", "action", "and outcome = 'done'")):
            rows[table] = await self.database.fetch(
                f"select {name} as name, subject_id, organization_id, request_id, data from {table}"
                f" where tenant_id = $1 {only} order by id",
                self.tenancy.tenant_id,
            )
        open_rows = [tuple(row) for row in rows["audit_events"] if "vote_" not in row["name"]]
        assert [tuple(row) for row in rows["outbox_events"]] == open_rows
        seen, self.seen = self.seen, len(rows["audit_events"])
        return [row["name"] for row in rows["audit_events"]][seen:]


@pytest.fixture
def records(tenancy: Tenancy, database: asyncpg.Connection) -> Records:
    return Records(tenancy, database)


@pytest.fixture
async def team(tenancy: Tenancy) -> Team:
    """Two respondents and an observer, voting."""
    team = await new_team(tenancy)
    await team.seat("A")
    await team.seat("B", perspective="manager")
    await team.seat("Observer", seat="observer")
    await team.move("collecting")
    return team


@pytest.fixture
async def database(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """The database, as its owner sees it."""
    connection = await asyncpg.connect(urls.owner)
    yield connection
    await connection.close()


def place(team: Team, label: str, practice: str = "P1") -> str:
    return f"{team.path}/votes/{team.ids[label]}/{practice}"


async def listed(team: Team, actor: Actor, **params: Any) -> list[dict[str, Any]]:
    answer = await actor.get(f"{team.path}/votes", params=params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def if_match(answer: httpx.Response | str) -> dict[str, Any]:
    return {"headers": {"If-Match": answer if isinstance(answer, str) else answer.headers["etag"]}}


async def counted(team: Team) -> dict[str, list[int]]:
    """For each practice voted on: zeros, ones, twos, don't-knows, not-applicables."""
    names = ("not_in_place", "partially_in_place", "in_place", "dont_know", "not_applicable")
    practices = (await team.readiness())["practices"]
    return {
        one["code"]: [one["votes"][name] for name in names]
        for one in practices
        if one["votes"] and one["votes"]["voted"]
    }


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


async def test_after_the_close_the_team_sees_all_votes_and_no_key_does(team: Team, tenancy: Tenancy) -> None:
    for label, value in (("A", 2), ("B", "dont_know")):
        answer = await team.seats[label].put(place(team, label), {"value": value, "comment": f"{COMMENT} {label}"})
        assert answer.status_code == 201
    for label, other in (("A", "B"), ("B", "A")):
        assert [vote["participant_id"] for vote in await listed(team, team.seats[label])] == [team.ids[label]]
        assert await listed(team, team.seats[label], participant_id=team.ids[other]) == []
    assert await listed(team, team.seats["Observer"]) == []
    await team.move("consensus")
    seen = await listed(team, team.seats["A"])
    assert [(vote["participant_id"], vote["value"], vote["comment"]) for vote in seen] == [
        (team.ids["A"], 2, f"{COMMENT} A"),
        (team.ids["B"], "dont_know", f"{COMMENT} B"),
    ]
    assert await listed(team, team.seats["B"]) == await listed(team, team.seats["Observer"]) == seen
    assert await listed(team, team.seats["B"], practice="P2") == []
    assert await listed(team, team.seats["B"], round=1, practice="P1", participant_id=team.ids["A"]) == seen[:1]
    for role in ("viewer", "respondent", "facilitator", "manager", "integrator", "admin"):
        key = await tenancy.key((role, tenancy.root_id))
        answer = await key.get(f"{team.path}/votes")
        # A bare respondent sees no organization at all.
        refused(answer, *((404, "not_found") if role == "respondent" else (403, "forbidden")))


async def test_readiness_names_no_respondent(team: Team, admin: Actor) -> None:
    await team.vote("A", "P1", 2)
    await team.seats["B"].put(place(team, "B"), {"value": 0, "comment": COMMENT})
    for state in ("collecting", "consensus"):
        for actor in (admin, team.seats["A"]):
            text = (await actor.get(f"{team.path}/readiness")).text
            assert COMMENT not in text
            assert not any(seat in text for seat in team.ids.values())
        if state == "collecting":
            await team.move("consensus")


#: Callers who may not know a value look at everything there is, with one value cast, and again with another.
HIDDEN: tuple[int | str, int | str] = (2, "not_applicable")


async def everything(team: Team, actor: Actor) -> dict[str, tuple[int, bytes, str | None]]:
    """Return the answer of every GET route about this assessment: status, body, ETag."""
    known = {
        "assessment_id": team.assessment["id"],
        "organization_id": team.assessment["organization_id"],
        "implementation_id": team.assessment["implementation_id"],
        "participant_id": team.ids["A"],
        "practice": "P1",
    }
    found = {}
    await seal(team.tenancy)
    for template, operations in team.tenancy.app.openapi()["paths"].items():
        if "get" in operations and template.startswith("/v1/"):
            path = re.sub(r"{(\w+)}", lambda name: known.get(name[1], str(team.tenancy.tenant_id)), template)
            answer = await actor.get(path, headers={"X-Request-Id": "look"})
            # A place in the feed is encrypted anew each time.
            body = re.sub(rb'"next_after":"[^"]+"', b"", answer.content)
            found[template] = (answer.status_code, body, answer.headers.get("etag"))
    assert found["/v1/assessments/{assessment_id}/readiness"][0] == 200
    return found


async def onlookers(team: Team) -> dict[str, Actor]:
    """Everybody who can see the assessment, but the owner of the vote."""
    facilitator = await team.tenancy.key(("facilitator", team.tenancy.root_id))
    seats = {label: actor for label, actor in team.seats.items() if label != "A"}
    return {"admin": team.tenancy.admin, "facilitator": facilitator, **seats}


async def test_replacing_a_sealed_vote_changes_not_one_byte_for_anyone_else(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team.tenancy.app.state.app_state, "clock", lambda: NOW)
    assert (await team.vote("A", "P1", HIDDEN[0])).status_code == 201
    others = await onlookers(team)
    before = {who: await everything(team, actor) for who, actor in others.items()}
    assert (await team.vote("A", "P1", HIDDEN[1], **if_match("*"))).status_code == 200
    for who, actor in others.items():
        assert await everything(team, actor) == before[who]


_OF_ONE_TENANT = (
    r'"(?:input_hash|request_id)":"[\w-]+"|"next_cursor":"[^"]+"|Program [0-9a-f]{6}|\d{4}-\d\d-\d\dT[0-9:.]+Z'
)


def comparable(found: dict[str, tuple[int, bytes, str | None]]) -> dict[str, tuple[int, str, str | None]]:
    """Return answers with ids replaced by their order of appearance, and without digests that contain ids."""
    order: dict[str, str] = {}

    def mask(text: str) -> str:
        return re.sub(
            r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            lambda match: order.setdefault(match[0], f"id-{len(order)}"),
            re.sub(_OF_ONE_TENANT, "", text),
        )

    return {
        path: (status, mask(body.decode()), tag and tag.partition(".")[0])
        for path, (status, body, tag) in found.items()
    }


async def test_nothing_before_the_close_depends_on_what_was_voted(
    tenancy: Tenancy, other_tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenancy.app.state.app_state, "clock", lambda: NOW)
    seen = []
    for at, (first, second) in zip((tenancy, other_tenancy), (HIDDEN, HIDDEN[::-1]), strict=True):
        team = await new_team(at)
        for label in ("A", "B"):
            await team.seat(label)
        await team.move("collecting")
        for practice in ("P1", "P2", "P3"):
            for label, value in (("A", first), ("B", second if practice == "P3" else first)):
                assert (await team.vote(label, practice, value)).status_code == 201
        await team.seat("Watching", seat="observer")
        await team.administration()
        views = {}
        for voided in (False, True):
            if voided:
                await team.move("void", "Because")
            for who, actor in (("admin", at.admin), ("observer", team.seats["Watching"])):
                views[who, voided] = comparable(await everything(team, actor))
        seen.append(views)
    for view, answers in seen[0].items():
        for path, answer in answers.items():
            assert answer == seen[1][view][path], (view, path)


async def test_the_tag_of_sealed_readiness_keeps_still_while_the_counts_move(team: Team, admin: Actor) -> None:
    async def look() -> tuple[str, int, int, str]:
        answer = await admin.get(f"{team.path}/readiness", params={"as_of": "2026-10-05"})
        voting = answer.json()["voting"]
        return answer.headers["etag"], voting["voted"], voting["practices"][0]["voted"], answer.json()["input_hash"]

    tag, *nothing, digest = await look()
    assert nothing == [0, 0]
    first = await team.vote("A", "P1", 2)
    assert await look() == (tag, 1, 1, digest)
    assert (await team.vote("A", "P1", 0, **if_match(first))).status_code == 200
    assert await look() == (tag, 1, 1, digest)
    assert (await team.vote("B", "P1", 1)).status_code == 201
    assert await look() == (tag, 2, 2, digest)
    assert (await team.vote("B", "P2", 1)).status_code == 201
    assert await look() == (tag, 2, 2, digest)
    await team.move("consensus")
    revealed = await look()
    assert revealed[0] != tag
    assert revealed[3] != digest


async def test_what_is_void_before_the_close_stays_sealed_for_good(team: Team, admin: Actor) -> None:
    assert (await team.vote("A", "P1", 2)).status_code == 201
    await team.move("void", "Because")
    given = await team.readiness()
    assert (given["sealed"], given["reason"], given["voting"]["voted"]) == (True, "votes_sealed", 1)
    assert given["practices"][0]["votes"] is None
    assert await listed(team, team.seats["B"]) == []
    assert [vote["value"] for vote in await listed(team, team.seats["A"])] == [2]
    body = {"assessment_id": team.assessment["id"], "practices": ["P1"]}
    refused(await admin.post("/v1/action-items", body), 409, "assessment_void")


async def test_a_second_round_is_sealed_and_the_first_stays_seen(team: Team, admin: Actor) -> None:
    for label in ("A", "B"):
        for practice in ("P1", "P2"):
            assert (await team.vote(label, practice, 2)).status_code == 201
    await team.move("consensus")
    first = await listed(team, team.seats["Observer"])
    assert await counted(team) == {"P1": [0, 0, 2, 0, 0], "P2": [0, 0, 2, 0, 0]}
    await team.move("collecting", "P1 again")
    given = await team.readiness()
    assert (given["sealed"], given["voting"]["voted"], given["reason"]) == (True, 0, "votes_sealed")
    again = await team.vote("A", "P1", 0)
    assert (again.status_code, again.json()["round"], again.json()["version"]) == (201, 2, 1)
    assert await listed(team, team.seats["B"]) == first
    assert await listed(team, team.seats["A"]) == [*first, again.json()]
    assert (await team.readiness())["voting"]["practices"][0]["voted"] == 1
    await team.move("consensus")
    # Of each seat the latest vote counts: only what A cast again has changed.
    assert await counted(team) == {"P1": [1, 0, 1, 0, 0], "P2": [0, 0, 2, 0, 0]}
    assert await listed(team, team.seats["B"]) == [*first, again.json()]
    assert await listed(team, team.seats["B"], round=2) == [again.json()]
    await team.move("collecting", "Once more")
    assert (await team.vote("B", "P1", 1)).json()["round"] == 3
    await team.move("void", "Wrong program")
    given = await team.readiness()
    assert (given["sealed"], given["readiness"]) == (True, None)
    assert await listed(team, team.seats["A"]) == [*first, again.json()]


async def voting(team: Team) -> tuple[int, int]:
    """Return how many are invited, and how many of them have voted."""
    given = (await team.readiness())["voting"]
    return given["invited"], given["voted"]


async def test_the_counts_keep_a_withdrawn_seat_until_the_close(team: Team) -> None:
    await team.seat("C")
    for label in ("A", "C"):
        assert (await team.vote(label, "P1", 1)).status_code == 201
    assert await voting(team) == (3, 2)
    await team.withdraw("B")
    await team.withdraw("C")
    assert await voting(team) == (3, 2)
    await team.move("consensus")
    assert (await voting(team), await counted(team)) == ((1, 1), {"P1": [0, 1, 0, 0, 0]})


async def test_a_seat_withdrawn_before_its_first_close_is_not_revealed(team: Team) -> None:
    for label in ("A", "B"):
        assert (await team.vote(label, "P1", 1)).status_code == 201
    await team.withdraw("B")
    refused(await team.vote("B", "P2", 1), 401, "token_revoked")
    await team.move("consensus")
    assert [vote["participant_id"] for vote in await listed(team, team.seats["Observer"])] == [team.ids["A"]]


@pytest.mark.parametrize("state", ["consensus", "collecting"])
async def test_what_a_close_has_counted_stays_counted(team: Team, state: str) -> None:
    await team.seat("C")
    for label, value in (("A", 0), ("B", 1), ("C", 2)):
        assert (await team.vote(label, "P1", value)).status_code == 201
    await team.move("consensus")
    before = await voting(team), await counted(team), await listed(team, team.seats["Observer"])
    if state == "collecting":
        await team.move("collecting", "Again")
    await team.withdraw("B")
    if state == "collecting":
        await team.move("consensus")
    assert (await voting(team), await counted(team), await listed(team, team.seats["Observer"])) == before


async def test_a_seat_withdrawn_in_a_later_round_keeps_its_revealed_vote_only(team: Team) -> None:
    for label in ("A", "B"):
        assert (await team.vote(label, "P1", 0)).status_code == 201
    await team.move("consensus")
    await team.move("collecting", "Again")
    assert (await team.vote("B", "P1", 2)).status_code == 201
    await team.withdraw("B")
    await team.move("consensus")
    assert await counted(team) == {"P1": [2, 0, 0, 0, 0]}


async def test_who_was_withdrawn_before_a_round_is_not_asked_in_it(team: Team) -> None:
    assert (await team.vote("A", "P1", 0)).status_code == 201
    await team.move("consensus")
    await team.withdraw("B")
    assert await voting(team) == (2, 1)
    await team.move("collecting", "Again")
    assert await voting(team) == (1, 0)


async def test_one_corrected_vote_keeps_the_other_four(tenancy: Tenancy) -> None:
    team = await new_team(tenancy)
    votes = [0, 1, 1, 2, 2]
    await team.vote_all({f"Seat {at}": [value] * 9 for at, value in enumerate(votes)})
    await team.move("consensus")
    await team.move("collecting", "Seat 0 misread P4")
    assert (await team.vote("Seat 0", "P4", 2)).status_code == 201
    await team.move("consensus")
    found = await counted(team)
    assert found.pop("P4") == [0, 2, 3, 0, 0]
    assert set(map(tuple, found.values())) == {(1, 2, 2, 0, 0)}
    practices = {one["code"]: one for one in (await team.readiness())["practices"]}
    assert (practices["P4"]["score"], practices["P3"]["score"]) == (2, 1)


async def test_rounds_reopened_without_a_vote_change_no_figure(tenancy: Tenancy) -> None:
    team = await new_team(tenancy)
    await team.vote_all({"A": [0] * 9, "B": [1] * 9, "C": [2, 2, 2, "dont_know", 2, 2, 2, 2, "not_applicable"]})
    await team.move("consensus")
    before = await team.readiness()
    for _ in range(3):
        await team.move("collecting", "Again")
        await team.move("consensus")
    assert await team.readiness() == before


async def test_whether_a_withdrawal_or_the_close_came_first_is_decided_by_which_waited(
    team: Team, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clock(seconds: int) -> None:
        monkeypatch.setattr(team.tenancy.app.state.app_state, "clock", lambda: NOW + timedelta(seconds=seconds))

    for label in ("A", "B"):
        assert (await team.vote(label, "P1", 1)).status_code == 201
    # The close was asked for first, and waited for the withdrawal to be done.
    clock(2)
    assert (await admin.delete(f"{team.path}/participants/{team.ids['B']}")).status_code == 204
    clock(1)
    await team.move("consensus")
    assert await counted(team) == {"P1": [0, 1, 0, 0, 0]}
    # The withdrawal was asked for first, and waited for the close.
    clock(0)
    assert (await admin.delete(f"{team.path}/participants/{team.ids['A']}")).status_code == 204
    assert await counted(team) == {"P1": [0, 1, 0, 0, 0]}


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
