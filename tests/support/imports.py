"""Uploading files to be imported, and waiting for their jobs."""

import asyncio
from typing import Any

import httpx

from tests.support.actors import Actor
from tests.support.jobs import WAIT_SECONDS

PATH = "/v1/roster-imports"


async def upload(actor: Actor, content: Any, *, media_type: str = "text/csv", **params: Any) -> httpx.Response:
    headers = {"Content-Type": media_type, **params.pop("headers", {})}
    return await actor.call("POST", PATH, content=content, headers=headers, params={"source": "hr", **params})


async def finished(actor: Actor, answer: httpx.Response) -> dict[str, Any]:
    """Return the job of an upload when it has finished."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            job: dict[str, Any] = (await actor.get(answer.headers["Location"])).json()
            if job["finished_at"] is not None:
                return job
            await asyncio.sleep(0.02)
