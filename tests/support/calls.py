"""One call of every operation, at one place of the tree."""

from collections.abc import Callable
from typing import Any

from app.instruments.shipped import shipped_profiles
from tests.support.connectors import a_connector
from tests.support.metrics import csv_of, figure
from tests.support.places import Place

PROFILE = {**shipped_profiles()[0].document, "key": "own"}

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


def carried(body: Any) -> dict[str, Any]:
    """Return the arguments of a call with this body: a text is a CSV file."""
    if isinstance(body, str):
        return {"content": body, "headers": {"Content-Type": "text/csv"}}
    return {} if body is None else {"json": body}
