"""A request has one deadline for all that it asks of the database."""

import asyncio

import httpx

from app.main import create_app
from app.settings import Settings
from tests.support.actors import Actor, Tenancy
from tests.support.gate import Gate

SECONDS = 1.0


async def test_reads_that_are_in_time_one_by_one_are_late_together(
    tenancy: Tenancy, gate: Gate, settings: Settings
) -> None:
    app = create_app(settings.model_copy(update={"request_seconds": SECONDS}), database_url=gate.through)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    path = f"/v1/organizations/{tenancy.root_id}"
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        actor = Actor(client, tenancy.admin.token)
        assert (await actor.get(path)).status_code == 200
        await asyncio.sleep(1.1)  # the principal is read again
        gate.delay = SECONDS * 0.7
        late = await actor.get(path)
        assert (late.status_code, late.json()["code"]) == (503, "unavailable")
        gate.delay = 0
        assert (await actor.get(path)).status_code == 200
    await app.state.app_state.database.close()
