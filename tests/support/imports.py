"""Uploading files to be imported, and waiting for their jobs."""

from typing import Any

import httpx

from tests.support.actors import Actor
from tests.support.waiting import until

PATH = "/v1/roster-imports"


async def upload(actor: Actor, content: Any, *, media_type: str = "text/csv", **params: Any) -> httpx.Response:
    headers = {"Content-Type": media_type, **params.pop("headers", {})}
    return await actor.call("POST", PATH, content=content, headers=headers, params={"source": "hr", **params})


async def finished(actor: Actor, answer: httpx.Response) -> dict[str, Any]:
    """Return the job of an upload when it has finished."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"

    async def ask() -> dict[str, Any]:
        job: dict[str, Any] = (await actor.get(answer.headers["Location"])).json()
        return job

    return await until(ask, lambda job: job["finished_at"] is not None)
