"""Votes that meet the deletion of their assessment, or its organization's move out of reach."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from uuid import UUID

import httpx

from tests.assessments.test_ends import of_one_mind, whole
from tests.support.actors import Actor
from tests.support.answers import outcome
from tests.support.replicas import ROUNDS, Meeting
from tests.support.report import report
from tests.support.team import PRACTICES, Team, new_team

VOTES = "select practice from votes where tenant_id = $1 and assessment_id = $2 order by practice"


async def cast(actor: Actor, team: Team, label: str, practices: Iterable[str]) -> list[httpx.Response]:
    """Cast a seat's votes, one after the other."""
    path = f"{team.path}/votes/{team.ids[label]}"
    return [await actor.put(f"{path}/{practice}", {"value": 2}) for practice in practices]


async def delete(admin: Actor, team: Team) -> list[httpx.Response]:
    """End an assessment and delete it."""
    return [await admin.move(team.path, "void", reason="So"), await admin.delete(team.path)]


async def move(admin: Actor, organization_id: str, parent_id: str) -> list[httpx.Response]:
    """Move an organization, in the midst of what else is going on."""
    await asyncio.sleep(0.02)
    path = f"/v1/organizations/{organization_id}/move"
    return [await admin.post(path, {"parent_id": parent_id}, headers={"If-Match": "*"})]


async def test_votes_meet_the_deletion_of_their_assessment(meeting: Meeting) -> None:
    """Nothing of a deleted assessment stays, even if votes were cast during the deletion."""
    outcomes = Counter[tuple[int, str | None]]()
    refused = {(409, "voting_closed"), (423, "frozen"), (401, "unauthorized"), (404, "not_found")}
    for turn in range(ROUNDS):
        team = await of_one_mind(meeting)
        one, other = meeting.both(team.seats["Late"])
        first, second, ended = await asyncio.gather(
            cast(one, team, "Late", PRACTICES[:5]),
            cast(other, team, "Late", PRACTICES[5:]),
            delete(meeting.admins[turn % 2], team),
        )
        meeting.answers += [*first, *second, *ended]
        assert [outcome(answer) for answer in ended] == [(200, None), (204, None)]
        assert {outcome(vote) for vote in first + second} <= {(201, None), *refused}
        assert not any((await whole(meeting, team.assessment["id"])).values())
        outcomes.update(outcome(vote) for vote in first + second)
    report(outcomes)


async def test_paper_votes_meet_the_move_out_of_their_facilitators_reach(meeting: Meeting) -> None:
    """Who runs what lies below one region enters votes until the move, and none after it."""
    outcomes = Counter[tuple[int, str | None]]()
    here, there = [(await meeting.tenancy.organization(kind="region"))["id"] for _ in range(2)]
    one, other = meeting.both(await meeting.tenancy.key(("facilitator", here)))
    for turn in range(ROUNDS):
        site = (await meeting.tenancy.organization(here))["id"]
        team = await new_team(meeting.tenancy, site)
        await team.paper("A")
        await team.move("collecting")
        first, second, moved = await asyncio.gather(
            cast(one, team, "A", PRACTICES[:5]),
            cast(other, team, "A", PRACTICES[5:]),
            move(meeting.admins[turn % 2], site, there),
        )
        meeting.answers += [*first, *second, *moved]
        assert [outcome(answer) for answer in moved] == [(200, None)]
        assert {outcome(vote) for vote in first + second} <= {(201, None), (404, "not_found")}
        entered = [code for code, vote in zip(PRACTICES, first + second, strict=True) if vote.is_success]
        assert [code for (code,) in await meeting.fetch(VOTES, UUID(team.assessment["id"]))] == entered
        late = await cast(one, team, "A", ["P1"]) + await cast(other, team, "A", ["P9"])
        meeting.answers += late
        assert {outcome(vote) for vote in late} == {(404, "not_found")}
        outcomes.update(outcome(vote) for vote in first + second)
    report(outcomes)
