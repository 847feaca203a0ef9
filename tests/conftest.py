"""One migrated database a run, or one for each worker; each test gets a fresh tenant, which is its isolation."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app import log
from app.db import sync_marks
from app.db.schema.migrate import migrate
from app.http.address_limits import AddressLimit
from app.main import create_app
from app.settings import Settings
from tests.support.actors import Actor, Tenancy, new_tenancy
from tests.support.database import Urls, without_waiting_for_the_disk
from tests.support.modes import MARKERS, deselect
from tests.support.servers import isolate, pooled, running
from tests.support.services import NOWHERE, WITHOUT_LIMITS
from tests.support.workers import ByPlace, put_longest_first

pytest_plugins = ("tests.support.replicas",)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByPlace | None:
    """Spread the tests over several workers, each with its server."""
    return ByPlace(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers of the modes."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not apply. One process alone keeps the order of the files."""
    deselect(config, items)
    if hasattr(config, "workerinput"):
        put_longest_first(items)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Everything runs on asyncio, in one loop a session."""
    return "asyncio"


@pytest.fixture(scope="session")
def server() -> Iterator[Urls]:
    """Start a PostgreSQL for this run."""
    with running() as urls:
        yield urls


@pytest.fixture(scope="session")
def urls(server: Urls) -> Iterator[Urls]:
    """The run's migrated database. It is gone after the run, so no commit waits for the disk."""
    asyncio.run(migrate(server.owner, server.role, login_is_separate=server.separate))
    without_waiting_for_the_disk(server)
    isolate(server)
    with pooled(server) as urls:
        yield urls


@pytest.fixture(scope="session")
def settings(urls: Urls) -> Settings:
    """The settings every test's app runs with."""
    return Settings(
        database_url=urls.service,
        owner_database_url=urls.owner if urls.separate else None,
        log_level="error",
        **WITHOUT_LIMITS,
        outgoing_networks=["127.0.0.0/8"],
        bamboohr_url=NOWHERE,
        pooler="transaction" if os.environ.get("FA_TEST_POOLER") else "none",
    )


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The app, as `serve` would build it."""
    log.configure(settings)
    made = create_app(settings)
    # All tests call from one address, and together they try more codes than one address may.
    made.state.app_state.claim_attempts = AddressLimit(burst=1_000_000, seconds=1)
    made.state.app_state.calendar_attempts = AddressLimit(burst=1_000_000, seconds=1)
    yield made
    await made.state.app_state.database.close()


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without credentials."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
async def database(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """The database, as its owner sees it."""
    connection = await asyncpg.connect(urls.owner)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def owner(urls: Urls) -> AsyncIterator[AsyncEngine]:
    """The owner's engine, as the command line has it."""
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(urls.owner))
    yield engine
    await engine.dispose()


@pytest.fixture
async def tenancy(owner: AsyncEngine, app: FastAPI, http: httpx.AsyncClient) -> Tenancy:
    """A fresh tenant with a root and its admin."""
    return await new_tenancy(owner, app, http)


@pytest.fixture
async def other_tenancy(owner: AsyncEngine, app: FastAPI, http: httpx.AsyncClient) -> Tenancy:
    """A second, foreign tenant."""
    return await new_tenancy(owner, app, http)


@pytest.fixture
def admin(tenancy: Tenancy) -> Actor:
    """The tenant's admin."""
    return tenancy.admin


@pytest.fixture
async def marks_known(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """No list asks for the running writes again, so that each costs the same number of statements."""
    monkeypatch.setattr(sync_marks, "_SECONDS_KEPT", float("inf"))
    assert (await admin.get("/v1/people")).status_code == 200
