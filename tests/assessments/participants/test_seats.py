"""The seats of an assessment: who may sit where, what can change and when, withdrawing, adding many."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.team import Team, new_team

SEATS = ["administrator", "facilitator", "note_taker", "respondent", "observer"]


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
    invitation = made.pop("invitation")
    assert (invitation["code_reason"], invitation["join_url"]) == (None, None)
    assert (made["label"], made["has_token"], made["claimed_at"]) == ("HR, day shift", False, None)
    assert (made["channel"], made["withdrawn_at"]) == ("token", None)
    read = await admin.get(answer.headers["location"])
    assert read.json() == made
    assert (await admin.get(path)).json()["items"] == [made]


async def test_a_holder_sees_its_own_seat(team: Team, admin: Actor) -> None:
    holder = await team.seat("A")
    me = (await holder.get("/v1/me")).json()
    seat = {"assessment_id": team.assessment["id"], "participant_id": team.ids["A"], "seat": "respondent"}
    assert (me["kind"], me["seat"], me["grants"]) == ("seat", seat, [])
    path = f"{team.path}/participants"
    assert (await holder.get(path)).json()["items"] == (await admin.get(path)).json()["items"]


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
    refused(await admin.post(f"{path}/invitation"), 409, "seat_withdrawn")
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
    refused(await admin.patch(silent, {"perspective": "finance"}), 409, "seat_fixed")
    assert (await admin.patch(silent, {"label": "Still silent"})).status_code == 200
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
    assert (await admin.patch(path, {"label": None})).json()["label"] is None
    # The answer, rehearsed or not, does not show who has not voted yet.
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
    assert (changed.json()["label"], changed.json()["version"]) == (None, 3)
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
            await admin.post(f"{path}/invitation"),
            await admin.get(f"{path}/history"),
            await admin.delete(f"{path}/token"),
            await admin.put(f"{team.path}/votes/{seat}/P1", {"value": 1}),
        ):
            refused(answer, 404, "not_found")
    assert (await other.vote("A", "P1", 1)).status_code == 201


async def test_the_person_of_a_seat_must_be_visible(tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor) -> None:
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
            await caller.post(f"{path}/bulk", {"seats": [{"seat": "observer"}]}),
            await caller.post(f"{path}/{team.ids['A']}/invitation"),
            await caller.delete(f"{path}/{team.ids['A']}/token"),
        ):
            refused(answer, 403, "forbidden")
    facilitator = await tenancy.key(("facilitator", tenancy.root_id))
    assert (await facilitator.post(path, {"seat": "observer"})).status_code == 201


async def test_a_void_assessment_invites_nobody_and_still_shows_itself(team: Team, admin: Actor) -> None:
    seat = await team.seat("A")
    await team.move("collecting")
    await team.move("void", "Because")
    path = f"{team.path}/participants"
    refused(await admin.post(f"{path}/{team.ids['A']}/invitation"), 423, "frozen")
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


RESPONDENT = {"seat": "respondent", "perspective": "finance"}


async def test_many_seats_are_added_at_once(team: Team, admin: Actor) -> None:
    body = {"seats": [{**RESPONDENT, "label": str(number)} for number in range(199)] + [{"seat": "administrator"}]}
    answer = await admin.post(f"{team.path}/participants/bulk", body)
    assert answer.status_code == 201, answer.text
    made = answer.json()["items"]
    assert [one["label"] for one in made[:199]] == [str(number) for number in range(199)]
    assert len({one["invitation"]["code"] for one in made}) == 200
    listed = (await admin.get(f"{team.path}/participants?limit=200")).json()["items"]
    assert {one["id"] for one in listed} == {one["id"] for one in made}


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"seat": "respondent"}, "perspective_mismatch", "perspective"),
        ({"seat": "observer", "channel": "paper"}, "channel_mismatch", "channel"),
        ({**RESPONDENT, "person_id": str(uuid4())}, "unknown_reference", "person_id"),
    ],
)
async def test_of_many_seats_one_wrong_one_adds_none(
    team: Team, admin: Actor, wrong: dict[str, Any], code: str, field: str
) -> None:
    path = f"{team.path}/participants"
    problem = refused(await admin.post(f"{path}/bulk", {"seats": [RESPONDENT, wrong]}), 422, code)
    assert problem["errors"][0]["pointer"] == f"/body/seats/1/{field}"
    assert (await admin.get(path)).json()["items"] == []


async def test_two_administrators_at_once_are_refused(team: Team, admin: Actor) -> None:
    body = {"seats": [{"seat": "administrator"}, {"seat": "administrator"}]}
    refused(await admin.post(f"{team.path}/participants/bulk", body), 409, "administrator_exists")


@pytest.mark.parametrize("count", [0, 201])
async def test_how_many_seats_are_added_at_once_is_bounded(team: Team, admin: Actor, count: int) -> None:
    body = {"seats": [RESPONDENT] * count}
    refused(await admin.post(f"{team.path}/participants/bulk", body), 422, "invalid")


async def test_one_person_holds_one_respondents_seat(team: Team, admin: Actor) -> None:
    path = f"{team.path}/participants"
    person = await admin.made("/v1/people", {"organization_id": team.tenancy.root_id, "name": "Coach"})
    seat = {**RESPONDENT, "person_id": person["id"]}
    refused(await admin.post(f"{path}/bulk", {"seats": [seat, seat]}), 409, "person_seated")
    first = await admin.made(path, seat)
    refused(await admin.post(path, seat), 409, "person_seated")
    other = await admin.made(path, RESPONDENT)
    refused(await admin.patch(f"{path}/{other['id']}", {"person_id": person["id"]}), 409, "person_seated")
    note_taker = await admin.made(path, {"seat": "note_taker", "person_id": person["id"]})
    refused(await admin.patch(f"{path}/{note_taker['id']}", RESPONDENT), 409, "person_seated")
    assert (await admin.patch(f"{path}/{first['id']}", {"person_id": person["id"]})).status_code == 200
    assert (await admin.delete(f"{path}/{first['id']}")).status_code == 204
    assert (await admin.post(path, seat)).status_code == 201


async def test_an_inactive_person_gets_no_seat(team: Team, admin: Actor) -> None:
    path = f"{team.path}/participants"
    person = await admin.made("/v1/people", {"organization_id": team.tenancy.root_id, "name": "Coach"})
    assert (await admin.patch(f"/v1/people/{person['id']}", {"active": False})).status_code == 200
    for kind in (RESPONDENT, {"seat": "observer"}):
        refused(await admin.post(path, {**kind, "person_id": person["id"]}), 422, "inactive_person")
    seat = await admin.made(path, RESPONDENT)
    refused(await admin.patch(f"{path}/{seat['id']}", {"person_id": person["id"]}), 422, "inactive_person")


async def test_the_channel_changes_in_a_draft_only(team: Team, admin: Actor) -> None:
    await team.seat("A")
    await team.seat("B")
    path = f"{team.path}/participants"
    paper = await admin.patch(f"{path}/{team.ids['A']}", {"channel": "paper"})
    assert (paper.json()["channel"], paper.json()["has_token"]) == ("paper", False)
    refused(await team.seats["A"].get(team.path), 401, "token_revoked")
    await team.move("collecting")
    refused(await admin.patch(f"{path}/{team.ids['A']}", {"channel": "token"}), 409, "seat_fixed")
    refused(await admin.patch(f"{path}/{team.ids['B']}", {"channel": "paper"}), 409, "seat_fixed")


async def test_only_respondents_have_paper_seats(team: Team, admin: Actor) -> None:
    path = f"{team.path}/participants"
    refused(await admin.post(path, {"seat": "observer", "channel": "paper"}), 422, "channel_mismatch")
    await team.paper("Paper")
    changed = f"{path}/{team.ids['Paper']}"
    refused(await admin.patch(changed, {"seat": "observer"}), 422, "channel_mismatch")
    assert (await admin.patch(changed, {"seat": "observer", "channel": "token"})).status_code == 200


@pytest.mark.parametrize("change", [{"perspective": "hr"}, {"person_id": None}, {"seat": "observer"}])
async def test_what_figures_depend_on_is_fixed_by_the_first_close(
    team: Team, admin: Actor, change: dict[str, Any]
) -> None:
    person = await admin.made("/v1/people", {"organization_id": team.tenancy.root_id, "name": "Coach"})
    for label in ("Voter", "Silent"):
        await team.invited(label, **({"person_id": person["id"]} if label == "Voter" else {}))
    await team.reseat("Voter")
    await team.move("collecting")
    assert (await team.vote("Voter", "P1", 1)).status_code == 201
    await team.move("consensus")
    await team.move("collecting", "Again")
    refused(await admin.patch(f"{team.path}/participants/{team.ids['Voter']}", change), 409, "seat_fixed")
    if "person_id" not in change:
        refused(await admin.patch(f"{team.path}/participants/{team.ids['Silent']}", change), 409, "seat_fixed")


async def test_a_new_seat_is_answered_as_it_is_read_with_its_invitation(team: Team, admin: Actor) -> None:
    body = {"seat": "respondent", "perspective": "hr", "label": "Night shift"}
    made = (await admin.post(f"{team.path}/participants", body)).json()
    invitation = made.pop("invitation")
    assert invitation["code"]
    assert (await admin.get(f"{team.path}/participants/{made['id']}")).json() == made
