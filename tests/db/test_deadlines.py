"""A request has one deadline for all that it asks of the database."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.support.actors import Actor, Tenancy
from tests.support.gate import Gate

SECONDS = 5.0


@pytest.fixture
async def hurried(tenancy: Tenancy, gate: Gate, settings: Settings) -> AsyncIterator[Actor]:
    """The tenant's admin, whose requests have a few seconds."""
    app = create_app(settings.model_copy(update={"request_seconds": SECONDS}), database_url=gate.through)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Actor(client, tenancy.admin.token)
    await app.state.app_state.database.close()


async def test_reads_that_are_in_time_one_by_one_are_late_together(
    hurried: Actor, tenancy: Tenancy, gate: Gate
) -> None:
    path = f"/v1/organizations/{tenancy.root_id}"
    assert (await hurried.get(path)).status_code == 200
    await asyncio.sleep(1.1)  # the principal is read again
    gate.delay = SECONDS * 0.7
    late = await hurried.get(path)
    assert (late.status_code, late.json()["code"]) == (503, "unavailable")
    gate.delay = 0
    assert (await hurried.get(path)).status_code == 200


async def test_a_commit_that_is_not_answered_in_time_has_an_unknown_outcome(
    hurried: Actor, tenancy: Tenancy, gate: Gate
) -> None:
    body = {"parent_id": tenancy.root_id, "kind": "site", "name": "Site"}
    assert (await hurried.post("/v1/organizations", body)).status_code == 201
    body["name"] = f"Site {uuid4()}"
    gate.first_words, gate.last_words = body["name"].encode(), b"commit"
    late = await hurried.post("/v1/organizations", body, headers={"Idempotency-Key": "late"})
    assert late.status_code == 503
    assert "same Idempotency-Key" in late.json()["detail"]
    gate.last_words, gate.replies = b"", True
    again = await hurried.post("/v1/organizations", body, headers={"Idempotency-Key": "late"})
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
