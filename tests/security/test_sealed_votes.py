"""Sealed means sealed, over every operation: no key and no other seat opens or replaces a vote, in any state.

`tests/assessments/votes/test_sealed_matrix.py` compares a team whose seat has voted with one whose seat has not. Here
each operation of the service is called about one assessment, and the hidden seat's comment must not come back.
"""

from typing import Any

import httpx
import pytest

from app.access.operations import OPERATIONS
from app.principal import Role
from tests.support.actors import Actor, Tenancy
from tests.support.calls import CALLS
from tests.support.places import MISSING, Place
from tests.support.report import report
from tests.support.team import PRACTICES, Team, new_team

MARK = "only-the-hidden-seat-wrote-this"
REFUSED = {401, 403, 404, 409}
STATES = ["collecting", "consensus", "final"]
#: These compute or claim: they have no dry run.
WITHOUT_REHEARSAL = {"computeReadiness", "claimSeat"}
CONDITIONS: list[dict[str, str]] = [{}, {"If-Match": "*"}, {"If-Match": '"1.0"'}, {"If-None-Match": "*"}]


async def team_in(tenancy: Tenancy, state: str) -> Team:
    """Make a team whose hidden seat has voted with a comment, in a state."""
    team = await new_team(tenancy)
    for label in ("Hidden", "A", "B"):
        await team.seat(label)
    await team.seat("Observer", seat="observer")
    await team.seat("Withdrawn")
    await team.withdraw("Withdrawn")
    await team.move("collecting")
    for label in ("Hidden", "A", "B"):
        for practice in PRACTICES if state == "final" else PRACTICES[:1]:
            body = {"value": 2, **({"comment": MARK} if label == "Hidden" else {})}
            answer = await team.seats[label].put(f"{team.path}/votes/{team.ids[label]}/{practice}", body)
            assert answer.status_code == 201
    if state != "collecting":
        await team.move("consensus")
    # Invited again after the reveal: the new holder was not there.
    await team.reseat("B")
    if state == "final":
        await team.administration()
        await team.move("final")
    return team


async def callers(team: Team) -> dict[str, Actor]:
    """Return a key of each role, each seat but the hidden one, and a seat of another assessment."""
    keys = {role.value: await team.tenancy.key((role, team.tenancy.root_id)) for role in Role}
    stranger = await (await new_team(team.tenancy)).seat("Stranger")
    others = {label: actor for label, actor in team.seats.items() if label != "Hidden"}
    return {**keys, **others, "Stranger": stranger}


def place(team: Team) -> Place:
    """Return where the operations aim: the hidden seat is the one to vote for, to read and to invite to."""
    return Place(
        organization=team.tenancy.root_id,
        implementation=team.assessment["implementation_id"],
        assessment=team.assessment["id"],
        participant=team.ids["Hidden"],
        paper_participant=team.ids["Hidden"],
    )


async def call_everything(team: Team, actor: Actor) -> dict[str, httpx.Response]:
    """Call each operation; what would change something is a dry run."""
    shared = {"root_program": MISSING, "scoring_profile": MISSING, "spare_participant": team.ids["Hidden"]}
    found = {}
    for operation in OPERATIONS:
        method, path, body = CALLS[operation](place(team), shared)
        params = {} if method == "GET" or operation in WITHOUT_REHEARSAL else {"dry_run": "true"}
        answer = await actor.call(method, path, params=params, json=body, headers={"If-Match": "*"})
        assert answer.status_code < 500, (operation, answer.text)
        found[operation] = answer
    return found


async def stored_vote(team: Team) -> dict[str, Any]:
    """Return the hidden seat's first vote, as its holder sees it."""
    votes = await team.seats["Hidden"].items(f"{team.path}/votes", practice="P1")
    [own] = [vote for vote in votes if vote["participant_id"] == team.ids["Hidden"]]
    return own


async def try_to_replace(team: Team, actor: Actor) -> set[int]:
    """Send votes for the hidden seat in every way. Return the statuses."""
    path = f"{team.path}/votes"
    ballot = {"participant_id": team.ids["Hidden"], "practice": "P1", "value": 0}
    answers = [
        await actor.put(f"{path}/{team.ids['Hidden']}/P1", {"value": 0}, headers=headers) for headers in CONDITIONS
    ]
    for vote in (ballot, {**ballot, "version": 1}):
        answers.append(await actor.call("PATCH", path, json={"votes": [vote]}))
    return {answer.status_code for answer in answers}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("state", STATES)
async def test_no_operation_shows_a_key_what_a_seat_has_written(tenancy: Tenancy, role: Role, state: str) -> None:
    team = await team_in(tenancy, state)
    answers = await call_everything(team, await tenancy.key((role, tenancy.root_id)))
    assert [operation for operation, answer in answers.items() if MARK in answer.text] == []
    assert answers["listVotes"].status_code == (404 if role is Role.RESPONDENT else 403)
    report(f"{len(answers)} operations as {role} while {state}")


@pytest.mark.parametrize(
    ("state", "label"),
    [
        *(("collecting", label) for label in ("A", "B", "Observer", "Withdrawn")),
        *((state, label) for state in ("consensus", "final") for label in ("B", "Withdrawn")),
    ],
)
async def test_no_operation_shows_a_seat_what_another_has_written(tenancy: Tenancy, state: str, label: str) -> None:
    team = await team_in(tenancy, state)
    answers = await call_everything(team, team.seats[label])
    assert [operation for operation, answer in answers.items() if MARK in answer.text] == []


@pytest.mark.parametrize("state", STATES)
async def test_a_seat_of_another_assessment_opens_nothing(tenancy: Tenancy, state: str) -> None:
    team, other = await team_in(tenancy, state), await new_team(tenancy)
    answers = await call_everything(team, await other.seat("Stranger"))
    about = {name: answer for name, answer in answers.items() if team.path in str(answer.request.url)}
    assert {answer.status_code for answer in about.values()} == {404}
    assert [name for name, answer in answers.items() if MARK in answer.text] == []


@pytest.mark.parametrize("state", STATES)
async def test_nobody_replaces_the_vote_of_another(tenancy: Tenancy, state: str) -> None:
    team = await team_in(tenancy, state)
    before = await stored_vote(team)
    tried = {who: await try_to_replace(team, actor) for who, actor in (await callers(team)).items()}
    assert {who: statuses for who, statuses in tried.items() if not statuses <= REFUSED} == {}
    assert len(tried) == 11
    assert await stored_vote(team) == before
