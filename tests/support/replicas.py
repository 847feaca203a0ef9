"""Two apps on one database, as two replicas are, and requests that meet in them."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings
from tests.support.actors import Actor, Tenancy
from tests.support.database import Urls

SEED = 20261005
#: Rounds of each race; in CI there are 200 and more of them altogether.
ROUNDS = 25 if os.environ.get("CI") else 6
_EVENTS = "select request_id, type, subject_id, data from outbox_events where tenant_id = $1 order by 1, 2, 3, 4"
_AUDIT = """
select request_id, action, subject_id, data from audit_events where tenant_id = $1 and outcome = 'done'
order by 1, 2, 3, 4
"""


@dataclass
class Meeting:
    """A tenant that is called through both apps, and all answers."""

    tenancy: Tenancy
    database: asyncpg.Connection
    clients: list[httpx.AsyncClient]
    apps: list[FastAPI]
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # delays, not secrets
    answers: list[httpx.Response] = field(default_factory=list)

    def both(self, actor: Actor) -> tuple[Actor, Actor]:
        """Return the same caller at either app."""
        one, other = (Actor(client, actor.token) for client in self.clients)
        return one, other

    @property
    def admins(self) -> tuple[Actor, Actor]:
        return self.both(self.tenancy.admin)

    async def at_once(self, *requests: Awaitable[httpx.Response]) -> list[httpx.Response]:
        """Send all, each after a few milliseconds at most, and so in any order."""

        async def send(request: Awaitable[httpx.Response], delay: float) -> httpx.Response:
            await asyncio.sleep(delay)
            return await request

        answers = await asyncio.gather(*(send(request, self.chance.uniform(0, 0.004)) for request in requests))
        self.answers += answers
        return list(answers)

    async def fetch(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Return rows of this tenant, as the owner sees them. The tenant is the query's first argument."""
        return [tuple(row) for row in await self.database.fetch(query, self.tenancy.tenant_id, *arguments)]

    async def settle(self) -> None:
        """Check that no request failed, that the audit trail has each granted request, and the feed each but votes."""
        assert {answer.status_code for answer in self.answers if answer.status_code >= 500} == set(), f"seed {SEED}"
        rows = await self.fetch(_AUDIT)
        assert await self.fetch(_EVENTS) == [row for row in rows if "vote_" not in row[1]], f"seed {SEED}"
        recorded = {request_id for request_id, *_ in rows}
        for answer in self.answers:
            done = answer.is_success and "idempotency-replayed" not in answer.headers
            assert (answer.headers["x-request-id"] in recorded) == done, (
                f"{answer.request.url}: {answer.text}; seed {SEED}"
            )


@pytest.fixture(scope="session")
async def replica(settings: Settings) -> AsyncIterator[FastAPI]:
    """A second app on the same database."""
    made = create_app(settings)
    yield made
    await made.state.app_state.database.close()


@pytest.fixture
async def meeting(app: FastAPI, replica: FastAPI, tenancy: Tenancy, urls: Urls) -> AsyncIterator[Meeting]:
    """Whatever a test makes meet, it is settled afterwards."""
    transport = httpx.ASGITransport(app=replica, raise_app_exceptions=False)
    database = await asyncpg.connect(urls.owner)
    async with httpx.AsyncClient(transport=transport, base_url="http://replica") as client:
        made = Meeting(tenancy, database, [tenancy.http, client], [app, replica])
        yield made
        await made.settle()
    await database.close()
