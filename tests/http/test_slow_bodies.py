"""A body may take long to arrive; the credential of its head must still work at its end."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import APIRouter, Response

from app.http import gateway
from app.http.context import ContextDep
from app.http.needs import BodyKind, Needs, needs
from app.main import create_app
from app.settings import Settings
from tests.http.conftest import Serve, caller
from tests.support.accounts import Account, new_account, problem
from tests.support.actors import Actor, Tenancy

JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def every_body_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "_PROMPT_SECONDS", -1.0)


async def in_halves(content: bytes, meanwhile: Callable[[], Awaitable[httpx.Response]]) -> AsyncIterator[bytes]:
    yield content[:5]
    assert (await meanwhile()).is_success
    yield content[5:]


async def post(
    account: Account, tenancy: Tenancy, meanwhile: Callable[[], Awaitable[httpx.Response]]
) -> httpx.Response:
    content = f'{{"organization_id": "{tenancy.root_id}", "name": "Person"}}'.encode()
    return await account.actor.call("POST", "/v1/people", content=in_halves(content, meanwhile), headers=JSON)


async def test_a_key_that_is_revoked_while_the_body_arrives_writes_nothing(tenancy: Tenancy, admin: Actor) -> None:
    account = await new_account(tenancy, ("admin", tenancy.root_id))
    answer = await post(account, tenancy, lambda: admin.delete(f"/v1/api-keys/{account.key_id}"))
    assert problem(answer) == (401, "key_revoked")
    assert await admin.items("/v1/people") == []


async def test_a_secret_that_ends_while_the_body_arrives_writes_nothing(tenancy: Tenancy, admin: Actor) -> None:
    account = await new_account(tenancy, ("admin", tenancy.root_id))
    path = f"/v1/api-keys/{account.key_id}/rotation"
    answer = await post(account, tenancy, lambda: admin.post(path, {"overlap_seconds": 0}))
    assert problem(answer) == (401, "unauthorized")
    assert await admin.items("/v1/people") == []


async def test_a_key_that_still_works_writes(tenancy: Tenancy, admin: Actor) -> None:
    account = await new_account(tenancy, ("admin", tenancy.root_id))
    assert (await post(account, tenancy, lambda: admin.get("/v1/me"))).status_code == 201


async def test_a_stream_does_not_end_for_a_key_that_was_revoked(serve: Serve, tenancy: Tenancy, admin: Actor) -> None:
    router, account = APIRouter(), await new_account(tenancy, ("admin", tenancy.root_id))
    read: list[bytes] = []

    @router.post("/v1/odd")
    @needs(Needs(body=BodyKind.STREAM))
    async def odd(context: ContextDep) -> Response:
        """Read the body."""
        read.extend([piece async for piece in context.stream()])
        return Response()

    app = await serve(router)

    async def revoke() -> httpx.Response:
        answer = await admin.delete(f"/v1/api-keys/{account.key_id}")
        app.state.app_state.invalidate()
        return answer

    actor = caller(app, account.actor.token)
    answer = await actor.call("POST", "/v1/odd", content=in_halves(b"many bytes", revoke))
    assert (problem(answer), read) == ((401, "key_revoked"), [])


async def test_a_stream_ends_for_the_caller_as_they_are_then(serve: Serve, tenancy: Tenancy, admin: Actor) -> None:
    router, account = APIRouter(), await new_account(tenancy, ("admin", tenancy.root_id))

    @router.post("/v1/odd")
    @needs(Needs(body=BodyKind.STREAM))
    async def odd(context: ContextDep) -> Response:
        """Count the caller's roles before and after the body."""
        before = len(context.principal.grants)
        async for _ in context.stream():
            pass
        return Response(f"{before}, {len(context.principal.grants)}")

    app = await serve(router)

    async def take() -> httpx.Response:
        answer = await admin.delete(f"/v1/role-grants/{account.grants[0]}")
        app.state.app_state.invalidate()
        return answer

    actor = caller(app, account.actor.token)
    answer = await actor.call("POST", "/v1/odd", content=in_halves(b"many bytes", take))
    assert answer.text == "1, 0"


async def test_a_request_counts_once_however_long_its_body_takes(settings: Settings, tenancy: Tenancy) -> None:
    app = create_app(settings.model_copy(update={"rate_per_principal": 1}))
    body = {"organization_id": tenancy.root_id, "name": "Person"}
    assert (await caller(app, tenancy.admin.token).post("/v1/people", body)).status_code == 201
    await app.state.app_state.database.close()
