"""A service on a separate PostgreSQL, which the tests may harm. One server serves a file of tests."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from app.http.context import AppState
from app.main import create_app
from app.settings import Settings
from app.telemetry.operations import operations_app
from tests.support.actors import Actor, Tenancy, new_tenancy
from tests.support.postgres import OwnPostgres, own_postgres
from tests.support.services import WITHOUT_LIMITS


@dataclass
class Service:
    """A running app, its server, and a tenant's admin."""

    app: FastAPI
    server: OwnPostgres
    http: httpx.AsyncClient
    operations: httpx.AsyncClient
    tenancy: Tenancy

    @property
    def admin(self) -> Actor:
        return self.tenancy.admin

    @property
    def path(self) -> str:
        """The root organization."""
        return f"/v1/organizations/{self.tenancy.root_id}"

    def site(self, name: str = "Site") -> dict[str, str]:
        """Return the body that creates an organization."""
        return {"parent_id": self.tenancy.root_id, "kind": "site", "name": name}


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnPostgres]:
    """A server for the tests of one file."""
    with own_postgres() as made:
        yield made


@pytest.fixture
async def service(own_server: OwnPostgres) -> AsyncIterator[Service]:
    """The app on that server, with one tenant."""
    await own_server.restore()
    service_url, owner_url = own_server.url("fa_app"), own_server.url("fa_owner")
    app = create_app(
        Settings(
            database_url=service_url, owner_database_url=owner_url, log_level="error", metrics_port=0, **WITHOUT_LIMITS
        )
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    owner = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(owner_url))
    state: AppState = app.state.app_state
    assert state.metrics is not None
    listener = httpx.ASGITransport(app=operations_app(state.metrics, state.database.health, lambda: False))
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://test", timeout=300) as http,
        httpx.AsyncClient(transport=listener, base_url="http://operations", timeout=300) as operations,
    ):
        tenancy = await new_tenancy(owner, app, http)
        await owner.dispose()
        yield Service(app, own_server, http, operations, tenancy)
    await app.state.app_state.database.close()
