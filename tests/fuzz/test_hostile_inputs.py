"""Named hostile values in every field, parameter and header that the OpenAPI document knows.

What the document's schema forbids must be refused; what it allows may be taken, and is sent as a rehearsal. Whatever
it is: no 5xx, one shape for every refusal, nothing of it repeated, and not one row other than before.
"""

import json
import random
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.access.operations import OPERATIONS
from tests.fuzz import rows
from tests.fuzz.document import Operation, operations
from tests.fuzz.hostile import TELLTALES
from tests.fuzz.inputs import Input, inputs
from tests.fuzz.runs import SEED, WHOLE
from tests.support.actors import Actor, new_tenancy
from tests.support.places import furnish
from tests.support.report import report

PROBLEM = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}
#: The everyday test loop sends one in this number of inputs; CI sends all.
ONE_OF = 1 if WHOLE else 8
CHANCE = random.Random(SEED)  # repeatable, not secret


@dataclass
class Scene:
    """The caller, what exists, and the document."""

    http: httpx.AsyncClient
    actor: Actor
    known: dict[str, str]
    operations: dict[str, Operation]


@pytest.fixture(scope="module")
async def scene(owner: AsyncEngine, app: FastAPI) -> AsyncIterator[Scene]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        tenancy = await new_tenancy(owner, app, http)
        place = await furnish(tenancy, tenancy.root_id)
        profile = (await tenancy.admin.get("/v1/scoring-profiles")).json()["items"][0]["id"]
        known = {name: value for name, value in vars(place).items() if isinstance(value, str)}
        yield Scene(http, tenancy.admin, {**known, "profile": profile}, documented(app))


def documented(app: FastAPI) -> dict[str, Operation]:
    return {operation.name: operation for operation in operations(app.openapi())}


def some(values: Iterable[Any]) -> Iterator[Any]:
    return (one for one in values if CHANCE.randrange(ONE_OF) == 0)


async def send(scene: Scene, operation: Operation, one: Input) -> httpx.Response:
    url = httpx.URL("http://test", raw_path=one.path.encode() + (b"?" + one.query.encode() if one.query else b""))
    headers = {b"Authorization": f"Bearer {scene.actor.token}".encode()}
    headers |= {name.encode(): value for name, value in one.headers.items()}
    return await scene.http.request(operation.method, url, headers=list(headers.items()), content=one.body)


def faults(answer: httpx.Response, one: Input) -> list[str]:
    """Return what is wrong with an answer to a hostile request."""
    if one.refused and answer.status_code not in {400, 413, 415, 422}:
        return [f"not refused: {answer.status_code}"]
    if answer.status_code < 400:
        return []
    if answer.status_code >= 500:
        return [f"status {answer.status_code}"]
    if answer.headers["content-type"] != "application/problem+json":
        return ["not a problem"]
    problem = answer.json()
    found = []
    if not (set(problem) >= PROBLEM and problem["code"] and problem["request_id"] == answer.headers["x-request-id"]):
        found.append("incomplete")
    if one.where.startswith("path"):
        # The problem's instance repeats the path that was asked for.
        problem.pop("instance")
    if one.where != "header X-Request-Id" and any(
        value in part for value in TELLTALES for part in (json.dumps(problem), str(answer.headers))
    ):
        found.append("repeats what was sent")
    return found


async def test_hostile_inputs_are_refused_and_leave_nothing(scene: Scene, owner: AsyncEngine) -> None:
    sent, wrong = 0, []
    before = await rows.sums(owner)
    for name, operation in scene.operations.items():
        for one in inputs(operation, scene.known, some):
            sent += 1
            answer = await send(scene, operation, one)
            wrong += [(name, one.where, one.what, fault, answer.text[:200]) for fault in faults(answer, one)]
        if (after := await rows.sums(owner)) != before:
            wrong.append((name, "", "", "rows changed", str(dict(after.items() - before.items()))))
            before = after
    report(f"{sent} hostile inputs to {len(scene.operations)} operations, seed {SEED}")
    assert wrong == []
    assert sent >= (20_000 if WHOLE else 2_500)
    assert set(scene.operations) == set(OPERATIONS)
