"""What is out of sight costs what is missing costs: the same answer, the same statements, and no wait for a lock."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.actors import Actor, Tenancy
from tests.support.calls import CALLS, carried
from tests.support.places import Place, furnish, place_of
from tests.support.statements import record_statements
from tests.support.team import new_team

#: A program of an organization above is in sight, so it is looked up with its owner.
OPERATIONS = sorted(name for name in CALLS if "Program" not in name and "Scoring" not in name)
#: Ids and counters that some statements carry in their text.
_LITERAL = re.compile(r"[0-9A-Za-z-]*\d[0-9A-Za-z-]*")
LOCKED = (
    "assessments",
    "action_items",
    "calendar_feeds",
    "jobs",
    "metrics",
    "people",
    "implementations",
    "organizations",
    "participants",
    "programs",
    "webhooks",
    "connectors",
)


ROLES = ("facilitator", "manager", "integrator", "viewer")
#: Beyond a rate the refusals of one caller are counted only, which takes no statement.
CALLERS_OPERATIONS = 20


class Scene:
    """A caller with many roles in one branch, and one of each thing in another branch."""

    def __init__(self, actor: Actor, here: str, there: Place, shared: dict[str, str]) -> None:
        self.actor = actor
        self.here = here
        self.there = there
        self.shared = shared

    async def ask(self, operation: str, place: Place) -> Any:
        method, path, body = CALLS[operation](place, self.shared)
        sent = carried(body)
        return await self.actor.call(method, path, **{**sent, "headers": {"If-Match": "*", **sent.get("headers", {})}})


@pytest.fixture
async def scene(tenancy: Tenancy, admin: Actor) -> Scene:
    """The scene."""
    here, there = await tenancy.organization(), await tenancy.organization()
    place = await furnish(tenancy, there["id"])
    actor = await tenancy.key(*((role, here["id"]) for role in ROLES))
    profile = (await admin.get("/v1/scoring-profiles")).json()["items"][0]["id"]
    shared = {"scoring_profile": profile, "root_program": str(uuid4()), "spare_participant": place.participant}
    return Scene(actor, here["id"], place, shared)


async def test_hidden_and_missing_take_the_same_statements(app: FastAPI, tenancy: Tenancy, scene: Scene) -> None:
    different, compared = {}, 0
    missing = place_of(str(uuid4()))
    for number, operation in enumerate(OPERATIONS):
        if number % CALLERS_OPERATIONS == 0:
            scene.actor = await tenancy.key(*((role, scene.here) for role in ROLES))
        await scene.ask(operation, missing)  # caches the principal, and whatever else the first request looks up
        taken = []
        for place in (scene.there, missing):
            with record_statements(app) as statements:
                answer = await scene.ask(operation, place)
            sent = [_LITERAL.sub("", statement) for statement in statements if "api_keys" not in statement]
            taken.append((answer.status_code, None if answer.is_success else answer.json()["code"], sent))
        if taken[0][0] == 404:
            compared += 1
            if taken[0] != taken[1]:
                different[operation] = [(status, len(sent)) for status, _, sent in taken]
    assert different == {}
    assert compared > 30


@asynccontextmanager
async def locked(there: Place, owner: AsyncEngine) -> AsyncIterator[None]:
    """Yield everything of a place, locked."""
    ids = {str(value) for value in vars(there).values() if value and not isinstance(value, Actor)}
    async with owner.connect() as connection, connection.begin():
        for table in LOCKED:
            query = text(f"select id from {table} where id = any(:ids) for update")
            await connection.execute(query, {"ids": sorted(ids)})
        yield


async def test_nobody_waits_for_the_lock_of_what_is_hidden(scene: Scene, owner: AsyncEngine) -> None:
    waited = {}
    async with locked(scene.there, owner):
        for operation in [*OPERATIONS, "updateProgram", "handOverProgram", "deleteProgram"]:
            answer = await scene.ask(operation, scene.there)
            if answer.status_code == 503:
                waited[operation] = answer.json()["code"]
    assert waited == {}


async def test_nobody_waits_for_the_lock_of_something_hidden_that_a_body_names(
    scene: Scene, tenancy: Tenancy, owner: AsyncEngine
) -> None:
    team = await new_team(tenancy, scene.here)
    item = await scene.actor.made("/v1/action-items", {"organization_id": scene.here, "title": "T", "practices": []})
    bodies = {
        "/v1/action-items": {"organization_id": scene.here, "title": "T", "owner_id": scene.there.person},
        "/v1/implementations": {"organization_id": scene.here, "program_id": scene.there.program},
        f"{team.path}/participants": {"seat": "observer", "person_id": scene.there.person},
    }
    async with locked(scene.there, owner):
        answers = [await scene.actor.post(path, body) for path, body in bodies.items()]
        answers.append(await scene.actor.patch(f"/v1/action-items/{item['id']}", {"owner_id": scene.there.person}))
    assert [answer.status_code for answer in answers] == [422] * 4, [answer.text for answer in answers]
