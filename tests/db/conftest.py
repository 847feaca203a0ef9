"""The service behind a gate to its database."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings
from tests.support.actors import Actor, Tenancy
from tests.support.database import Urls
from tests.support.gate import Gate, gate_before


@pytest.fixture
async def gate(urls: Urls) -> AsyncIterator[Gate]:
    """The way to the database."""
    async with gate_before(urls.service) as made:
        yield made


@pytest.fixture
async def gated_app(gate: Gate, settings: Settings) -> AsyncIterator[FastAPI]:
    """The service, reaching its database through the gate."""
    made = create_app(settings, database_url=gate.through)
    yield made
    gate.is_open = True
    await made.state.app_state.database.close()


@pytest.fixture
async def client(gated_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that service."""
    transport = httpx.ASGITransport(app=gated_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=300) as made:
        yield made


@pytest.fixture
def gated(tenancy: Tenancy, client: httpx.AsyncClient) -> Actor:
    """The tenant's admin, calling through the gate."""
    return Actor(client, tenancy.admin.token)
