"""The seats of an assessment: who may sit where, and the tokens that open them."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.team import Team, new_team

SEATS = ["administrator", "facilitator", "note_taker", "respondent", "observer"]


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Insist on this refusal."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    problem: dict[str, Any] = answer.json()
    return problem


@pytest.fixture
async def team(tenancy: Tenancy) -> Team:
    """A draft without seats."""
    return await new_team(tenancy)


async def test_a_seat_is_added_read_and_listed(team: Team, admin: Actor) -> None:
    path = f"{team.path}/participants"
    body = {"seat": "respondent", "perspective": "hr", "label": "  HR, day shift "}
    answer = await admin.post(path, body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"{path}/{made['id']}"
    token, reason = made.pop("token"), made.pop("token_reason")
    assert reason is None
    assert (made["label"], made["has_token"], made["withdrawn_at"]) == ("HR, day shift", True, None)
    read = await admin.get(answer.headers["location"])
    assert read.json() == made
    assert await admin.items(path) == [made]
    holder = team.tenancy.holder(token)
    me = (await holder.get("/v1/me")).json()
    seat = {"assessment_id": team.assessment["id"], "participant_id": made["id"], "seat": "respondent"}
    assert (me["kind"], me["seat"], me["grants"]) == ("seat", seat, [])
    assert await holder.items(path) == [made]


async def test_a_token_is_shown_once_and_nowhere_else(team: Team, admin: Actor) -> None:
    first = await admin.made(f"{team.path}/participants", {"seat": "observer", "label": "Guest"})
    path = f"{team.path}/participants/{first['id']}"
    second = (await admin.post(f"{path}/token")).json()
    assert second == {"participant_id": first["id"], "token": second["token"], "token_reason": None}
    patched = await admin.patch(path, {"label": "Visitor"})
    below = ("", "/participants", f"/participants/{first['id']}", "/history", "/readiness")
    shown = [patched.text, *[(await admin.get(team.path + end)).text for end in below]]
    for text in shown:
        assert first["token"] not in text
        assert second["token"] not in text
        assert "token_hash" not in text
        assert '"token"' not in text


async def test_exactly_respondents_have_a_perspective(team: Team, admin: Actor) -> None:
    path = f"{team.path}/participants"
    for seat in SEATS:
        with_one = await admin.post(path, {"seat": seat, "perspective": "manager"})
        without = await admin.post(path, {"seat": seat})
        good, bad = (with_one, without) if seat == "respondent" else (without, with_one)
        problem = refused(bad, 422, "perspective_mismatch")
        assert problem["errors"][0]["pointer"] == "/body/perspective"
        assert good.status_code == 201, good.text
        changed = f"{path}/{good.json()['id']}"
        wrong = {"perspective": None if seat == "respondent" else "manager"}
        refused(await admin.patch(changed, wrong), 422, "perspective_mismatch")
    refused(await admin.post(path, {"seat": "respondent", "perspective": "boss"}), 422, "invalid")
    refused(await admin.post(path, {"seat": "leader"}), 422, "invalid")
    listed = (await admin.get(path)).json()["items"]
    assert [(one["seat"], one["perspective"]) for one in listed] == [
        (seat, "manager" if seat == "respondent" else None) for seat in SEATS
    ]


async def test_there_is_one_administrator(team: Team, admin: Actor) -> None:
    path = f"{team.path}/participants"
    first = await admin.made(path, {"seat": "administrator"})
    refused(await admin.post(path, {"seat": "administrator"}), 409, "administrator_exists")
    other = await admin.made(path, {"seat": "observer"})
    refused(await admin.patch(f"{path}/{other['id']}", {"seat": "administrator"}), 409, "administrator_exists")
    assert (await admin.patch(f"{path}/{first['id']}", {"label": "Trained in May"})).status_code == 200
    assert (await admin.delete(f"{path}/{first['id']}")).status_code == 204
    became = await admin.patch(f"{path}/{other['id']}", {"seat": "administrator"})
    assert became.json()["seat"] == "administrator"
    refused(await admin.post(path, {"seat": "administrator"}), 409, "administrator_exists")


async def test_of_administrators_added_at_once_one_is(team: Team, admin: Actor) -> None:
    path = f"{team.path}/participants"
    answers = await asyncio.gather(*(admin.post(path, {"seat": "administrator"}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"administrator_exists"}
    assert len((await admin.get(path)).json()["items"]) == 1


async def test_a_new_token_ends_the_one_before(team: Team, admin: Actor) -> None:
    old = await team.seat("A")
    path = f"{team.path}/participants/{team.ids['A']}"
    assert (await old.get(team.path)).status_code == 200
    answer = await admin.post(f"{path}/token")
    assert answer.status_code == 201
    new = team.tenancy.holder(answer.json()["token"])
    team.tenancy.app.state.app_state.authenticate.invalidate()
    refused(await old.get(team.path), 401, "unauthorized")
    assert (await new.get(team.path)).status_code == 200
    assert (await new.get("/v1/me")).json()["seat"]["participant_id"] == team.ids["A"]


async def test_a_revoked_token_ends_within_a_second_and_can_be_issued_anew(team: Team, admin: Actor) -> None:
    seat = await team.seat("A")
    path = f"{team.path}/participants/{team.ids['A']}"
    assert (await seat.get(team.path)).status_code == 200
    assert (await admin.delete(f"{path}/token", if_match=None)).status_code == 204
    await asyncio.sleep(1.05)
    problem = await seat.get(team.path)
    refused(problem, 401, "token_revoked")
    assert problem.headers["www-authenticate"] == "Bearer"
    revoked = (await admin.get(path)).json()
    assert (revoked["has_token"], revoked["withdrawn_at"]) == (False, None)
    assert (await admin.delete(f"{path}/token")).status_code == 204
    assert (await admin.get(path)).json() == revoked
    again = team.tenancy.holder((await admin.post(f"{path}/token")).json()["token"])
    assert (await again.get(team.path)).status_code == 200
    assert (await admin.get(path)).json()["has_token"] is True
    refused(await seat.get(team.path), 401, "unauthorized")


async def test_a_withdrawn_seat_is_closed_for_good(team: Team, admin: Actor) -> None:
    seat = await team.seat("A")
    path = f"{team.path}/participants/{team.ids['A']}"
    refused(await admin.delete(path, if_match=None), 428, "precondition_required")
    refused(await admin.delete(path, if_match='"8.0"'), 412, "precondition_failed")
    tag = (await admin.get(path)).headers["etag"]
    assert (await admin.delete(path, if_match=tag)).status_code == 204
    team.tenancy.app.state.app_state.authenticate.invalidate()
    refused(await seat.get(team.path), 401, "token_revoked")
    gone = (await admin.get(path)).json()
    assert gone["has_token"] is False
    assert gone["withdrawn_at"] == gone["updated_at"]
    refused(await admin.delete(path), 409, "seat_withdrawn")
    refused(await admin.patch(path, {"label": "B"}), 409, "seat_withdrawn")
    refused(await admin.post(f"{path}/token"), 409, "seat_withdrawn")
    assert (await admin.get(path)).json() == gone
    listed = await admin.get(f"{team.path}/participants", params={"withdrawn": "true"})
    assert [one["id"] for one in listed.json()["items"]] == [team.ids["A"]]
    assert (await admin.get(f"{team.path}/participants", params={"withdrawn": "false"})).json()["items"] == []


async def test_respondents_are_invited_before_the_close_only(team: Team, admin: Actor) -> None:
    path = f"{team.path}/participants"
    respondent = {"seat": "respondent", "perspective": "finance"}
    await team.seat("A")
    await team.seat("Silent")
    observer = await admin.made(path, {"seat": "observer"})
    await team.move("collecting")
    await admin.made(path, respondent)
    assert (await team.vote("A", "P1", 1)).status_code == 201
    await team.move("consensus")
    invited = (await team.readiness())["voting"]["invited"]
    refused(await admin.post(path, respondent), 409, "voting_closed")
    refused(await admin.patch(f"{path}/{observer['id']}", respondent), 409, "voting_closed")
    # Nor does anybody stop being one: who was asked is settled.
    silent = f"{path}/{team.ids['Silent']}"
    refused(await admin.patch(silent, {"seat": "observer"}), 409, "seat_fixed")
    assert (await admin.patch(silent, {"perspective": "finance"})).status_code == 200
    assert (await team.readiness())["voting"]["invited"] == invited == 3
    assert (await admin.post(path, {"seat": "observer"})).status_code == 201
    await team.move("collecting", "Finance is missing")
    assert (await admin.post(path, respondent)).status_code == 201
    assert (await admin.patch(f"{path}/{observer['id']}", respondent)).status_code == 200
    assert (await team.readiness())["voting"]["invited"] == 5


async def test_a_seat_that_has_voted_stays_a_respondents(team: Team, admin: Actor) -> None:
    await team.seat("A")
    await team.seat("Silent")
    path = f"{team.path}/participants/{team.ids['A']}"
    await team.move("collecting")
    assert (await team.vote("A", "P1", 1)).status_code == 201
    for state in ("collecting", "consensus"):
        for other in ("observer", "administrator"):
            refused(await admin.patch(path, {"seat": other}), 409, "seat_fixed")
        if state == "collecting":
            await team.move("consensus")
    await team.move("collecting", "Again")
    refused(await admin.patch(path, {"seat": "observer"}), 409, "seat_fixed")
    assert (await admin.patch(path, {"perspective": "hr", "label": None})).json()["perspective"] == "hr"
    # Nor does the answer tell, rehearsed or not, who has not voted yet.
    silent = f"{team.path}/participants/{team.ids['Silent']}"
    for suffix in ("", "?dry_run=true"):
        refused(await admin.patch(silent + suffix, {"seat": "observer"}), 409, "seat_fixed")


async def test_a_drafts_respondent_may_become_an_observer(team: Team, admin: Actor) -> None:
    await team.seat("A")
    changed = await admin.patch(f"{team.path}/participants/{team.ids['A']}", {"seat": "observer"})
    assert (changed.json()["seat"], changed.json()["perspective"]) == ("observer", None)


async def test_a_seat_is_changed_at_the_version_that_was_read(team: Team, admin: Actor) -> None:
    await team.seat("A")
    path = f"{team.path}/participants/{team.ids['A']}"
    tag = (await admin.get(path)).headers["etag"]
    refused(await admin.patch(path, {"label": "B"}, if_match=None), 428, "precondition_required")
    changed = await admin.patch(path, {"label": None}, if_match=tag)
    assert (changed.json()["label"], changed.json()["version"]) == (None, 2)
    refused(await admin.patch(path, {"label": "B"}, if_match=tag), 412, "precondition_failed")
    assert (await admin.get(path, headers={"If-None-Match": changed.headers["etag"]})).status_code == 304
    for body in ({"seat": None}, {"token": "x"}, {"withdrawn_at": None}, {"assessment_id": str(uuid4())}):
        refused(await admin.patch(path, body), 422, "invalid")


async def test_a_seat_of_another_assessment_is_none_of_this(tenancy: Tenancy, team: Team, admin: Actor) -> None:
    other = await new_team(tenancy)
    await other.seat("A")
    await team.move("collecting")
    await other.move("collecting")
    for seat in (other.ids["A"], str(uuid4())):
        path = f"{team.path}/participants/{seat}"
        for answer in (
            await admin.get(path),
            await admin.patch(path, {"label": "B"}),
            await admin.delete(path),
            await admin.post(f"{path}/token"),
            await admin.delete(f"{path}/token"),
            await admin.put(f"{team.path}/votes/{seat}/P1", {"value": 1}),
        ):
            refused(answer, 404, "not_found")
    assert (await other.vote("A", "P1", 1)).status_code == 201


async def test_whose_seat_it_is_must_be_in_sight(tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor) -> None:
    mine, beside = await tenancy.organization(), await tenancy.organization()
    team = await new_team(tenancy, mine["id"])
    facilitator = await tenancy.key(("facilitator", mine["id"]))
    path = f"{team.path}/participants"
    here = await admin.made("/v1/people", {"organization_id": mine["id"], "name": "Coach"})
    there = await admin.made("/v1/people", {"organization_id": beside["id"], "name": "Coach"})
    foreign_root = {"organization_id": other_tenancy.root_id, "name": "Coach"}
    foreign = await other_tenancy.admin.made("/v1/people", foreign_root)
    answers = []
    for person in (str(uuid4()), there["id"], foreign["id"]):
        answer = await facilitator.post(path, {"seat": "observer", "person_id": person})
        problem = refused(answer, 422, "unknown_reference")
        answers.append({**problem, "request_id": ""})
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["errors"][0]["pointer"] == "/body/person_id"
    made = await facilitator.made(path, {"seat": "observer", "person_id": here["id"]})
    assert made["person_id"] == here["id"]
    refused(await facilitator.patch(f"{path}/{made['id']}", {"person_id": foreign["id"]}), 422, "unknown_reference")
    assert (await facilitator.patch(f"{path}/{made['id']}", {"person_id": None})).json()["person_id"] is None


async def test_only_who_runs_the_assessment_sees_to_its_seats(tenancy: Tenancy, team: Team, admin: Actor) -> None:
    seat = await team.seat("A")
    path = f"{team.path}/participants"
    for caller in (
        await tenancy.key(("viewer", tenancy.root_id)),
        await tenancy.key(("manager", tenancy.root_id)),
        seat,
    ):
        assert (await caller.get(path)).status_code == 200
        for answer in (
            await caller.post(path, {"seat": "observer"}),
            await caller.patch(f"{path}/{team.ids['A']}", {"label": "B"}),
            await caller.delete(f"{path}/{team.ids['A']}"),
            await caller.post(f"{path}/{team.ids['A']}/token"),
            await caller.delete(f"{path}/{team.ids['A']}/token"),
        ):
            refused(answer, 403, "forbidden")
    facilitator = await tenancy.key(("facilitator", tenancy.root_id))
    assert (await facilitator.post(path, {"seat": "observer"})).status_code == 201


async def test_a_void_assessment_issues_no_tokens_and_a_final_one_still_shows_itself(
    tenancy: Tenancy, team: Team, admin: Actor
) -> None:
    seat = await team.seat("A")
    await team.move("collecting")
    await team.move("void", "Because")
    path = f"{team.path}/participants"
    refused(await admin.post(f"{path}/{team.ids['A']}/token"), 423, "frozen")
    refused(await admin.post(path, {"seat": "observer"}), 423, "frozen")
    assert (await seat.get(team.path)).json()["state"] == "void"
    assert (await admin.delete(f"{path}/{team.ids['A']}/token")).status_code == 204


async def test_seats_are_filtered_and_paged(team: Team, admin: Actor) -> None:
    for perspective in ("hr", "manager", "hr"):
        await team.seat(f"{perspective} {len(team.seats)}", perspective=perspective)
    await team.seat("Guest", seat="observer")
    path = f"{team.path}/participants"
    every = [one["id"] for one in (await admin.get(path)).json()["items"]]
    assert every == list(team.ids.values())

    async def listed(**params: Any) -> list[str]:
        return [one["id"] for one in (await admin.get(path, params=params)).json()["items"]]

    assert await listed(seat="observer") == [every[3]]
    assert await listed(perspective="hr") == [every[0], every[2]]
    assert await listed(perspective="hr", seat="observer") == []
    refused(await admin.get(path, params={"person": "x"}), 422, "invalid")
    first = (await admin.get(path, params={"limit": 3})).json()
    assert await listed(limit=3, cursor=first["next_cursor"]) == every[3:]
    other = await new_team(team.tenancy)
    moved = await admin.get(f"{other.path}/participants", params={"limit": 3, "cursor": first["next_cursor"]})
    refused(moved, 400, "invalid_cursor")
