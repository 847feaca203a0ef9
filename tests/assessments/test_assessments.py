"""Assessments: what can be set, when it freezes, and who sees it."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.courses import STATES, brought_to, drafted, made_finishable
from tests.support.database import Urls
from tests.support.team import PRACTICES, new_implementation, new_team


def masked(answer: httpx.Response) -> dict[str, Any]:
    """Return a problem without what names the request."""
    return {**answer.json(), "instance": "", "request_id": ""}


async def test_the_stage_is_copied_at_the_opening_and_stays(tenancy: Tenancy, admin: Actor) -> None:
    implementation = await new_implementation(tenancy, stage="installation")
    path = f"/v1/implementations/{implementation['id']}"
    team = await drafted(tenancy, implementation)
    chosen = await drafted(tenancy, implementation, stage="exploration")
    assert team.assessment["stage"] is None
    assert (await admin.move(path, "initial_implementation")).status_code == 200
    assert (await team.move("collecting"))["stage"] == "initial_implementation"
    assert (await chosen.move("collecting"))["stage"] == "exploration"
    assert (await admin.move(path, "full_implementation")).status_code == 200
    assert (await admin.get(team.path)).json()["stage"] == "initial_implementation"
    await team.move("consensus")
    assert (await team.readiness())["stage"] == "initial_implementation"
    assert (await team.move("collecting", "Again"))["stage"] == "initial_implementation"


async def test_instrument_profile_and_stage_freeze_at_the_opening(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    kept = {name: team.assessment[name] for name in ("instrument_version_id", "scoring_profile_id")}
    draft = await admin.patch(team.path, {"stage": "installation", **kept})
    assert draft.json()["stage"] == "installation"
    assert (await admin.patch(team.path, {"stage": None})).json()["stage"] is None
    for state in ("collecting", "consensus"):
        before = await team.move(state)
        frozen: list[dict[str, Any]] = [
            {"stage": "installation"},
            {"stage": None},
            *({name: kept[name]} for name in kept),
        ]
        for body in frozen:
            refused(await admin.patch(team.path, {"title": "New", **body}), 423, "frozen_at_opening")
        assert (await admin.get(team.path)).json() == before
        assert (await admin.patch(team.path, {"title": state})).json()["title"] == state
    await team.move("void", "Because")
    refused(await admin.patch(team.path, {"stage": "installation"}), 423, "frozen")


async def test_a_patch_needs_the_version_that_was_read(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy, administered_on="2026-01-31", closes_at="2030-01-01T00:00:00Z")
    refused(await admin.patch(team.path, {"title": "A"}, if_match=None), 428, "precondition_required")
    tag = (await admin.get(team.path)).headers["etag"]
    changed = await admin.patch(team.path, {"administered_on": None, "title": " A "}, if_match=tag)
    assert (changed.json()["administered_on"], changed.json()["title"]) == (None, "A")
    assert changed.json()["closes_at"] == "2030-01-01T00:00:00Z"
    assert changed.headers["etag"] == (await admin.get(team.path)).headers["etag"]
    refused(await admin.patch(team.path, {"title": "B"}, if_match=tag), 412, "precondition_failed")
    for body in ({"title": None}, {"instrument_version_id": None}, {"state": "final"}, {"mode": "open"}, {"round": 2}):
        assert (await admin.patch(team.path, body)).status_code == 422, body


async def test_what_is_final_can_no_longer_change(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    await team.seat("A")
    await team.paper("Paper")
    await team.seat("Observer", seat="observer")
    await team.move("collecting")
    assert (await team.vote("A", "P1", 1)).status_code == 201
    await team.move("consensus")
    await made_finishable(team)
    assert (await admin.put(f"{team.path}/practices/P1", {"importance": 5})).status_code == 201
    final = await team.move("final")
    before = {
        below: (await admin.get(f"{team.path}/{below}")).json() | {"sync_mark": None}
        for below in ("participants", "consensus", "practices", "administration", "readiness?as_of=2026-01-01")
    }
    tag = {"headers": {"If-Match": "*"}}
    seat = f"{team.path}/participants/{team.ids['Observer']}"
    record = {"roles_present": [], "evidence_reviewed": False}
    attempts = [
        await admin.patch(team.path, {"title": "New"}),
        await admin.patch(team.path, {}),
        await admin.delete(team.path),
        await admin.post(f"{team.path}/participants", {"seat": "observer"}),
        await admin.patch(seat, {"label": "New"}),
        await admin.delete(seat),
        await admin.put(f"{team.path}/consensus/P1", {"value": 2, "note": "New"}, **tag),
        await admin.delete(f"{team.path}/consensus/P1"),
        await admin.put(f"{team.path}/practices/P1", {"importance": 1}, **tag),
        await admin.put(f"{team.path}/practices/P2", {"importance": 1}),
        await admin.put(f"{team.path}/administration", record, **tag),
    ]
    for answer in attempts:
        refused(answer, 423, "frozen")
    # Votes close before the end, and the refusal says so.
    refused(await team.vote("A", "P2", 1), 409, "voting_closed")
    refused(await team.enter("Paper", "P1", 2, **tag), 409, "voting_closed")
    for to in STATES:
        refused(await admin.move(team.path, to, reason="Because"), 409, "invalid_transition")
    assert (await admin.get(team.path)).json() == final
    for below, body in before.items():
        assert (await admin.get(f"{team.path}/{below}")).json() | {"sync_mark": None} == body, below


async def test_only_a_draft_and_what_is_void_can_be_deleted(tenancy: Tenancy, admin: Actor, urls: Urls) -> None:
    implementation = await new_implementation(tenancy)
    draft = await drafted(tenancy, implementation)
    refused(await admin.delete(draft.path, if_match=None), 428, "precondition_required")
    refused(await admin.delete(draft.path, if_match='"9.0"'), 412, "precondition_failed")
    gone = await admin.delete(draft.path)
    assert (gone.status_code, gone.content) == (204, b"")
    refused(await admin.get(draft.path), 404, "not_found")
    refused(await admin.delete(draft.path), 404, "not_found")
    team = await drafted(tenancy, implementation)
    seat = await team.seat("A")
    await team.move("collecting")
    assert (await team.vote("A", "P1", 2)).status_code == 201
    refused(await admin.delete(team.path), 409, "void_first")
    await team.move("consensus")
    assert (await team.consensus("P1", 2)).status_code == 201
    await team.administration()
    refused(await admin.delete(team.path), 409, "void_first")
    await team.move("void", "Because")
    assert (await admin.delete(team.path)).status_code == 204
    tenancy.app.state.app_state.authenticate.invalidate()
    refused(await seat.get(team.path), 401, "unauthorized")
    owner = await asyncpg.connect(urls.owner)
    for table in ("assessment_changes", "participants", "votes", "consensus", "administration_records"):
        left = f"select count(*) from {table} where tenant_id = $1 and assessment_id = $2"
        assert await owner.fetchval(left, tenancy.tenant_id, team.assessment["id"]) == 0, table
    await owner.close()


async def test_an_assessment_that_action_items_refer_to_stays(tenancy: Tenancy, admin: Actor) -> None:
    team = await brought_to(await new_team(tenancy), "consensus")
    assert (await team.consensus("P1", 1, "As agreed.")).status_code == 201
    body = {"assessment_id": team.assessment["id"], "practices": ["P1"]}
    made = await admin.made("/v1/action-items", body)
    await team.move("void", "Because")
    refused(await admin.delete(team.path), 409, "in_use")
    assert (await admin.get(team.path)).json()["state"] == "void"
    assert (await admin.get(f"/v1/action-items/{made['id']}")).status_code == 200


async def test_a_confidential_assessment_is_not_offered_yet(tenancy: Tenancy, admin: Actor) -> None:
    implementation = await new_implementation(tenancy)
    body = {"implementation_id": implementation["id"], "title": "Survey"}
    refused(await admin.post("/v1/assessments", {**body, "mode": "confidential"}), 422, "confidential_unavailable")
    refused(await admin.post("/v1/assessments", {**body, "mode": "secret"}), 422, "invalid")
    assert (await admin.made("/v1/assessments", {**body, "mode": "open"}))["mode"] == "open"
    assert len((await admin.get("/v1/assessments")).json()["items"]) == 1


async def test_a_window_closes_after_it_opens(tenancy: Tenancy, admin: Actor) -> None:
    implementation = await new_implementation(tenancy)
    body = {"implementation_id": implementation["id"], "title": "Baseline"}
    early, late = "2030-01-01T10:00:00+02:00", "2030-01-01T08:00:01Z"
    for window in ({"opens_at": late, "closes_at": early}, {"opens_at": early, "closes_at": early}):
        problem = refused(await admin.post("/v1/assessments", {**body, **window}), 422, "window_reversed")
        assert problem["errors"][0]["pointer"] == "/body/closes_at"
    naive = await admin.post("/v1/assessments", {**body, "opens_at": "2030-01-01T10:00:00"})
    refused(naive, 422, "invalid")
    made = await admin.made("/v1/assessments", {**body, "opens_at": early, "closes_at": late})
    assert (made["opens_at"], made["closes_at"]) == ("2030-01-01T08:00:00Z", late)
    path = f"/v1/assessments/{made['id']}"
    refused(await admin.patch(path, {"closes_at": early}), 422, "window_reversed")
    refused(await admin.patch(path, {"opens_at": late}), 422, "window_reversed")
    assert (await admin.patch(path, {"opens_at": None, "closes_at": early})).status_code == 200


async def test_what_an_assessment_refers_to_must_be_visible(
    tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor
) -> None:
    mine, beside = await tenancy.organization(), await tenancy.organization()
    here, there = await new_implementation(tenancy, mine["id"]), await new_implementation(tenancy, beside["id"])
    foreign = await new_team(other_tenancy)
    facilitator = await tenancy.key(("facilitator", mine["id"]))
    body = {"implementation_id": here["id"], "title": "Baseline"}
    for field, others in (
        ("implementation_id", [foreign.assessment["implementation_id"], there["id"]]),
        ("instrument_version_id", [foreign.assessment["instrument_version_id"]]),
        ("scoring_profile_id", [foreign.assessment["scoring_profile_id"]]),
    ):
        missing = await facilitator.post("/v1/assessments", {**body, field: str(uuid4())})
        problem = refused(missing, 422, "unknown_reference")
        assert [error["pointer"] for error in problem["errors"]] == [f"/body/{field}"]
        for other in others:
            answer = await facilitator.post("/v1/assessments", {**body, field: other})
            assert (answer.status_code, masked(answer)) == (422, masked(missing))
    made = await facilitator.made("/v1/assessments", body)
    path = f"/v1/assessments/{made['id']}"
    for field in ("instrument_version_id", "scoring_profile_id"):
        for unknown in (str(uuid4()), foreign.assessment[field]):
            refused(await facilitator.patch(path, {field: unknown}), 422, "unknown_reference")
    assert (await facilitator.get(path)).json() == made
    viewer = await tenancy.key(("viewer", mine["id"]))
    refused(await viewer.post("/v1/assessments", body), 403, "forbidden")


async def test_an_archived_organization_is_not_assessed_anew(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    implementation = await new_implementation(tenancy, site["id"])
    draft = await drafted(tenancy, implementation)
    running = await brought_to(await drafted(tenancy, implementation), "collecting")
    assert (await admin.move(f"/v1/organizations/{site['id']}", "archived")).status_code == 200
    body = {"implementation_id": implementation["id"], "title": "Again"}
    refused(await admin.post("/v1/assessments", body), 409, "organization_archived")
    refused(await admin.move(draft.path, "collecting"), 409, "organization_archived")
    assert (await admin.get(draft.path)).json() == draft.assessment
    assert (await running.move("consensus"))["state"] == "consensus"


@pytest.mark.parametrize(
    ("timezone", "day"),
    [("Pacific/Kiritimati", "2026-03-02"), ("UTC", "2026-03-01"), ("Pacific/Pago_Pago", "2026-02-28")],
)
async def test_the_day_of_the_session_is_the_organizations(
    tenancy: Tenancy, admin: Actor, monkeypatch: pytest.MonkeyPatch, timezone: str, day: str
) -> None:
    site = await tenancy.organization(timezone=timezone)
    team = await new_team(tenancy, site["id"])
    past = await drafted(tenancy, {"id": team.assessment["implementation_id"]}, administered_on="1999-12-31")
    assert team.assessment["administered_on"] is None
    monkeypatch.setattr(tenancy.app.state.app_state, "clock", lambda: datetime(2026, 3, 1, 10, 30, tzinfo=UTC))
    assert (await team.move("collecting"))["administered_on"] == day
    assert (await team.readiness())["as_of"] == day
    assert (await past.move("collecting"))["administered_on"] == "1999-12-31"
    # What was opened keeps a place in time: to clear the day is to go back to the opening's.
    monkeypatch.setattr(tenancy.app.state.app_state, "clock", lambda: datetime(2026, 5, 5, 12, tzinfo=UTC))
    assert (await admin.patch(team.path, {"administered_on": "2026-01-15"})).json()["administered_on"] == "2026-01-15"
    assert (await admin.patch(team.path, {"administered_on": None})).json()["administered_on"] == day


async def test_another_instrument_takes_its_ratings_only(tenancy: Tenancy, admin: Actor, urls: Urls) -> None:
    team = await new_team(tenancy)
    for practice in ("P1", "P9"):
        assert (await admin.put(f"{team.path}/practices/{practice}", {"importance": 4})).status_code == 201
    owner = await asyncpg.connect(urls.owner)
    shorter = await owner.fetchval(
        "insert into instrument_versions (tenant_id, id, created_at, instrument_key, version, content_hash, document)"
        " select tenant_id, gen_random_uuid(), now(), 'short', '1.0.0', content_hash,"
        "  jsonb_set(document, '{practices}', (document -> 'practices') - 8)"
        " from instrument_versions where tenant_id = $1 and id = $2 returning id",
        tenancy.tenant_id,
        team.assessment["instrument_version_id"],
    )
    await owner.close()
    changed = await admin.patch(team.path, {"instrument_version_id": str(shorter)})
    assert changed.json()["instrument_version_id"] == str(shorter)
    ratings = (await admin.get(f"{team.path}/practices")).json()["items"]
    assert [rating["practice"] for rating in ratings] == ["P1"]
    assert [practice["code"] for practice in (await team.readiness())["practices"]] == PRACTICES[:8]
    refused(await admin.put(f"{team.path}/practices/P9", {"importance": 4}), 404, "not_found")


def operations(path: str, seat: str) -> list[tuple[str, str, Any]]:
    """Return every operation below an assessment, with a body that would do."""
    administration = {"roles_present": [], "evidence_reviewed": True}
    return [
        ("GET", path, None),
        ("PATCH", path, {"title": "New"}),
        ("DELETE", path, None),
        ("GET", f"{path}/history", None),
        ("GET", f"{path}/readiness", None),
        ("POST", f"{path}/transitions", {"to": "void", "reason": "Because"}),
        ("GET", f"{path}/participants", None),
        ("POST", f"{path}/participants", {"seat": "observer"}),
        ("GET", f"{path}/participants/{seat}", None),
        ("PATCH", f"{path}/participants/{seat}", {"label": "New"}),
        ("DELETE", f"{path}/participants/{seat}", None),
        ("POST", f"{path}/participants/bulk", {"seats": [{"seat": "observer"}]}),
        ("GET", f"{path}/participants/{seat}/history", None),
        ("POST", f"{path}/participants/{seat}/invitation", None),
        ("DELETE", f"{path}/participants/{seat}/token", None),
        ("GET", f"{path}/votes", None),
        ("PUT", f"{path}/votes/{seat}/P1", {"value": 1}),
        ("GET", f"{path}/consensus", None),
        ("GET", f"{path}/consensus/P1", None),
        ("PUT", f"{path}/consensus/P1", {"value": 1, "note": "New"}),
        ("DELETE", f"{path}/consensus/P1", None),
        ("GET", f"{path}/practices", None),
        ("GET", f"{path}/practices/P1", None),
        ("PUT", f"{path}/practices/P1", {"importance": 1}),
        ("GET", f"{path}/administration", None),
        ("PUT", f"{path}/administration", administration),
    ]


async def test_to_others_an_assessment_and_all_below_it_is_as_if_missing(
    tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor
) -> None:
    mine, beside = await tenancy.organization(), await tenancy.organization()
    team = await new_team(tenancy, mine["id"])
    await team.seat("A")
    other = await new_team(tenancy, beside["id"])
    neighbours_seat = await other.seat("A")
    await team.move("collecting")
    await team.move("consensus")
    assert (await team.consensus("P1", 1, "As agreed.")).status_code == 201
    await team.administration()
    before = await admin.get(team.path)
    callers = {
        "another tenant's admin": other_tenancy.admin,
        "an admin beside": await tenancy.key(("admin", beside["id"])),
        "another assessment's seat": neighbours_seat,
    }
    missing = f"/v1/assessments/{uuid4()}"
    pairs = zip(operations(team.path, team.ids["A"]), operations(missing, str(uuid4())), strict=True)
    for (method, path, body), (_, nowhere, _) in pairs:
        for who, caller in callers.items():
            headers = {"If-Match": "*"} if method in {"PATCH", "DELETE", "POST"} else {}
            answer = await caller.call(method, path, json=body, headers=headers)
            absent = await caller.call(method, nowhere, json=body, headers=headers)
            assert (answer.status_code, masked(answer)) == (404, masked(absent)), (who, method, path)
            assert answer.json()["code"] == "not_found"
    after = await admin.get(team.path)
    assert (after.json(), after.headers["etag"]) == (before.json(), before.headers["etag"])


async def test_an_operators_roles_on_a_part_reach_what_lies_below(tenancy: Tenancy) -> None:
    top = await tenancy.organization()
    leaf = await tenancy.organization(top["id"])
    team = await new_team(tenancy, leaf["id"])
    facilitator = await tenancy.key(("facilitator", top["id"]))
    assert (await facilitator.move(team.path, "collecting")).status_code == 200
    above = await tenancy.key(("facilitator", leaf["id"]), ("viewer", tenancy.root_id))
    assert (await above.move(team.path, "consensus")).status_code == 200
    elsewhere = await new_team(tenancy, top["id"])
    refused(await above.move(elsewhere.path, "collecting"), 403, "forbidden")
