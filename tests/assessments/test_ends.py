"""Whatever meets the end of an assessment is part of it, or refused; nothing lands behind it."""

from collections import Counter
from typing import Any
from uuid import UUID

import httpx

from tests.support.answers import outcome
from tests.support.replicas import ROUNDS, Meeting
from tests.support.report import report
from tests.support.team import PRACTICES, Team, new_team

_PARTS = {
    "assessments": "id",
    "participants": "assessment_id",
    "votes": "assessment_id",
    "consensus": "assessment_id",
    "practice_ratings": "assessment_id",
    "administration_records": "assessment_id",
    "assessment_changes": "assessment_id",
}


async def whole(meeting: Meeting, assessment_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of an assessment."""
    return {
        table: await meeting.fetch(
            f"select t::text from {table} t where tenant_id = $1 and {column} = $2 order by id",
            UUID(assessment_id),
        )
        for table, column in _PARTS.items()
    }


async def of_one_mind(meeting: Meeting) -> Team:
    """Make a team whose votes need no consensus, with one seat that has not voted yet."""
    team = await new_team(meeting.tenancy)
    for label in ("A", "B", "Late"):
        await team.seat(label)
    await team.move("collecting")
    for label in ("A", "B"):
        assert (await team.seats[label].call("PATCH", f"{team.path}/votes", json=ballot(team, label, 1))).is_success
    await team.administration()
    return team


def ballot(team: Team, label: str, value: int) -> dict[str, Any]:
    """Return one seat's votes on everything."""
    seat = {"participant_id": team.ids[label], "value": value}
    return {"votes": [{"practice": practice, **seat} for practice in PRACTICES]}


class End:
    """Ends an assessment and looks at its rows at once."""

    def __init__(self, meeting: Meeting, team: Team, *moves: str) -> None:
        self.meeting, self.team, self.moves = meeting, team, moves
        self.rows: dict[str, list[tuple[Any, ...]]] = {}

    async def __call__(self) -> httpx.Response:
        admin = self.meeting.admins[1]
        for to in self.moves:
            answer = await admin.move(self.team.path, to, reason="So")
        if answer.is_success:
            self.rows = await whole(self.meeting, self.team.assessment["id"])
        return answer

    async def check(self) -> None:
        """Where it has ended nothing came after it."""
        assert await whole(self.meeting, self.team.assessment["id"]) == self.rows


async def test_a_vote_meets_the_close_and_the_end(meeting: Meeting) -> None:
    """A vote that is counted departs from the others, and so forbids the end that did not wait for it."""
    outcomes = Counter[int]()
    for _ in range(ROUNDS):
        team = await of_one_mind(meeting)
        end = End(meeting, team, "consensus", "final")
        late = meeting.both(team.seats["Late"])
        path = f"{team.path}/votes/{team.ids['Late']}"
        vote, other, ended = await meeting.at_once(
            late[0].put(f"{path}/P1", {"value": 2}), late[1].put(f"{path}/P2", {"value": 0}), end()
        )
        cast = {answer.status_code == 201 for answer in (vote, other)}
        assert {outcome(vote), outcome(other)} <= {(201, None), (409, "voting_closed")}
        assert outcome(ended) == ((409, "provisional_practice") if True in cast else (200, None))
        if ended.is_success:
            await end.check()
        outcomes[ended.status_code] += 1
    report(outcomes)


async def test_every_change_meets_the_end(meeting: Meeting) -> None:
    """Titles, seats, ratings, consensus and the record of how it was run."""
    for _ in range(ROUNDS):
        team = await of_one_mind(meeting)
        await team.move("consensus")
        end = End(meeting, team, "final")
        one, other = meeting.admins
        star = {"If-Match": "*"}
        record = {"roles_present": [], "evidence_reviewed": False}
        *changes, ended = await meeting.at_once(
            one.patch(team.path, {"title": "Late"}),
            other.post(f"{team.path}/participants", {"seat": "observer", "label": "Late"}),
            one.delete(f"{team.path}/participants/{team.ids['Late']}"),
            other.put(f"{team.path}/practices/P1", {"importance": 5}),
            one.put(f"{team.path}/consensus/P2", {"value": 2, "note": "Late"}),
            other.put(f"{team.path}/administration", record, headers=star),
            end(),
        )
        assert outcome(ended) == (200, None)
        assert {outcome(answer) for answer in changes if not answer.is_success} <= {(423, "frozen")}
        await end.check()


async def test_an_end_that_meets_the_way_back(meeting: Meeting) -> None:
    """Of final, void and another round, from one version, one comes."""
    for _ in range(ROUNDS):
        team = await of_one_mind(meeting)
        await team.move("consensus")
        tag = (await meeting.tenancy.admin.get(team.path)).headers["etag"]
        answers = await meeting.at_once(
            *(
                meeting.admins[at % 2].move(team.path, to, reason="So", if_match=tag)
                for at, to in enumerate(("final", "void", "collecting", "final"))
            )
        )
        assert sorted(outcome(answer) for answer in answers) == [(200, None)] + [(412, "precondition_failed")] * 3
        (winner,) = [answer.json() for answer in answers if answer.is_success]
        query = "select state, version, round from assessments where tenant_id = $1 and id = $2"
        stored = await meeting.fetch(query, UUID(winner["id"]))
        assert stored == [(winner["state"], winner["version"], 2 if winner["state"] == "collecting" else 1)]


async def test_a_whole_ballot_meets_single_votes_and_a_withdrawal(meeting: Meeting) -> None:
    """A ballot is stored whole or not at all, whichever request it meets."""
    team = await new_team(meeting.tenancy)
    await team.move("collecting")
    for turn in range(ROUNDS):
        label = f"Seat {turn}"
        seat = meeting.both(await team.seat(label))
        stack, vote, gone = await meeting.at_once(
            seat[0].call("PATCH", f"{team.path}/votes", json=ballot(team, label, 2)),
            seat[1].put(f"{team.path}/votes/{team.ids[label]}/P5", {"value": 0}),
            meeting.admins[turn % 2].delete(f"{team.path}/participants/{team.ids[label]}"),
        )
        assert outcome(gone) == (204, None)
        assert {outcome(stack), outcome(vote)} <= {
            (200, None),
            (201, None),
            (409, "vote_exists"),
            (409, "seat_withdrawn"),
            (401, "token_revoked"),
        }
        query = "select value from votes where tenant_id = $1 and participant_id = $2"
        stored = [value for (value,) in await meeting.fetch(query, UUID(team.ids[label]))]
        assert stored == (["2"] * 9 if stack.is_success else ["0"] if vote.is_success else [])
