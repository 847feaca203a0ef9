"""What is cached of credentials: bounded, short-lived, and dropped where a credential changes."""

import asyncio
import time

import pytest
from fastapi import FastAPI

from app.access import authenticate
from app.access.authenticate import Authenticator, _LookupCache
from app.access.credentials import KeyRevoked
from app.errors import Unauthorized
from app.http.context import AppState
from tests.support.actors import Actor, Tenancy
from tests.support.statements import record_statements
from tests.support.team import new_team


def state(app: FastAPI) -> AppState:
    found: AppState = app.state.app_state
    return found


async def statements(app: FastAPI, actor: Actor, count: int) -> int:
    """Return how many statements some requests of one caller needed."""
    with record_statements(app) as sent:
        for _ in range(count):
            await actor.get("/v1/me")
    return len(sent)


async def test_an_unknown_credential_reaches_the_database_once_a_second(app: FastAPI, tenancy: Tenancy) -> None:
    token = f"fa_{tenancy.tenant_id.hex}_{'y' * 43}"
    state(app).invalidate()
    cache = state(app).authenticate._refused  # type: ignore[attr-defined]
    cache._seconds = 3600.0
    try:
        assert await statements(app, Actor(tenancy.http, token), 20) == 1
    finally:
        cache._seconds = authenticate._CACHED_SECONDS


async def test_what_is_no_credential_never_reaches_the_database(app: FastAPI, tenancy: Tenancy) -> None:
    assert await statements(app, Actor(tenancy.http, "fa_odd"), 5) == 0


async def test_the_first_kind_that_knows_a_token_decides() -> None:
    asked: list[str] = []

    class Kind:
        def __init__(self, name: str, found: type[Unauthorized] | None) -> None:
            self.name, self.found = name, found

        async def look_up(self, token: str) -> type[Unauthorized] | None:
            asked.append(self.name)
            return self.found

    chain = Authenticator([Kind("other", None), Kind("knows", KeyRevoked), Kind("later", Unauthorized)])
    for _ in range(2):
        with pytest.raises(KeyRevoked):
            await chain("Bearer token")
    assert asked == ["other", "knows"]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic eA==", f"Bearer {'x' * 9_000}"])
async def test_a_header_without_a_token_asks_no_kind(header: str | None) -> None:
    with pytest.raises(Unauthorized):
        await Authenticator([])(header)


async def test_spellings_of_the_scheme_share_an_entry(app: FastAPI, tenancy: Tenancy, admin: Actor) -> None:
    state(app).invalidate()
    cache = state(app).authenticate._valid  # type: ignore[attr-defined]
    for scheme in ("Bearer", "bearer", "BEARER", "bEARER"):
        answer = await tenancy.http.get("/v1/me", headers={"Authorization": f"{scheme} {admin.token}"})
        assert answer.status_code == 200
    assert len(cache) == 1


def test_the_cache_is_bounded_and_drops_what_came_first() -> None:
    cache = _LookupCache(seconds=1_000.0, most=3)
    now = time.monotonic()
    for number in range(5):
        cache.put(bytes([number]), Unauthorized, now)
    assert len(cache) == 3
    assert [cache.get(bytes([number])) for number in (0, 1, 2, 4)] == [None, None, Unauthorized, Unauthorized]


def test_expired_entries_are_dropped_when_another_is_added() -> None:
    cache = _LookupCache(seconds=1.0, most=1_000)
    long_ago = time.monotonic() - 5.0
    for number in range(100):
        cache.put(bytes([number]), Unauthorized, long_ago)
    assert cache.get(bytes([99])) is None
    cache.put(b"new", Unauthorized, time.monotonic())
    assert len(cache) == 1


async def test_a_principal_read_before_an_invalidation_is_not_cached(app: FastAPI, admin: Actor) -> None:
    made: Authenticator = state(app).authenticate  # type: ignore[assignment]
    made.invalidate()
    looking = asyncio.ensure_future(made(f"Bearer {admin.token}"))
    await asyncio.sleep(0)
    made.invalidate()
    await looking
    assert len(made._valid) == 0


async def test_a_revoked_seat_is_refused_at_once(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    seat = await team.seat("Seat")
    assert (await seat.get("/v1/me")).status_code == 200
    path = f"{team.path}/participants/{team.ids['Seat']}/token"
    assert (await admin.delete(path)).status_code == 204
    refused = await seat.get("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")
