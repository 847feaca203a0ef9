"""Nobody is let in: every operation, by every kind of caller, at every place, against the published table.

The oracle is `app.access.operations.OPERATIONS` (published as ``x-required-role``) and the tree alone: a role counts
where it was granted and below; what is out of sight answers like what does not exist.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.access.operations import OPERATIONS
from app.instruments.shipped import shipped_profiles
from app.principal import READERS, Role
from tests.support.actors import Actor, Tenancy, new_tenancy
from tests.support.connectors import a_connector
from tests.support.metrics import csv_of, figure
from tests.support.places import MISSING, Place, furnish
from tests.support.statements import record_statements

PROFILE = {**shipped_profiles()[0].document, "key": "own"}
TREE = {"root": None, "own": "root", "child": "own", "sibling": "root"}
REFUSED = {401, 403, 404}


@dataclass
class Scene:
    """A tenant with one of each thing at every place of its tree, and another tenant with the same."""

    tenancy: Tenancy
    places: dict[str, Place]
    shared: dict[str, str]


Call = Callable[[Place, dict[str, str]], tuple[str, str, Any]]


def item(method: str, path: str, body: Any = None) -> Call:
    return lambda place, shared: (method, path.format(**vars(place), **shared), body)


ROSTER = "external_id,name,organization\n"
A = "/v1/assessments/{assessment}"
N = {"name": "Name"}
LINK = {"source": "matrix", "external_id": "new"}
CALLS: dict[str, Call] = {
    "getLiveness": item("GET", "/healthz/live"),
    "getReadyState": item("GET", "/healthz/ready"),
    "getMe": item("GET", "/v1/me"),
    "listApiKeys": item("GET", "/v1/api-keys"),
    "createApiKey": lambda p, _: (
        "POST",
        "/v1/api-keys",
        {"organization_id": p.organization, "role": "viewer", **N},
    ),
    "getApiKey": item("GET", "/v1/api-keys/{api_key}"),
    "rotateApiKey": item("POST", "/v1/api-keys/{api_key}/rotation", {}),
    "adoptApiKey": item("POST", "/v1/api-keys/{api_key}/adoption"),
    "revokeApiKey": item("DELETE", "/v1/api-keys/{api_key}"),
    "listRoleGrants": item("GET", "/v1/role-grants"),
    "createRoleGrant": lambda p, _: (
        "POST",
        "/v1/role-grants",
        {"principal_id": p.principal, "role": "viewer", "organization_id": p.organization},
    ),
    "getRoleGrant": item("GET", "/v1/role-grants/{role_grant}"),
    "updateRoleGrant": item("PATCH", "/v1/role-grants/{role_grant}", {"ends_at": None}),
    "deleteRoleGrant": item("DELETE", "/v1/role-grants/{role_grant}"),
    "listPrincipals": item("GET", "/v1/principals"),
    "createPrincipal": lambda p, _: (
        "POST",
        "/v1/principals",
        {"kind": "machine", "organization_id": p.organization, **N},
    ),
    "getPrincipal": item("GET", "/v1/principals/{principal}"),
    "updatePrincipal": item("PATCH", "/v1/principals/{principal}", N),
    "transitionPrincipal": item("POST", "/v1/principals/{principal}/transitions", {"to": "deactivated"}),
    "createPrincipalKey": item("POST", "/v1/principals/{principal}/api-keys", N),
    "listOrganizations": item("GET", "/v1/organizations"),
    "createOrganization": lambda p, _: (
        "POST",
        "/v1/organizations",
        {
            "parent_id": p.organization,
            "kind": "team",
            **N,
            "external_ids": [{"source": "matrix", "external_id": "new"}],
        },
    ),
    "getOrganization": item("GET", "/v1/organizations/{organization}"),
    "updateOrganization": item("PATCH", "/v1/organizations/{organization}", {"staff_count": 1}),
    "deleteOrganization": item("DELETE", "/v1/organizations/{organization}"),
    "transitionOrganization": item("POST", "/v1/organizations/{organization}/transitions", {"to": "archived"}),
    "listOrganizationDescendants": item("GET", "/v1/organizations/{organization}/descendants"),
    "moveOrganization": lambda p, _: (
        "POST",
        f"/v1/organizations/{p.organization}/move",
        {"parent_id": p.organization},
    ),
    "listOrganizationMoves": item("GET", "/v1/organizations/{organization}/moves"),
    "upsertOrganization": lambda p, _: (
        "PUT",
        f"/v1/organizations/by-external-id/matrix/{p.organization}",
        {"parent_id": p.organization, "kind": "team", **N},
    ),
    "listPrograms": item("GET", "/v1/programs"),
    "createProgram": lambda p, _: ("POST", "/v1/programs", {"organization_id": p.organization, **N}),
    "getProgram": item("GET", "/v1/programs/{program}"),
    "updateProgram": item("PATCH", "/v1/programs/{program}", N),
    "handOverProgram": lambda p, _: (
        "POST",
        f"/v1/programs/{p.program}/hand-over",
        {"organization_id": p.organization},
    ),
    "deleteProgram": item("DELETE", "/v1/programs/{program}"),
    "listImplementations": item("GET", "/v1/implementations"),
    "createImplementation": lambda p, shared: (
        "POST",
        "/v1/implementations",
        {"organization_id": p.organization, "program_id": shared["root_program"]},
    ),
    "getImplementation": item("GET", "/v1/implementations/{implementation}"),
    "deleteImplementation": item("DELETE", "/v1/implementations/{implementation}"),
    "transitionImplementation": item(
        "POST", "/v1/implementations/{implementation}/transitions", {"to": "installation", "reason": "R"}
    ),
    "listImplementationStages": item("GET", "/v1/implementations/{implementation}/stages"),
    "listPeople": item("GET", "/v1/people"),
    "createPerson": lambda p, _: ("POST", "/v1/people", {"organization_id": p.organization, **N}),
    "getPerson": item("GET", "/v1/people/{person}"),
    "updatePerson": item("PATCH", "/v1/people/{person}", N),
    "upsertPerson": lambda p, _: (
        "PUT",
        f"/v1/people/by-external-id/matrix/{p.organization}",
        {"organization_id": p.organization, **N},
    ),
    "exportPerson": item("GET", "/v1/people/{person}/export"),
    "erasePerson": item("POST", "/v1/people/{person}/erasure"),
    "deletePerson": item("DELETE", "/v1/people/{person}"),
    "mergePeople": lambda p, _: ("POST", f"/v1/people/{p.person}/merge", {"person_id": p.person}),
    "importRoster": lambda p, _: ("POST", f"/v1/roster-imports?source=matrix&organization_id={p.organization}", ROSTER),
    "getRosterErrors": item("GET", "/v1/roster-imports/{roster_import}/errors"),
    "listFormerEmployments": item("GET", "/v1/people/{person}/former-employments"),
    "listMetrics": item("GET", "/v1/metrics"),
    "recordMetrics": lambda p, _: (
        "POST",
        "/v1/metrics",
        {"items": [figure(p.organization, p.program, source="push")]},
    ),
    "recordMetricsFromCsv": lambda p, _: (
        "POST",
        "/v1/metrics/csv",
        csv_of(figure(p.organization, p.program, source="matrix")),
    ),
    "getMetric": item("GET", "/v1/metrics/{metric}"),
    "transitionMetric": item("POST", "/v1/metrics/{metric}/transitions", {"to": "withdrawn", "reason": "R"}),
    "listDrivers": item("GET", "/v1/drivers"),
    "getDriver": item("GET", "/v1/drivers/coaching"),
    "listInstruments": item("GET", "/v1/instruments"),
    "getInstrument": item("GET", "/v1/instruments/facilitative-administration"),
    "listInstrumentVersions": item("GET", "/v1/instruments/facilitative-administration/versions"),
    "getInstrumentVersion": item("GET", "/v1/instruments/facilitative-administration/versions/1.0.0"),
    "listScoringProfiles": item("GET", "/v1/scoring-profiles"),
    "createScoringProfile": lambda p, _: ("POST", "/v1/scoring-profiles", PROFILE),
    "getScoringProfile": item("GET", "/v1/scoring-profiles/{scoring_profile}"),
    "listAssessments": item("GET", "/v1/assessments"),
    "createAssessment": lambda p, _: (
        "POST",
        "/v1/assessments",
        {"implementation_id": p.implementation, "title": "T"},
    ),
    "getAssessment": item("GET", A),
    "updateAssessment": item("PATCH", A, {"title": "T"}),
    "deleteAssessment": item("DELETE", A),
    "transitionAssessment": item("POST", A + "/transitions", {"to": "void", "reason": "R"}),
    "reviseAssessment": item("POST", A + "/revisions", {"reason": "R"}),
    "listAssessmentHistory": item("GET", A + "/history"),
    "listParticipants": item("GET", A + "/participants"),
    "addParticipant": item("POST", A + "/participants", {"seat": "observer"}),
    "addParticipants": item("POST", A + "/participants/bulk", {"seats": [{"seat": "observer"}]}),
    "getParticipant": item("GET", A + "/participants/{participant}"),
    "updateParticipant": item("PATCH", A + "/participants/{participant}", {"label": "L"}),
    "withdrawParticipant": item("DELETE", A + "/participants/{participant}"),
    "listParticipantHistory": item("GET", A + "/participants/{participant}/history"),
    "inviteParticipant": item("POST", A + "/participants/{spare_participant}/invitation"),
    "claimSeat": item("POST", "/v1/seats/claim", {"code": "ZZZZZZZZZZ"}),
    "claimOwnSeat": item("POST", A + "/own-seat"),
    "revokeSeatToken": item("DELETE", A + "/participants/{spare_participant}/token"),
    "listVotes": item("GET", A + "/votes"),
    "castVote": item("PUT", A + "/votes/{paper_participant}/P1", {"value": 1}),
    "castVotes": lambda p, _: (
        "PATCH",
        f"/v1/assessments/{p.assessment}/votes",
        {"votes": [{"participant_id": p.paper_participant, "practice": "P1", "value": 1}]},
    ),
    "listConsensus": item("GET", A + "/consensus"),
    "getConsensus": item("GET", A + "/consensus/P1"),
    "recordConsensus": item("PUT", A + "/consensus/P1", {"value": 1}),
    "recordAllConsensus": item("PUT", A + "/consensus", {"items": [{"practice": "P1", "value": 1}]}),
    "removeConsensus": item("DELETE", A + "/consensus/P1"),
    "listPracticeRatings": item("GET", A + "/practices"),
    "getPracticeRating": item("GET", A + "/practices/P1"),
    "ratePractice": item("PUT", A + "/practices/P1", {"importance": 1}),
    "getAdministration": item("GET", A + "/administration"),
    "recordAdministration": item("PUT", A + "/administration", {"roles_present": [], "evidence_reviewed": True}),
    "getReadiness": item("GET", A + "/readiness"),
    "computeReadiness": item("POST", "/v1/readiness/compute", {}),
    "listActionItems": item("GET", "/v1/action-items"),
    "createActionItem": lambda p, _: (
        "POST",
        "/v1/action-items",
        {"organization_id": p.organization, "title": "T", "practices": []},
    ),
    "createActionItems": lambda p, _: (
        "POST",
        "/v1/action-items/bulk",
        {"items": [{"organization_id": p.organization, "title": "T", "practices": []}]},
    ),
    "updateActionItems": lambda p, _: (
        "PATCH",
        "/v1/action-items",
        {"items": [{"id": p.action_item, "version": 99, "changes": {}}]},
    ),
    "transitionActionItems": lambda p, _: (
        "POST",
        "/v1/action-items/transitions",
        {"items": [{"id": p.action_item, "version": 99, "to": "open"}]},
    ),
    "getActionItem": item("GET", "/v1/action-items/{action_item}"),
    "updateActionItem": item("PATCH", "/v1/action-items/{action_item}", {"title": "T"}),
    "deleteActionItem": item("DELETE", "/v1/action-items/{action_item}"),
    "transitionActionItem": item("POST", "/v1/action-items/{action_item}/transitions", {"to": "open"}),
    "listActionItemNotes": item("GET", "/v1/action-items/{action_item}/notes"),
    "addActionItemNote": item("POST", "/v1/action-items/{action_item}/notes", {"text": "T"}),
    "listActionItemHistory": item("GET", "/v1/action-items/{action_item}/history"),
    "listEvents": item("GET", "/v1/events"),
    "listWebhooks": item("GET", "/v1/webhooks"),
    "createWebhook": lambda p, _: (
        "POST",
        "/v1/webhooks",
        {"organization_id": p.organization, "url": "https://localhost:1/hook"},
    ),
    "getWebhook": item("GET", "/v1/webhooks/{webhook}"),
    "updateWebhook": item("PATCH", "/v1/webhooks/{webhook}", {"description": "D"}),
    "deleteWebhook": item("DELETE", "/v1/webhooks/{webhook}"),
    "rotateWebhookSecret": item("POST", "/v1/webhooks/{webhook}/secret", {}),
    "revokeFormerWebhookSecret": item("DELETE", "/v1/webhooks/{webhook}/former-secret"),
    "testWebhook": item("POST", "/v1/webhooks/{webhook}/test"),
    "replayWebhook": item("POST", "/v1/webhooks/{webhook}/replay", {}),
    "listWebhookDeliveries": item("GET", "/v1/webhooks/{webhook}/deliveries"),
    "listCalendarFeeds": item("GET", "/v1/calendar-feeds"),
    "createCalendarFeed": lambda p, _: ("POST", "/v1/calendar-feeds", {"organization_id": p.organization, **N}),
    "getCalendarFeed": item("GET", "/v1/calendar-feeds/{calendar_feed}"),
    "deleteCalendarFeed": item("DELETE", "/v1/calendar-feeds/{calendar_feed}"),
    "downloadCalendar": item("GET", "/v1/calendars/fc_none.ics"),
    "exportList": item("GET", "/v1/export?list=/v1/drivers"),
    "listConnectors": item("GET", "/v1/connectors"),
    "createConnector": lambda p, _: ("POST", "/v1/connectors", a_connector(p.organization)),
    "getConnector": item("GET", "/v1/connectors/{connector}"),
    "updateConnector": item("PATCH", "/v1/connectors/{connector}", N),
    "deleteConnector": item("DELETE", "/v1/connectors/{connector}"),
    "startConnectorRun": item("POST", "/v1/connectors/{connector}/runs", {}),
    "listConnectorRuns": item("GET", "/v1/connectors/{connector}/runs"),
    "listScimTokens": item("GET", "/v1/scim-tokens"),
    "createScimToken": item("POST", "/v1/scim-tokens", N),
    "getScimToken": item("GET", "/v1/scim-tokens/{scim_token}"),
    "revokeScimToken": item("DELETE", "/v1/scim-tokens/{scim_token}"),
    "listExports": item("GET", "/v1/exports"),
    "createExport": item("POST", "/v1/exports", {"list": "/v1/drivers"}),
    "getExport": item("GET", "/v1/exports/{export}"),
    "downloadExport": item("GET", "/v1/exports/{export}/content"),
    "deleteExport": item("DELETE", "/v1/exports/{export}"),
    "listScimGroupMappings": item("GET", "/v1/scim-group-mappings"),
    "createScimGroupMapping": lambda p, _: (
        "POST",
        "/v1/scim-group-mappings",
        {"group_name": "Group", "organization_id": p.organization},
    ),
    "getScimGroupMapping": item("GET", "/v1/scim-group-mappings/{scim_group_mapping}"),
    "deleteScimGroupMapping": item("DELETE", "/v1/scim-group-mappings/{scim_group_mapping}"),
    "listJobs": item("GET", "/v1/jobs"),
    "getJob": item("GET", "/v1/jobs/{job}"),
    "cancelJob": item("POST", "/v1/jobs/{job}/cancellation"),
    "listAuditEvents": item("GET", "/v1/audit-events"),
    "verifyAuditEvents": item("GET", "/v1/audit-events/verify"),
}
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


def carried(body: Any) -> dict[str, Any]:
    """Return the arguments of a call with this body: a text is a CSV file."""
    if isinstance(body, str):
        return {"content": body, "headers": {"Content-Type": "text/csv"}}
    return {} if body is None else {"json": body}


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
