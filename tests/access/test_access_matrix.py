"""Nobody is let in: every operation, by every kind of caller, at every place, against the published table.

The oracle is `app.access.operations.OPERATIONS` (published as ``x-required-role``) and the tree alone: a role counts
where it was granted and below; what is out of sight answers like what does not exist.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.access.operations import OPERATIONS
from app.principal import READERS, Role
from tests.support.actors import Actor, Tenancy, new_tenancy
from tests.support.calls import CALLS, carried
from tests.support.places import MISSING, Place, furnish
from tests.support.statements import record_statements

TREE = {"root": None, "own": "root", "child": "own", "sibling": "root"}
REFUSED = {401, 403, 404}


@dataclass
class Scene:
    """A tenant with one of each thing at every place of its tree, and another tenant with the same."""

    tenancy: Tenancy
    places: dict[str, Place]
    shared: dict[str, str]


COLLECTIONS = {
    "listOrganizations": "organization",
    "listPrograms": "program",
    "listImplementations": "implementation",
    "listPeople": "person",
    "listAssessments": "assessment",
    "listActionItems": "action_item",
    "listWebhooks": "webhook",
    "listCalendarFeeds": "calendar_feed",
    "listMetrics": "metric",
    "listConnectors": "connector",
    "listJobs": "job",
    "listApiKeys": "api_key",
    "listRoleGrants": "role_grant",
    "listPrincipals": "principal",
}
# Of these the caller gets what is visible. Other tests say what that is.
SCOPED = {"listEvents", "listAuditEvents"}
# What belongs to the whole tenant takes the role at its root.
TENANT_WIDE = {
    "createScoringProfile": "root",
    "verifyAuditEvents": "root",
    "listScimTokens": "root",
    "createScimToken": "root",
    "getScimToken": "root",
    "revokeScimToken": "root",
    "listScimGroupMappings": "root",
    "createScimGroupMapping": "root",
    "getScimGroupMapping": "root",
    "deleteScimGroupMapping": "root",
}
# What reaches beyond the place of its object takes the role at the root too.
AT_ROOT = {"erasePerson", "exportPerson"}
# What only the caller that created it may see, wherever that is.
OWN_ONLY = {"getExport", "downloadExport", "deleteExport"}
# What takes roles that are stored, which a seat has not.
STORED_ROLES = {"createExport"}
CREATED_BY_REFERENCE = {
    "createAssessment",
    "recordMetrics",
    "recordMetricsFromCsv",
    "upsertOrganization",
    "upsertPerson",
}
READING = {name for name in OPERATIONS if name.startswith(("get", "list"))} - {"listVotes"}
# What every reader of the place may read; the rest takes the role that changes it.
READ_BY_ALL = {name for name in READING if OPERATIONS[name].anyone or OPERATIONS[name].roles >= READERS}
# The owner's programs are offered to everybody below: in sight from there, though not to be changed.
OFFERED_BELOW = {"getProgram", "updateProgram", "handOverProgram", "deleteProgram", "listPrograms"}


@pytest.fixture(scope="module")
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


@pytest.fixture(scope="module")
async def scene(owner: AsyncEngine, app: FastAPI, client: httpx.AsyncClient) -> Scene:
    tenancy, foreign = await new_tenancy(owner, app, client), await new_tenancy(owner, app, client)
    places: dict[str, Place] = {}
    for name, parent in TREE.items():
        organization = (await tenancy.organization(places[parent].organization))["id"] if parent else tenancy.root_id
        places[name] = await furnish(tenancy, organization)
        # An integrator may only within what is linked to an external source.
        link = {"external_ids": [{"source": "matrix", "external_id": f"link {name}"}]}
        assert (await tenancy.admin.patch(f"/v1/organizations/{organization}", link)).status_code == 200
    places["foreign"] = await furnish(foreign, foreign.root_id)
    places["missing"] = Place(MISSING)
    for place in places.values():
        place.scim_token = places["root"].scim_token
        place.scim_group_mapping = places["root"].scim_group_mapping
    profile = (await tenancy.admin.get("/v1/scoring-profiles")).json()["items"][0]["id"]
    shared = {
        "root_program": places["root"].program,
        "scoring_profile": profile,
        "spare_participant": MISSING,
    }
    return Scene(tenancy, places, shared)


def above(place: str) -> set[str]:
    """Return a place and its ancestors."""
    found, at = {place}, TREE.get(place)
    while at:
        found.add(at)
        at = TREE[at]
    return found


async def send(actor: Actor, scene: Scene, operation: str, place: str) -> httpx.Response:
    at = scene.places[place]
    # Inviting again and revoking aim at a missing seat: who may try gets past the guard, and no further.
    method, path, body = CALLS[operation](at, scene.shared)
    return await actor.call(method, path, **carried(body))


def alike(answer: httpx.Response) -> dict[str, Any]:
    return {**answer.json(), "request_id": "", "instance": ""}


def test_every_operation_is_in_the_matrix() -> None:
    assert set(CALLS) == set(OPERATIONS)


@pytest.mark.parametrize("granted", list(TREE))
@pytest.mark.parametrize("role", list(Role))
async def test_a_role_counts_where_it_was_granted_and_below(scene: Scene, role: Role, granted: str) -> None:
    actor = await scene.tenancy.key((role, scene.places[granted].organization))
    wrong = []
    for operation, access in OPERATIONS.items():
        if operation in COLLECTIONS.keys() | SCOPED or access.public:
            continue
        unseen: list[dict[str, Any]] = []
        for place in ("own", "child", "sibling", "foreign", "missing"):
            answer = await send(actor, scene, operation, place)
            status = answer.status_code
            reads = role in READERS and granted in above(place) and operation not in OWN_ONLY
            offered = operation in OFFERED_BELOW and role in READERS and place in above(granted)
            if access.anyone:
                fits = status == (201 if operation in STORED_ROLES else 200)
            elif operation in TENANT_WIDE:
                allowed = role in access.roles and granted == "root"
                unknown = {404} if place in {"foreign", "missing"} else set()
                fits = status in ({200, 201, 409, 428} | unknown if allowed else {403})
            elif reads and (operation in {"inviteParticipant", "revokeSeatToken"} and role in access.roles):
                fits = status == 404
            elif reads and operation in AT_ROOT and granted != "root":
                fits = status == 403
            elif (reads or offered) and role in access.roles and granted in above(place):
                fits = status not in REFUSED and status < 500
            elif reads or offered:
                fits = status == (200 if operation in READ_BY_ALL else 403)
            else:
                fits = status == (422 if operation in CREATED_BY_REFERENCE else 404)
                unseen.append(alike(answer))
            if not fits:
                wrong.append((operation, place, status, answer.text[:200]))
        # Hidden, foreign and missing things answer alike.
        if any(one != unseen[0] for one in unseen):
            wrong.append((operation, "differs", 0, str(unseen)[:300]))
    assert wrong == []


@pytest.mark.parametrize("granted", list(TREE))
@pytest.mark.parametrize("role", list(Role))
async def test_lists_hold_what_the_caller_can_see_and_nothing_else(scene: Scene, role: Role, granted: str) -> None:
    actor = await scene.tenancy.key((role, scene.places[granted].organization))
    for operation, kind in COLLECTIONS.items():
        answer = await actor.get(CALLS[operation](scene.places["own"], scene.shared)[1] + "?limit=200")
        if role not in OPERATIONS[operation].roles:
            assert answer.status_code == 403, operation
            continue
        listed = {one["id"] for one in answer.json()["items"]}
        for place, at in scene.places.items():
            visible = granted in above(place)
            if operation in OFFERED_BELOW:
                visible = visible or place in above(granted)
            assert (getattr(at, kind) in listed) == visible, (operation, place)


async def test_a_seat_opens_its_own_assessment_only(scene: Scene) -> None:
    own = scene.places["own"]
    assert own.seat is not None
    seat = own.seat
    # A seat votes for itself; the other callers of the matrix enter the ballot of a paper seat.
    places = {**scene.places, "own": replace(own, paper_participant=own.participant)}
    mine = replace(scene, places=places)
    for operation, access in OPERATIONS.items():
        if access.public:
            continue
        for place in ("own", "child", "sibling", "foreign", "missing"):
            answer = await send(seat, mine, operation, place)
            if access.anyone:
                expected = {403} if operation in STORED_ROLES else {200}
            elif operation in COLLECTIONS.keys() | SCOPED | TENANT_WIDE.keys():
                expected = {403}
            elif "/assessments/" not in CALLS[operation](scene.places["own"], scene.shared)[1]:
                expected = {404, 422} if operation in CREATED_BY_REFERENCE else {404}
            elif place != "own":
                expected = {404}
            elif access.seat:
                expected = {200, 409}
            else:
                expected = {403}
            assert answer.status_code in expected, (operation, place, answer.text)


@pytest.mark.usefixtures("marks_known")
async def test_reads_cost_few_statements(scene: Scene, app: FastAPI) -> None:
    """By id at most two with a cold credential, lists at most four, however much lies there."""
    admin = scene.tenancy.admin
    # An erasure has deleted the former one.
    scene.places["own"].export = (await admin.made("/v1/exports", {"list": "/v1/drivers"}))["id"]
    costly = []
    for operation in sorted(READING | {"getReadiness"}):
        app.state.app_state.authenticate.invalidate()
        with record_statements(app) as statements:
            answer = await send(admin, scene, operation, "own")
        assert answer.status_code == 200, (operation, answer.text)
        cost = len(statements)
        assert cost or OPERATIONS[operation].public, operation
        if cost > (4 if operation.startswith("list") else 2):
            costly.append((operation, cost))
    assert costly == []
