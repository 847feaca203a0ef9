"""What an archived organization and an ended implementation refuse and allow: the published table, over HTTP.

Every request is a rehearsal (`dry_run`), so that one scene serves all of them.
"""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.access.operations import OPERATIONS
from app.tree.archived import REFUSED, RULES, RULES_WHEN_ENDED, rules_table
from tests.support.actors import Actor, Tenancy, new_tenancy
from tests.support.places import Place, furnish
from tests.support.team import Team, new_team
from tests.support.tools import ROOT

#: Operations that change nothing in an organization.
ELSEWHERE = {
    "createCalendarFeed",
    "deleteCalendarFeed",
    "downloadCalendar",
    "createExport",
    "deleteExport",
    "downloadExport",
    "exportList",
    "createScoringProfile",
    "computeReadiness",
    "cancelJob",
    "exportPerson",
    "createScimGroupMapping",
    "createScimToken",
    "deleteScimGroupMapping",
    "revokeScimToken",
}
Call = tuple[str, str, Any]


@dataclass
class Scene:
    """A county below a region, with one of each thing and assessments in the states that matter."""

    tenancy: Tenancy
    region: str
    county: str
    outside: str
    state_program: str
    place: Place
    draft: Team
    collecting: Team
    consensus: Team
    final: Team

    def teams(self) -> list[Team]:
        return [self.draft, self.collecting, self.consensus, self.final]


@pytest.fixture(scope="module")
async def scene(owner: AsyncEngine, app: FastAPI) -> Scene:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    http = httpx.AsyncClient(transport=transport, base_url="http://test")
    tenancy = await new_tenancy(owner, app, http)
    region, outside = await tenancy.organization(), await tenancy.organization()
    county = (await tenancy.organization(region["id"]))["id"]
    program = await tenancy.admin.made("/v1/programs", {"organization_id": tenancy.root_id, "name": "Visits"})
    teams = [await new_team(tenancy, county) for _ in range(4)]
    for team in teams[1:]:
        await team.vote_all({f"Seat {number}": [1] * 9 for number in range(3)})
    for team in teams[2:]:
        await team.move("consensus")
    for practice in range(1, 10):
        await teams[3].consensus(f"P{practice}", 1)
    await teams[3].administration()
    await teams[3].move("final")
    place = await furnish(tenancy, county)
    return Scene(tenancy, region["id"], county, outside["id"], program["id"], place, *teams)


def calls(scene: Scene) -> dict[str, Call]:
    """Return a request for each line of the table."""
    place, county = scene.place, scene.county
    item, use = f"/v1/action-items/{place.action_item}", f"/v1/implementations/{place.implementation}"
    organization, program = f"/v1/organizations/{county}", f"/v1/programs/{place.program}"
    draft, running, closed, final = [team.path for team in scene.teams()]
    seat = f"{running}/participants/{scene.collecting.ids['Seat 0']}"
    fields = {"kind": "team", "name": "New"}
    new_item = {"organization_id": county, "title": "T", "practices": []}
    principal, key, grant = place.principal, place.api_key, place.role_grant
    return {
        "createApiKey": ("POST", "/v1/api-keys", {"organization_id": county, "role": "viewer", "name": "New"}),
        "rotateApiKey": ("POST", f"/v1/api-keys/{key}/rotation", {}),
        "adoptApiKey": ("POST", f"/v1/api-keys/{key}/adoption", None),
        "revokeApiKey": ("DELETE", f"/v1/api-keys/{key}", None),
        "createRoleGrant": (
            "POST",
            "/v1/role-grants",
            {"principal_id": principal, "role": "viewer", "organization_id": county},
        ),
        "updateRoleGrant": ("PATCH", f"/v1/role-grants/{grant}", {"ends_at": None}),
        "deleteRoleGrant": ("DELETE", f"/v1/role-grants/{grant}", None),
        "createPrincipal": (
            "POST",
            "/v1/principals",
            {"kind": "machine", "name": "New", "organization_id": county},
        ),
        "updatePrincipal": ("PATCH", f"/v1/principals/{principal}", {"name": "New"}),
        "transitionPrincipal": ("POST", f"/v1/principals/{principal}/transitions", {"to": "deactivated"}),
        "createPrincipalKey": ("POST", f"/v1/principals/{principal}/api-keys", {"name": "New"}),
        "createOrganization": ("POST", "/v1/organizations", {"parent_id": county, **fields}),
        "updateOrganization": ("PATCH", organization, {"name": "New"}),
        "transitionOrganization": ("POST", f"{organization}/transitions", {"to": "archived"}),
        "moveOrganization: out of it": ("POST", f"{organization}/move", {"parent_id": scene.outside}),
        "moveOrganization: below it": ("POST", f"/v1/organizations/{scene.outside}/move", {"parent_id": county}),
        "upsertOrganization: create below it": (
            "PUT",
            "/v1/organizations/by-external-id/hr/new",
            {"parent_id": county, **fields},
        ),
        "createProgram": ("POST", "/v1/programs", {"organization_id": county, "name": "New"}),
        "updateProgram": ("PATCH", program, {"name": "New"}),
        "handOverProgram: from it": ("POST", f"{program}/hand-over", {"organization_id": scene.tenancy.root_id}),
        "handOverProgram: to it": ("POST", f"{program}/hand-over", {"organization_id": scene.region}),
        "createImplementation": (
            "POST",
            "/v1/implementations",
            {"organization_id": county, "program_id": scene.state_program},
        ),
        "transitionImplementation: to a stage": ("POST", f"{use}/transitions", {"to": "installation", "reason": "R"}),
        "transitionImplementation: end": ("POST", f"{use}/transitions", {"to": "ended", "reason": "R"}),
        "createPerson": ("POST", "/v1/people", {"organization_id": county, "name": "New"}),
        "updatePerson": ("PATCH", f"/v1/people/{place.person}", {"name": "New"}),
        "upsertPerson: create": (
            "PUT",
            "/v1/people/by-external-id/hr/new",
            {"organization_id": county, "name": "New"},
        ),
        "deletePerson": ("DELETE", f"/v1/people/{place.person}", None),
        "erasePerson": ("POST", f"/v1/people/{place.person}/erasure", None),
        "createAssessment": (
            "POST",
            "/v1/assessments",
            {"implementation_id": place.implementation, "title": "New"},
        ),
        "updateAssessment": ("PATCH", running, {"title": "New"}),
        "deleteAssessment": ("DELETE", draft, None),
        "transitionAssessment: open": ("POST", f"{draft}/transitions", {"to": "collecting"}),
        "transitionAssessment: close": ("POST", f"{running}/transitions", {"to": "consensus"}),
        "transitionAssessment: reopen": ("POST", f"{closed}/transitions", {"to": "collecting", "reason": "R"}),
        "transitionAssessment: void": ("POST", f"{running}/transitions", {"to": "void", "reason": "R"}),
        "reviseAssessment": ("POST", f"{final}/revisions", {"reason": "R"}),
        "addParticipant": ("POST", f"{running}/participants", {"seat": "observer"}),
        "updateParticipant": ("PATCH", seat, {"label": "New"}),
        "withdrawParticipant": ("DELETE", seat, None),
        "recordConsensus": ("PUT", f"{closed}/consensus/P1", {"value": 1}),
        "ratePractice": ("PUT", f"{running}/practices/P1", {"importance": 1}),
        "createActionItem": ("POST", "/v1/action-items", new_item),
        "createActionItems": ("POST", "/v1/action-items/bulk", {"items": [new_item]}),
        "updateActionItem": ("PATCH", item, {"title": "New"}),
        "deleteActionItem": ("DELETE", item, None),
        "transitionActionItem: open or start": ("POST", f"{item}/transitions", {"to": "open"}),
        "transitionActionItem: block, finish, verify or dismiss": (
            "POST",
            f"{item}/transitions",
            {"to": "dismissed", "reason": "R"},
        ),
        "transitionActionItems: open or start": (
            "POST",
            "/v1/action-items/transitions",
            {"items": [{"id": place.action_item, "version": 1, "to": "open"}]},
        ),
        "addActionItemNote": ("POST", f"{item}/notes", {"text": "T"}),
    }


async def rehearse(actor: Actor, call: Call) -> tuple[int, str | None]:
    method, path, body = call
    headers = {} if method == "PUT" else {"If-Match": "*"}
    sent = {} if body is None else {"json": body}
    answer = await actor.call(method, f"{path}?dry_run=true", headers=headers, **sent)
    return answer.status_code, None if answer.is_success else answer.json()["code"]


def test_every_changing_operation_is_decided() -> None:
    changing = {name for name in OPERATIONS if not name.startswith(("get", "list", "verify"))}
    assert {rule.partition(":")[0] for rule in RULES} == changing - ELSEWHERE
    assert RULES_WHEN_ENDED.keys() - RULES.keys() == set()


def test_the_concepts_show_the_table() -> None:
    assert rules_table() in (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")


async def test_an_organization_below_an_archived_one_takes_what_the_table_allows(scene: Scene) -> None:
    admin, wrong = scene.tenancy.admin, []
    region = f"/v1/organizations/{scene.region}"
    before = {rule: await rehearse(admin, call) for rule, call in calls(scene).items()}
    assert {rule: answered for rule, answered in before.items() if answered[0] >= 300} == {}
    assert (await admin.move(region, "archived")).status_code == 200
    try:
        for rule, call in calls(scene).items():
            answered = await rehearse(admin, call)
            expected = (409, "organization_archived") if RULES[rule] is REFUSED else before[rule]
            if answered != expected:
                wrong.append((rule, answered, expected))
    finally:
        await admin.move(region, "active")
    assert wrong == []


async def test_an_ended_implementation_takes_what_the_table_allows(scene: Scene) -> None:
    admin, wrong = scene.tenancy.admin, []
    uses = {scene.place.implementation, *(team.assessment["implementation_id"] for team in scene.teams())}
    for use in uses:
        assert (await admin.move(f"/v1/implementations/{use}", "ended", reason="Replaced.")).status_code == 200
    try:
        for rule, call in calls(scene).items():
            if rule in RULES_WHEN_ENDED:
                answered = await rehearse(admin, call)
                expected = (409, "implementation_ended")
                if (answered == expected) != (RULES_WHEN_ENDED[rule] is REFUSED):
                    wrong.append((rule, answered))
    finally:
        for use in uses:
            assert (await admin.move(f"/v1/implementations/{use}", "resumed")).status_code == 200
    assert wrong == []


async def test_archival_is_inherited_and_shown(tenancy: Tenancy, admin: Actor) -> None:
    region = await tenancy.organization()
    county = await tenancy.organization(region["id"])
    team = await tenancy.organization(county["id"])

    async def shown(one: dict[str, Any]) -> tuple[str, str | None]:
        read = (await admin.get(f"/v1/organizations/{one['id']}")).json()
        return read["status"], read["archived_by_id"]

    await admin.move(f"/v1/organizations/{county['id']}", "archived")
    await admin.move(f"/v1/organizations/{region['id']}", "archived")
    assert await shown(region) == ("archived", region["id"])
    assert await shown(county) == ("archived", county["id"])
    assert await shown(team) == ("active", county["id"])
    await admin.move(f"/v1/organizations/{county['id']}", "active")
    assert await shown(team) == ("active", region["id"])
    await admin.move(f"/v1/organizations/{region['id']}", "active")
    assert await shown(team) == ("active", None)


async def test_what_moves_below_an_archived_branch_or_out_of_it_follows(tenancy: Tenancy, admin: Actor) -> None:
    region, outside = await tenancy.organization(), await tenancy.organization()
    team = await tenancy.organization((await tenancy.organization(region["id"]))["id"])
    await admin.move(f"/v1/organizations/{region['id']}", "archived")
    assert (await admin.get(f"/v1/organizations/{team['id']}")).json()["archived_by_id"] == region["id"]
    path = f"/v1/organizations/{team['id']}/move"
    moved = await admin.post(path, {"parent_id": outside["id"]}, headers={"If-Match": "*"})
    assert (moved.status_code, moved.json()["archived_by_id"]) == (200, None)
