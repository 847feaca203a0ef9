"""Assessments that are brought to a state of their course."""

from typing import Any

from tests.support.actors import Actor, Tenancy
from tests.support.team import PRACTICES, Team

STATES = ["draft", "collecting", "consensus", "final", "void"]


WAY = {
    "draft": [],
    "collecting": ["collecting"],
    "consensus": ["collecting", "consensus"],
    "final": ["collecting", "consensus", "final"],
    "void": ["collecting", "void"],
}


async def drafted(tenancy: Tenancy, implementation: dict[str, Any], **fields: Any) -> Team:
    """Make a further assessment of the same implementation."""
    body = {"implementation_id": implementation["id"], "title": "Baseline", **fields}
    return Team(tenancy, await tenancy.admin.made("/v1/assessments", body))


async def brought_to(team: Team, state: str) -> Team:
    """Take the assessment to this state the usual way. In consensus it lacks nothing to be final."""
    for to in WAY[state]:
        if to == "final":
            await made_finishable(team)
        await team.move(to, "Because")
    return team


async def made_finishable(team: Team) -> None:
    for practice in PRACTICES:
        assert (await team.consensus(practice, 1, "From the paper record.")).status_code == 201
    await team.administration()


async def listed(actor: Actor, teams: list[Team], **params: Any) -> list[int]:
    """List assessments, and return the places of the listed ones among these, from 1."""
    numbers = {team.assessment["id"]: number for number, team in enumerate(teams, 1)}
    return [numbers[item["id"]] for item in await actor.items("/v1/assessments", **params)]
