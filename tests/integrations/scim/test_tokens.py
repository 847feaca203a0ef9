"""The tokens of identity providers: who makes them, what they open, and when they end."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.access.credential_uses import CredentialUses
from app.http.needs import needs_of
from tests.support.actors import Actor, Tenancy
from tests.support.scim import GROUPS, USERS, new_provisioner, user

pytestmark = pytest.mark.anyio
TOKENS = "/v1/scim-tokens"


async def test_two_tokens_work_at_the_same_time_and_no_third(tenancy: Tenancy) -> None:
    first, second = [await new_provisioner(tenancy) for _ in range(2)]
    refused = await tenancy.admin.post(TOKENS, {"name": "Third"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_scim_tokens")
    oldest = (await tenancy.admin.items(TOKENS))[0]
    assert (await tenancy.admin.delete(f"{TOKENS}/{oldest['id']}")).status_code == 204
    assert [(await caller.get(USERS)).status_code for caller in (first, second)] == [401, 200]
    assert (await tenancy.admin.post(TOKENS, {"name": "Third"})).status_code == 201


async def test_the_list_shows_which_of_two_tokens_was_used_last(tenancy: Tenancy, app: FastAPI) -> None:
    _, second = [await new_provisioner(tenancy) for _ in range(2)]
    instant = datetime(2026, 10, 5, 13, tzinfo=UTC)
    uses = CredentialUses(app.state.app_state.database, lambda: instant)
    uses.note(await app.state.app_state.authenticate(f"Bearer {second.token}"))
    await uses.write()
    listed = await tenancy.admin.items(TOKENS)
    assert [one["last_used_at"] for one in listed] == [None, "2026-10-05T13:00:00Z"]
    assert [one["version"] for one in listed] == [1, 1]


async def test_of_three_creations_at_once_one_is_refused(admin: Actor) -> None:
    answers = await asyncio.gather(*(admin.post(TOKENS, {"name": "Token"}) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409]


async def test_a_token_is_shown_once(admin: Actor) -> None:
    key = {"Idempotency-Key": "once"}
    first, again = [await admin.post(TOKENS, {"name": "Token"}, headers=key) for _ in range(2)]
    assert first.json()["token"].startswith("fi_")
    assert (again.json()["token"], again.json()["token_reason"]) == (None, "secret_not_replayable")
    assert "token" not in (await admin.get(f"{TOKENS}/{first.json()['id']}")).json()


async def test_an_expired_token_opens_nothing(tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=1)
    made = await tenancy.admin.made(TOKENS, {"name": "Short", "expires_at": ends.isoformat()})
    await asyncio.sleep(2.5)
    answer = await Actor(tenancy.http, made["token"]).get(USERS)
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/scim+json"


async def test_only_an_admin_of_the_whole_tenant_sees_or_makes_tokens(tenancy: Tenancy) -> None:
    made = await tenancy.admin.made(TOKENS, {"name": "Token"})
    site = await tenancy.organization()
    for caller in (await tenancy.key(("admin", site["id"])), await tenancy.key(("integrator", tenancy.root_id))):
        assert (await caller.get(TOKENS)).status_code == 403
        assert (await caller.post(TOKENS, {"name": "Token"})).status_code == 403
        assert (await caller.get(f"{TOKENS}/{made['id']}")).status_code == 403
        assert (await caller.delete(f"{TOKENS}/{made['id']}")).status_code == 403


async def test_a_token_of_another_tenant_is_missing(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    made = await tenancy.admin.made(TOKENS, {"name": "Token"})
    assert (await other_tenancy.admin.get(f"{TOKENS}/{made['id']}")).status_code == 404
    assert (await other_tenancy.admin.delete(f"{TOKENS}/{made['id']}")).status_code == 404


@pytest.mark.parametrize("path", ["/v1/me", "/v1/people", "/v1/organizations", TOKENS, "/v1/audit-events"])
async def test_a_token_opens_no_other_route(tenancy: Tenancy, path: str) -> None:
    assert (await (await new_provisioner(tenancy)).get(path)).status_code == 401


@pytest.mark.parametrize("token", ["nothing", "fi_" + "0" * 32 + "_" + "a" * 43])
async def test_a_refusal_asks_for_a_token_of_scim(http: httpx.AsyncClient, token: str) -> None:
    answer = await Actor(http, token).get(USERS)
    assert (answer.status_code, answer.json()["detail"]) == (401, "Send a SCIM token as Authorization: Bearer.")


async def test_no_other_credential_opens_the_routes_of_scim(tenancy: Tenancy, http: httpx.AsyncClient) -> None:
    calls: list[tuple[str, str, Any]] = [
        ("GET", USERS, None),
        ("POST", USERS, user("a")),
        ("POST", f"{USERS}/.search", {}),
        ("POST", "/scim/v2/.search", {}),
        ("GET", f"{USERS}/x", None),
        ("PUT", f"{USERS}/x", user("a")),
        ("PATCH", f"{USERS}/x", {}),
        ("DELETE", f"{USERS}/x", None),
        ("GET", GROUPS, None),
        ("POST", GROUPS, {}),
        ("POST", f"{GROUPS}/.search", {}),
        ("GET", f"{GROUPS}/x", None),
        ("PUT", f"{GROUPS}/x", {}),
        ("PATCH", f"{GROUPS}/x", {}),
        ("DELETE", f"{GROUPS}/x", None),
        ("POST", "/scim/v2/Bulk", {}),
        ("GET", "/scim/v2/ServiceProviderConfig", None),
        ("GET", "/scim/v2/ResourceTypes", None),
        ("GET", "/scim/v2/ResourceTypes/User", None),
        ("GET", "/scim/v2/Schemas", None),
        ("GET", "/scim/v2/Schemas/x", None),
    ]
    for caller in (tenancy.admin, Actor(http, "nothing")):
        for method, path, body in calls:
            answer = await caller.call(method, path, json=body)
            assert (answer.status_code, answer.json()["status"]) == (401, "401"), (method, path)
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_every_route_of_scim_takes_a_scim_token_alone(app: FastAPI) -> None:
    routes = [route for route in app.routes if getattr(route, "path", "").startswith("/scim/")]
    assert len(routes) >= 21
    assert all(needs_of(route).provisioning for route in routes)


async def test_users_of_one_tenant_are_missing_in_another(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    idp, other = await new_provisioner(tenancy), await new_provisioner(other_tenancy)
    made = await idp.made(USERS, user("ana", externalId="a"))
    path = f"{USERS}/{made['id']}"
    assert (await other.get(USERS)).json()["totalResults"] == 0
    for method, body in (("GET", None), ("PUT", user("b")), ("DELETE", None)):
        assert (await other.call(method, path, json=body)).status_code == 404
    await other.made(USERS, user("ana", externalId="a"))
