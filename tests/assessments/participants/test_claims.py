"""Invitations and claims: who gets a token, what a code is worth, and what the history of a seat shows."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from app.assessments.participants.codes import Code
from app.main import create_app
from app.settings import Settings
from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.team import Team, new_team

CLAIM = "/v1/seats/claim"


@pytest.fixture(autouse=True)
async def limited(app: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with the attempts that the service allows an address."""
    monkeypatch.setattr(app.state.app_state, "claim_attempts", create_app(settings).state.app_state.claim_attempts)


@pytest.fixture
async def team(tenancy: Tenancy) -> Team:
    """A draft without seats."""
    return await new_team(tenancy)


@pytest.fixture
async def stranger(app: FastAPI, request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    """A client without credentials, at an address that no other client has."""
    number = abs(hash(request.node.nodeid)) % 2**16
    transport = httpx.ASGITransport(app=app, client=(f"2001:db8:{number:x}::1", 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def wrong(code: str) -> str:
    """Return a code with the same selector and another verifier."""
    return code[:-1] + ("0" if code[-1] != "0" else "1")


async def test_a_claim_answers_with_the_token_and_what_it_opens(team: Team, stranger: httpx.AsyncClient) -> None:
    made = await team.invited("A", perspective="hr")
    answer = await stranger.post(CLAIM, json={"code": made["invitation"]["code"]})
    assert answer.status_code == 201, answer.text
    token = answer.json().pop("token")
    assert answer.json() == {
        "token": token,
        "token_reason": None,
        "expires_at": None,
        "participant_id": made["id"],
        "seat": "respondent",
        "perspective": "hr",
        "assessment_id": team.assessment["id"],
        "assessment_title": "Baseline",
        "voting_opens_at": None,
        "voting_closes_at": None,
    }
    assert (await team.tenancy.holder(token).get("/v1/me")).json()["seat"]["participant_id"] == made["id"]


async def test_a_code_has_ten_characters_and_ends_after_a_week(team: Team) -> None:
    invitation = (await team.invited("A"))["invitation"]
    assert Code.parse(invitation["code"]) is not None
    assert len(invitation["code"]) == 10
    left = datetime.fromisoformat(invitation["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


@pytest.mark.parametrize("form", [str.lower, lambda code: f" {code[:4]}-{code[4:7]} {code[7:]} "])
async def test_a_code_is_read_as_people_type_it(team: Team, stranger: httpx.AsyncClient, form: Any) -> None:
    code = (await team.invited("A"))["invitation"]["code"]
    assert (await stranger.post(CLAIM, json={"code": form(code)})).status_code == 201


async def test_a_code_works_once(team: Team, stranger: httpx.AsyncClient) -> None:
    code = (await team.invited("A"))["invitation"]["code"]
    answers = await asyncio.gather(*(stranger.post(CLAIM, json={"code": code}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 404, 404, 404]


async def test_codes_that_open_nothing_answer_alike(team: Team, admin: Actor, stranger: httpx.AsyncClient) -> None:
    codes = {label: (await team.invited(label))["invitation"]["code"] for label in ("used", "again", "gone", "revoked")}
    await team.claim("used", codes["used"])
    await team.invite_again("again")
    await team.withdraw("gone")
    assert (await admin.delete(f"{team.path}/participants/{team.ids['revoked']}/token")).status_code == 204
    live = (await team.invited("live"))["invitation"]["code"]
    tried = [*codes.values(), wrong(live), "ZZZZZZZZZZ", "not a code", "UUUUUUUUUU"]
    answers = [await stranger.post(CLAIM, json={"code": code}) for code in tried]
    bodies = [{**refused(answer, 404, "invitation_not_found"), "request_id": ""} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert not any(code in answer.text for code, answer in zip(tried, answers, strict=True))


async def test_a_void_assessment_takes_no_claim(team: Team, stranger: httpx.AsyncClient) -> None:
    code = (await team.invited("A"))["invitation"]["code"]
    await team.move("collecting")
    await team.move("void", "Because")
    refused(await stranger.post(CLAIM, json={"code": code}), 404, "invitation_not_found")


async def test_an_expired_code_opens_nothing(
    team: Team, stranger: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (await team.invited("A"))["invitation"]["code"]
    later = datetime.now(UTC) + timedelta(days=7, seconds=1)
    monkeypatch.setattr(team.tenancy.app.state.app_state, "clock", lambda: later)
    refused(await stranger.post(CLAIM, json={"code": code}), 404, "invitation_not_found")


async def test_five_attempts_close_an_invitation(team: Team, stranger: httpx.AsyncClient) -> None:
    code = (await team.invited("A"))["invitation"]["code"]
    for _ in range(5):
        refused(await stranger.post(CLAIM, json={"code": wrong(code)}), 404, "invitation_not_found")
    refused(await stranger.post(CLAIM, json={"code": code}), 404, "invitation_not_found")
    assert (await stranger.post(CLAIM, json={"code": await team.invite_again("A")})).status_code == 201


async def test_attempts_at_once_are_counted_one_by_one(
    team: Team, stranger: httpx.AsyncClient, database: asyncpg.Connection
) -> None:
    code = (await team.invited("A"))["invitation"]["code"]
    await asyncio.gather(*(stranger.post(CLAIM, json={"code": wrong(code)}) for _ in range(12)))
    assert await database.fetchval("select attempts from invitation_codes where selector = $1", code[:4]) == 5


async def test_an_address_may_try_a_few_codes(stranger: httpx.AsyncClient, team: Team) -> None:
    for _ in range(20):
        refused(await stranger.post(CLAIM, json={"code": "ZZZZZZZZZZ"}), 404, "invitation_not_found")
    answer = await stranger.post(CLAIM, json={"code": (await team.invited("A"))["invitation"]["code"]})
    refused(answer, 429, "too_many_attempts")
    assert 1 <= int(answer.headers["retry-after"]) <= 6


async def test_a_claim_takes_a_small_body(stranger: httpx.AsyncClient) -> None:
    refused(await stranger.post(CLAIM, json={"code": "Z" * 2_000}), 413, "payload_too_large")


@pytest.mark.parametrize("separate", [False, True])
async def test_an_address_cannot_be_forged_below_a_proxy(
    stranger: httpx.AsyncClient, team: Team, monkeypatch: pytest.MonkeyPatch, separate: bool
) -> None:
    state = team.tenancy.app.state.app_state
    monkeypatch.setattr(state, "settings", state.settings.model_copy(update={"behind_proxy": True}))
    seen, statuses = f"192.0.2.{7 + separate}", []
    for attempt in range(21):
        hops = [f"10.0.0.{attempt}", seen] if separate else [f"10.0.0.{attempt}, {seen}"]
        headers = [("X-Forwarded-For", hop) for hop in hops]
        statuses.append((await stranger.post(CLAIM, json={"code": "ZZZZZZZZZZ"}, headers=headers)).status_code)
    assert statuses == [404] * 20 + [429]


async def test_invitations_without_a_free_code_are_refused_for_now(
    team: Team, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = Code.parse((await team.invited("A"))["invitation"]["code"])
    monkeypatch.setattr(Code, "draw", classmethod(lambda _: code))
    answer = await admin.post(f"{team.path}/participants", {"seat": "observer"})
    refused(answer, 503, "unavailable")


async def test_good_claims_do_not_use_up_an_address(stranger: httpx.AsyncClient, team: Team, admin: Actor) -> None:
    body = {"seats": [{"seat": "observer"}] * 30}
    made = await admin.made(f"{team.path}/participants/bulk", body)
    for seat in made["items"]:
        answer = await stranger.post(CLAIM, json={"code": seat["invitation"]["code"]})
        assert answer.status_code == 201, answer.text


async def test_only_hashes_are_stored(team: Team, database: asyncpg.Connection) -> None:
    code = (await team.invited("A"))["invitation"]["code"]
    token = (await team.seat("B")).token
    tables = [row[0] for row in await database.fetch("select tablename from pg_tables where schemaname = 'public'")]
    for table in tables:
        texts = [row[0] for row in await database.fetch(f"select t::text from {table} t")]
        assert not any(code[4:] in text or token[-43:] in text for text in texts), table


async def test_no_key_ever_sees_a_token(team: Team, admin: Actor) -> None:
    token = (await team.seat("A")).token
    path = f"{team.path}/participants/{team.ids['A']}"
    shown = [(await admin.get(team.path + end)).text for end in ("", "/participants", "/history", "/readiness")]
    shown += [(await admin.get(path)).text, (await admin.get(f"{path}/history")).text]
    shown += [(await admin.patch(path, {"label": "B"})).text, (await admin.post(f"{path}/invitation")).text]
    for text in shown:
        assert token not in text
        assert '"token":' not in text
        assert "token_hash" not in text


@pytest.mark.parametrize("where", ["", "/bulk"])
async def test_a_repeated_or_rehearsed_request_shows_no_code(team: Team, admin: Actor, where: str) -> None:
    path = f"{team.path}/participants{where}"
    body: dict[str, Any] = {"seats": [{"seat": "observer"}]} if where else {"seat": "observer"}

    async def invitation(**kwargs: Any) -> Any:
        answer = (await admin.post(kwargs.pop("path", path), body, **kwargs)).json()
        return (answer["items"][0] if where else answer)["invitation"]

    key = {"headers": {"Idempotency-Key": "once"}}
    first, again = await invitation(**key), await invitation(**key)
    assert first["code"] is not None
    assert (again["code"], again["code_reason"], again["join_url"]) == (None, "secret_not_replayable", None)
    rehearsed = await invitation(path=path + "?dry_run=true")
    assert (rehearsed["code"], rehearsed["code_reason"]) == (None, "dry_run")


async def test_a_claim_is_neither_rehearsed_nor_kept(
    team: Team, stranger: httpx.AsyncClient, database: asyncpg.Connection
) -> None:
    code = (await team.invited("A"))["invitation"]["code"]
    refused(await stranger.post(f"{CLAIM}?dry_run=true", json={"code": code}), 422, "invalid")
    headers = {"Idempotency-Key": "once"}
    assert (await stranger.post(CLAIM, json={"code": code}, headers=headers)).status_code == 201
    kept = "select count(*) from idempotency_keys where tenant_id = $1"
    assert await database.fetchval(kept, team.tenancy.tenant_id) == 0


async def test_a_join_link_carries_the_code_after_the_hash(
    team: Team, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = team.tenancy.app.state.app_state
    settings = state.settings.model_copy(update={"public_url": "https://fa.example.org/app/"})
    monkeypatch.setattr(state, "settings", settings)
    invitation = (await team.invited("A"))["invitation"]
    assert invitation["join_url"] == f"https://fa.example.org/app/join#{invitation['code']}"


async def test_inviting_again_ends_the_token_and_the_open_code(team: Team, stranger: httpx.AsyncClient) -> None:
    old = await team.seat("A")
    first = await team.invite_again("A")
    refused(await old.get(team.path), 401, "token_revoked")
    second = await team.invite_again("A")
    refused(await stranger.post(CLAIM, json={"code": first}), 404, "invitation_not_found")
    new = await team.claim("A", second)
    assert (await new.get(team.path)).status_code == 200
    refused(await old.get(team.path), 401, "unauthorized")


async def test_a_revoked_token_ends_at_once(team: Team, admin: Actor) -> None:
    seat = await team.seat("A")
    path = f"{team.path}/participants/{team.ids['A']}"
    assert (await seat.get(team.path)).status_code == 200
    assert (await admin.delete(f"{path}/token", if_match=None)).status_code == 204
    problem = await seat.get(team.path)
    refused(problem, 401, "token_revoked")
    assert problem.headers["www-authenticate"] == "Bearer"
    revoked = (await admin.get(path)).json()
    assert (revoked["has_token"], revoked["claimed_at"], revoked["withdrawn_at"]) == (False, None, None)
    assert (await admin.delete(f"{path}/token")).status_code == 204
    assert (await admin.get(path)).json() == revoked


async def test_the_history_of_a_seat_says_what_happened_and_who_did_it(team: Team, admin: Actor) -> None:
    await team.seat("A")
    await team.move("collecting")
    await team.vote("A", "P1", 1)
    await team.reseat("A")
    assert (await admin.delete(f"{team.path}/participants/{team.ids['A']}/token")).status_code == 204
    await team.withdraw("A")
    history = (await admin.get(f"{team.path}/participants/{team.ids['A']}/history")).json()["items"]
    me = (await admin.get("/v1/me")).json()["id"]
    seat = team.ids["A"]
    assert [(one["event"], one["actor_id"]) for one in history] == [
        ("invited", me),
        ("claimed", seat),
        ("re_invited", me),
        ("claimed", seat),
        ("token_revoked", me),
        ("withdrawn", me),
    ]


async def test_a_paper_seat_is_not_invited(team: Team, admin: Actor) -> None:
    await team.paper("Paper")
    path = f"{team.path}/participants/{team.ids['Paper']}"
    refused(await admin.post(f"{path}/invitation"), 409, "paper_seat")
    assert (await admin.get(f"{path}/history")).json()["items"] == []
