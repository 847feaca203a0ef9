"""A connector in the started service, run from the command line."""

import asyncio
import json
from typing import Any

import httpx

from app.server.preparation import FIRST_SLUG
from tests.support.actors import Actor
from tests.support.connectors import CONNECTORS, BambooServer, a_connector, until_finished
from tests.support.processes import open_folder
from tests.support.services import run, serving


async def test_the_command_line_runs_a_connector_in_the_service() -> None:
    async with BambooServer() as bamboo:
        bamboo.put("1", supervisorEId=None)
        with open_folder() as folder:
            data: dict[str, Any] = {"FA_DATA_DIR": folder / "data"}
            settings: dict[str, Any] = {"FA_OUTGOING_NETWORKS": "127.0.0.0/8", "FA_BAMBOOHR_URL": bamboo.url}
            with serving(folder / "data", **settings) as service:
                async with httpx.AsyncClient(base_url=service.address, timeout=300, trust_env=False) as http:
                    admin = Actor(http, service.key)
                    root_id = (await admin.get("/v1/me")).json()["grants"][0]["organization_id"]
                    made = await admin.made(CONNECTORS, a_connector(root_id, settings=bamboo.settings()))
                    named = ("--tenant", FIRST_SLUG, "--json")
                    start = ("connectors", "run", made["id"], *named)
                    started = await asyncio.to_thread(run, *start, "--dry-run", **data)
                    assert started[0] == 0, started
                    done = await until_finished(admin, made)
                    [status] = json.loads((await asyncio.to_thread(run, "connectors", "status", *named, **data))[1])
                    assert (await asyncio.to_thread(run, *start, **data))[0] == 0
                    pulled = await until_finished(admin, made)
    assert (done["state"], done["dry_run"], done["counts"]["created"]) == ("done", True, 1)
    assert json.loads(started[1]) == {"run_id": done["id"]}
    assert (status["id"], status["last_run"], status["last_failure"]) == (made["id"], "done", None)
    assert (status["last_was_dry"], status["last_counts"], status["watermark"]) == (True, done["counts"], None)
    assert (pulled["dry_run"], pulled["counts"], pulled["watermark"] is None) == (False, done["counts"], False)
