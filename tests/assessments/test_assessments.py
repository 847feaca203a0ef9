"""Assessments over HTTP: their course, what freezes when, what they refer to, and who sees them."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.database import Urls
from tests.support.team import PRACTICES, Team, new_implementation, new_team

STATES = ["draft", "collecting", "consensus", "final", "void"]
#: From each state (a row), the answer to a move to each state, in the order of STATES.
COURSE = {
    "draft": [409, 200, 409, 409, 200],
    "collecting": [409, 409, 200, 409, 200],
    "consensus": [409, 200, 409, 200, 200],
    "final": [409, 409, 409, 409, 409],
    "void": [409, 409, 409, 409, 409],
}
ALLOWED = {
    "draft": ["collecting", "void"],
    "collecting": ["consensus", "void"],
    "consensus": ["collecting", "final", "void"],
    "final": [],
    "void": [],
}
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


def masked(answer: httpx.Response) -> dict[str, Any]:
    """Return a problem without what names the request."""
    return {**answer.json(), "instance": "", "request_id": ""}


async def test_every_move_of_the_course_is_as_the_table_says(tenancy: Tenancy) -> None:
    implementation = await new_implementation(tenancy)
    for state, answers in COURSE.items():
        team = await brought_to(await drafted(tenancy, implementation), state)
        assert team.assessment["allowed_transitions"] == ALLOWED[state]
        if state == "consensus":
            await made_finishable(team)
        for to, status in zip(STATES, answers, strict=True):
            if status == 409:
                answer = await tenancy.admin.move(team.path, to, reason="Because")
                problem = refused(answer, 409, "invalid_transition")
                assert (problem["allowed"], problem["state"]) == (ALLOWED[state], state)
        assert (await tenancy.admin.get(team.path)).json() == team.assessment
        for to in ALLOWED[state][:-1]:
            # The last move starts from the assessment that met the refusals, each other one from a new assessment.
            other = await brought_to(await drafted(tenancy, implementation), state)
            if to == "final":
                await made_finishable(other)
            assert (await other.move(to, "Because"))["state"] == to
        for to in ALLOWED[state][-1:]:
            assert (await team.move(to, "Because"))["state"] == to


async def test_some_moves_must_say_why_and_some_need_not(tenancy: Tenancy, admin: Actor) -> None:
    implementation = await new_implementation(tenancy)
    for state, to in (("consensus", "collecting"), ("collecting", "void"), ("consensus", "void")):
        team = await brought_to(await drafted(tenancy, implementation), state)
        for body in ({"to": to}, {"to": to, "reason": None}):
            answer = await admin.post(f"{team.path}/transitions", body, headers={"If-Match": "*"})
            problem = refused(answer, 422, "reason_required")
            assert [error["pointer"] for error in problem["errors"]] == ["/body/reason"]
        blank = await admin.post(f"{team.path}/transitions", {"to": to, "reason": "  "}, headers={"If-Match": "*"})
        assert blank.status_code == 422
        assert (await admin.get(team.path)).json() == team.assessment
    draft = await drafted(tenancy, implementation)
    assert (await draft.move("void"))["state"] == "void"


async def test_a_move_needs_the_version_that_was_read(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    tag = (await admin.get(team.path)).headers["etag"]
    without = await admin.post(f"{team.path}/transitions", {"to": "collecting"})
    refused(without, 428, "precondition_required")
    for wrong in ('"7.abcdef"', '"nonsense"', 'W/"9.0"', '"99999999999.0"', ""):
        stale = await admin.move(team.path, "collecting", if_match=wrong)
        refused(stale, 412, "precondition_failed")
        assert stale.headers["etag"].startswith('"1.')
    assert (await admin.move(team.path, "collecting", if_match=tag)).status_code == 200
    refused(await admin.move(team.path, "consensus", if_match=tag), 412, "precondition_failed")
    read = await admin.get(team.path)
    assert (read.json()["state"], read.json()["version"]) == ("collecting", 2)
    assert (await admin.get(team.path, headers={"If-None-Match": read.headers["etag"]})).status_code == 304


async def test_only_who_runs_assessments_is_offered_moves(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    seat = await team.seat("A")
    await team.move("collecting")
    offered = {}
    for role in ("viewer", "manager", "integrator", "facilitator", "admin"):
        actor = await tenancy.key((role, tenancy.root_id))
        offered[role] = (await actor.get(team.path)).json()["allowed_transitions"]
        listed = (await actor.get("/v1/assessments")).json()["items"][0]
        assert listed["allowed_transitions"] == offered[role]
        if not offered[role]:
            refused(await actor.move(team.path, "consensus"), 403, "forbidden")
            refused(await actor.patch(team.path, {"title": "Mine"}), 403, "forbidden")
            refused(await actor.delete(team.path), 403, "forbidden")
    moves = ["consensus", "void"]
    assert offered == {"viewer": [], "manager": [], "integrator": [], "facilitator": moves, "admin": moves}
    assert (await seat.get(team.path)).json()["allowed_transitions"] == []
    refused(await seat.move(team.path, "consensus"), 403, "forbidden")
    respondent = await tenancy.key(("respondent", tenancy.root_id))
    refused(await respondent.get(team.path), 404, "not_found")


async def test_the_history_says_who_when_and_why(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    facilitator = await tenancy.key(("facilitator", tenancy.root_id))
    assert (await facilitator.move(team.path, "collecting")).status_code == 200
    assert (await admin.move(team.path, "consensus", reason="All have voted")).status_code == 200
    assert (await facilitator.move(team.path, "collecting", reason="P3 again")).status_code == 200
    last = (await admin.move(team.path, "void", reason="Wrong program")).json()
    rows = (await admin.get(f"{team.path}/history")).json()["items"]
    keys = {"admin": (await admin.get("/v1/me")).json(), "facilitator": (await facilitator.get("/v1/me")).json()}
    assert [(row["from_state"], row["to_state"], row["reason"], row["actor_id"]) for row in rows] == [
        (None, "draft", None, keys["admin"]["id"]),
        ("draft", "collecting", None, keys["facilitator"]["id"]),
        ("collecting", "consensus", "All have voted", keys["admin"]["id"]),
        ("consensus", "collecting", "P3 again", keys["facilitator"]["id"]),
        ("collecting", "void", "Wrong program", keys["admin"]["id"]),
    ]
    assert rows[1]["actor_name"] == keys["facilitator"]["name"]
    assert rows[-1]["created_at"] == last["updated_at"]
    assert [row["created_at"] for row in rows] == sorted(row["created_at"] for row in rows)
    assert (last["round"], last["revealed_round"], last["version"]) == (2, 1, 5)


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


@pytest.fixture
async def three(tenancy: Tenancy) -> list[Team]:
    """Assessments of an organization, of one below it (void), and of a third one."""
    top = await tenancy.organization()
    leaf = await tenancy.organization(top["id"])
    first = await new_team(tenancy, top["id"], administered_on="2020-05-05")
    second = await new_team(tenancy, leaf["id"], administered_on="2021-05-05")
    third = await new_team(tenancy)
    await second.move("void")
    return [first, second, third]


async def listed(actor: Actor, teams: list[Team], **params: Any) -> list[int]:
    """List assessments, and return the places of the listed ones among these, from 1."""
    numbers = {team.assessment["id"]: number for number, team in enumerate(teams, 1)}
    return [numbers[item["id"]] for item in await actor.items("/v1/assessments", **params)]


async def test_the_list_is_filtered(three: list[Team], admin: Actor) -> None:
    first, second, _ = (team.assessment for team in three)
    assert await listed(admin, three, organization_id=first["organization_id"]) == [1]
    assert await listed(admin, three, subtree=first["organization_id"]) == [1, 2]
    assert await listed(admin, three, implementation_id=second["implementation_id"]) == [2]
    assert await listed(admin, three, state=["void"]) == [2]
    assert await listed(admin, three, state=["void", "draft"], subtree=first["organization_id"]) == [1, 2]
    assert await listed(admin, three, administered_after="2020-05-06") == [2]
    assert await listed(admin, three, administered_before="2020-05-05") == [1]
    assert await listed(admin, three, updated_since=second["updated_at"]) == [2]


@pytest.mark.parametrize(
    ("sort", "expected"), [("id", [1, 2, 3]), ("-id", [3, 2, 1]), ("-updated_at", [2, 3, 1])], ids=str
)
async def test_the_list_is_ordered_and_paged(three: list[Team], admin: Actor, sort: str, expected: list[int]) -> None:
    assert await listed(admin, three, sort=sort) == expected
    paged, path = [], f"/v1/assessments?limit=1&sort={sort}"
    while path:
        answer = await admin.get(path)
        paged += [item["id"] for item in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert paged == [three[number - 1].assessment["id"] for number in expected]


async def test_the_list_holds_what_the_caller_can_see(three: list[Team], tenancy: Tenancy) -> None:
    top, leaf = (team.assessment["organization_id"] for team in three[:2])
    assert await listed(await tenancy.key(("viewer", leaf)), three) == [2]
    assert await listed(await tenancy.key(("viewer", leaf), ("manager", top)), three) == [1, 2]


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"subtree": str(uuid4())}, 404, "not_found"),
        ({"status": "draft"}, 422, "invalid"),
        ({"state": "open"}, 422, "invalid"),
    ],
)
async def test_the_list_refuses_what_it_does_not_know(
    admin: Actor, params: dict[str, str], status: int, code: str
) -> None:
    refused(await admin.get("/v1/assessments", params=params), status, code)


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


MARK = "zqx7-marker"
#: JSON text of a value that no field takes.
NEVER = [
    f'"{MARK}\\u0000"',
    f'"{MARK}\\ud800"',
    "NaN",
    "-Infinity",
    "1e400",
    "9" * 5000,
    "[" * 40 + "]" * 40,
    '{"a":' * 40 + "1" + "}" * 40,
]
#: And of one that most fields refuse.
MOSTLY_NOT = [f'["{MARK}"]', f'{{"{MARK}":1}}', "true", "3.7", f'"{MARK}"', "1" * 30, "-1", "null"]


def bodies(team: Team) -> list[tuple[str, str, dict[str, Any]]]:
    """Return every operation that takes a body, with one in which every field is used."""
    path, seat = team.path, team.ids["A"]
    reference = team.assessment
    item = {"code": "unit_named", "done": True, "note": "Text"}
    return [
        (
            "POST",
            "/v1/assessments",
            {
                "implementation_id": reference["implementation_id"],
                "title": "Text",
                "mode": "open",
                "instrument_version_id": reference["instrument_version_id"],
                "scoring_profile_id": reference["scoring_profile_id"],
                "stage": "installation",
                "opens_at": "2036-01-01T00:00:00Z",
                "closes_at": "2036-01-02T00:00:00Z",
                "administered_on": "2026-01-01",
            },
        ),
        ("PATCH", path, {"title": "Text", "administered_on": "2026-01-01", "opens_at": None}),
        ("POST", f"{path}/transitions", {"to": "draft", "reason": "Text"}),
        (
            "POST",
            f"{path}/participants",
            {"seat": "respondent", "perspective": "hr", "label": "Text", "person_id": str(uuid4())},
        ),
        (
            "PATCH",
            f"{path}/participants/{seat}",
            {"seat": "respondent", "perspective": "hr", "label": "Text", "person_id": None},
        ),
        ("PUT", f"{path}/votes/{seat}/P1", {"value": 1, "comment": "Text"}),
        ("PUT", f"{path}/consensus/P1", {"value": 1, "note": "Text", "method": "discussion", "dissent": "Text"}),
        ("PUT", f"{path}/practices/P1", {"importance": 1, "feasibility": 1, "left_unscored": "Text"}),
        (
            "PUT",
            f"{path}/administration",
            {
                "roles_present": [{"seat": "respondent", "count": 3}],
                "evidence_reviewed": True,
                "duration_minutes": 60,
                "checklist": [item],
                "deviations": "Text",
            },
        ),
        (
            "POST",
            "/v1/readiness/compute",
            {
                "instrument_key": "facilitative-administration",
                "instrument_version": "1.0.0",
                "scoring_profile_id": reference["scoring_profile_id"],
                "stage": "installation",
                "as_of": "2026-01-01",
                "respondents": [{"id": "a", "perspective": "hr"}],
                "votes": {"P1": {"a": 1}},
                "consensus": {"P1": {"value": 1, "note": "Text"}},
                "left_unscored": {"P2": "Text"},
                "importance": {"P1": 1},
                "feasibility": {"P1": 1},
                "has_administration_record": True,
            },
        ),
    ]


def broken(body: dict[str, Any]) -> list[str]:
    """Write texts that no route may take in place of a good body."""
    whole = json.dumps(body)
    texts = ["", "null", "[]", '"text"', "7", whole[:-1], f"[{whole}]", whole[:-1] + ',"more":1}']
    texts += [whole[:-1] + f",{json.dumps(name)}:{json.dumps(value)}}}" for name, value in body.items()]
    return texts + [json.dumps({**body, name: "@"}).replace('"@"', never) for name in body for never in NEVER]


def strange(body: dict[str, Any]) -> list[str]:
    """Write texts that a route may take or refuse."""
    return [json.dumps({**body, name: "@"}).replace('"@"', value) for name in body for value in MOSTLY_NOT]


async def send(actor: Actor, method: str, path: str, text: str) -> int:
    """Send a text, check that a refusal does not repeat it, and return the status."""
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    answer = await actor.call(method, path, content=text.encode("utf-8", "surrogatepass"), headers=headers)
    assert answer.status_code < 500, (method, path, text[:200], answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        for error in problem["errors"]:
            # A pointer names fields, and one of the fields is the marker.
            del error["pointer"]
        assert MARK not in json.dumps(problem), (method, path, text[:200])
    return answer.status_code


async def test_no_body_breaks_a_route_or_is_repeated_to_its_sender(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    await team.seat("A")
    await team.move("collecting")
    sent = 0
    for method, path, body in bodies(team):
        for text in broken(body):
            assert await send(admin, method, path, text) >= 400, (method, path, text[:200])
        for text in strange(body):
            await send(admin, method, path, text)
        sent += len(broken(body)) + len(strange(body))
    assert sent > 700
