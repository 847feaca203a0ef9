"""FA_AUTH=dev, and pages on loopback that call the sandbox."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.support.actors import Tenancy

Serve = Callable[..., Any]


@pytest.fixture
def serve(settings: Settings) -> Serve:
    @asynccontextmanager
    async def serving(**changed: Any) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(settings.model_copy(update=changed))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            yield client
        await app.state.app_state.database.close()

    return serving


@pytest.mark.usefixtures("tenancy")
async def test_a_request_without_credentials_is_the_local_admins(serve: Serve) -> None:
    async with serve(auth="dev") as client:
        me = (await client.get("/v1/me")).json()
        assert (me["kind"], me["name"]) == ("dev", "Local admin")
        assert [grant["role"] for grant in me["grants"]] == ["admin"]
        body = {"organization_id": me["grants"][0]["organization_id"], "name": "Person"}
        assert (await client.post("/v1/people", json=body)).status_code == 201


@pytest.mark.usefixtures("tenancy")
async def test_the_local_admin_waits_for_events(serve: Serve) -> None:
    async with serve(auth="dev") as client:
        after = (await client.get("/v1/events?after=latest")).json()["next_after"]
        waiting = asyncio.ensure_future(client.get("/v1/events", params={"after": after, "wait": 30}))
        await asyncio.sleep(0.1)
        root = (await client.get("/v1/me")).json()["grants"][0]["organization_id"]
        made = await client.post("/v1/people", json={"organization_id": root, "name": "Person"})
        answer = await waiting
        assert answer.status_code == 200
        assert made.json()["id"] in {event["subject_id"] for event in answer.json()["items"]}


async def test_credentials_count_as_ever(serve: Serve, tenancy: Tenancy) -> None:
    async with serve(auth="dev") as client:
        headers = {"Authorization": f"Bearer {tenancy.admin.token}"}
        assert (await client.get("/v1/me", headers=headers)).json()["tenant_id"] == str(tenancy.tenant_id)
        assert (await client.get("/v1/me", headers={"Authorization": "Bearer fa_odd"})).status_code == 401


@pytest.mark.usefixtures("tenancy")
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:8000"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example:8000"},
        {"Host": "evil.example#127.0.0.1"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8000@evil.example"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
    ],
)
async def test_a_page_of_another_site_and_a_forwarded_request_are_nobodys(
    serve: Serve, headers: dict[str, str]
) -> None:
    async with serve(auth="dev") as client:
        assert (await client.get("/v1/me", headers=headers)).status_code == 401


async def test_nobody_is_let_in_without_the_setting(serve: Serve) -> None:
    async with serve() as client:
        assert (await client.get("/v1/me")).status_code == 401


@pytest.mark.parametrize("changed", [{"auth": "dev"}, {"demo_date": date(2026, 10, 1)}])
@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:3000", "https://[::1]"])
async def test_pages_on_loopback_may_call_the_sandbox(serve: Serve, changed: dict[str, Any], origin: str) -> None:
    async with serve(**changed) as client:
        asked = {"Origin": origin, "Access-Control-Request-Method": "PATCH"}
        answer = await client.options("/v1/people", headers=asked)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)


@pytest.mark.parametrize(
    ("changed", "origin"),
    [
        ({"demo_date": date(2026, 10, 1)}, "https://evil.example"),
        ({"demo_date": date(2026, 10, 1)}, "http://localhost.evil.example"),
        ({"demo_date": date(2026, 10, 1)}, "http://localhost:80@evil.example"),
        ({"demo_date": date(2026, 10, 1), "behind_proxy": True}, "http://localhost:5173"),
        ({}, "http://localhost:5173"),
    ],
)
async def test_no_other_page_may(serve: Serve, changed: dict[str, Any], origin: str) -> None:
    async with serve(**changed) as client:
        answer = await client.get("/healthz/live", headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers
