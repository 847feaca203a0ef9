"""One sandbox a run, looked at and never changed, and its app with the sandbox's clock."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.db.schema.migrate import migrate
from app.demo.make import Demo, make_demo
from app.demo.sandbox import DEFAULT_DAY, clock_for
from app.main import create_app
from app.settings import Settings
from tests.demo.databases import Rows, all_rows, owner_of
from tests.support.actors import Actor
from tests.support.database import Urls
from tests.support.databases import fresh_database
from tests.support.processes import open_folder
from tests.support.services import WITHOUT_LIMITS


def migrated(urls: Urls) -> Urls:
    """Migrate a database to this release's revision, and return it."""
    asyncio.run(migrate(urls.owner, urls.role, login_is_separate=urls.separate))
    return urls


def built(urls: Urls, day: Any = None) -> Demo:
    """Make the sandbox in this process."""

    async def make() -> Demo:
        async with owner_of(urls) as engine:
            return await make_demo(engine, day)

    return asyncio.run(make())


@pytest.fixture(scope="session")
def sandbox_urls(server: Urls) -> Iterator[Urls]:
    """A database that holds the sandbox alone."""
    with fresh_database(server) as urls:
        yield migrated(urls)


@pytest.fixture(scope="session")
def sandbox(sandbox_urls: Urls) -> Demo:
    """The sandbox's description, as its creation returns it."""
    return built(sandbox_urls)


@pytest.fixture(scope="session")
def rows(sandbox_urls: Urls, sandbox: Demo) -> Rows:
    """Every row of every table, as it was made."""
    assert sandbox.made
    return all_rows(sandbox_urls)


@pytest.fixture(scope="session")
async def sandbox_app(sandbox_urls: Urls, sandbox: Demo) -> AsyncIterator[FastAPI]:
    """The app as `make demo` serves it."""
    settings = Settings(
        database_url=sandbox_urls.service,
        owner_database_url=sandbox_urls.owner if sandbox_urls.separate else None,
        demo_date=DEFAULT_DAY,
        log_level="error",
        **WITHOUT_LIMITS,
    )
    made = create_app(settings, clock=clock_for(settings))
    yield made
    await made.state.app_state.database.close()


Holder = Callable[[str], Actor]


@pytest.fixture
async def holder(sandbox_app: FastAPI, rows: Rows) -> AsyncIterator[Holder]:
    """A caller with one of the sandbox's credentials."""
    transport = httpx.ASGITransport(app=sandbox_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield lambda credential: Actor(client, credential)


@pytest.fixture
def admin(holder: Holder, sandbox: Demo) -> Actor:
    """The sandbox's admin."""
    return holder(sandbox.keys["admin"])


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder every account can enter."""
    with open_folder() as path:
        yield path
