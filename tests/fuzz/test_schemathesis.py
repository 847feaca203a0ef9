"""The service does what its OpenAPI document says for any input, and no caller reaches what belongs to another.

schemathesis runs against the started service with all of its checks, for two callers: the admin of a tenant, whose peer
is another tenant's, and the admin of one branch, whose peer is the admin of a sibling branch.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.fuzz import rows
from tests.fuzz.runs import EXAMPLES, SEED, WHOLE, Caller, run
from tests.support.actors import Actor, Tenancy, new_tenancy
from tests.support.places import Place, furnish
from tests.support.report import report
from tests.support.services import Service

# The coverage phase alone makes thousands of cases: it is left to CI.
PHASES = "examples,coverage,fuzzing,stateful" if WHOLE else "examples,fuzzing,stateful"
LEAST_CASES = 1_500 if WHOLE else 200


async def below(tenancy: Tenancy, parent: str, count: int) -> list[Place]:
    """Make one of each thing at new organizations below this one."""
    return [await furnish(tenancy, (await tenancy.organization(parent))["id"]) for _ in range(count)]


async def profile_of(actor: Actor) -> str:
    profile: str = (await actor.get("/v1/scoring-profiles")).json()["items"][0]["id"]
    return profile


@dataclass
class Scene:
    """The callers, and where what lies beyond them is stored."""

    callers: list[Caller]
    theirs: UUID
    shared: UUID

    async def beyond(self, owner: AsyncEngine) -> list[list[str]]:
        """Return every row of the other tenant, and every row of the shared tenant that names the sibling branch."""
        siblings = list(self.callers[1].others.values())
        return [
            await rows.of_tenant(owner, self.theirs),
            await rows.of_tenant(owner, self.shared, about=siblings),
        ]


@pytest.fixture
async def scene(owner: AsyncEngine, app: FastAPI, http: httpx.AsyncClient) -> Scene:
    mine, theirs, shared = [await new_tenancy(owner, app, http) for _ in range(3)]
    places = [await furnish(mine, mine.root_id), *await below(mine, mine.root_id, 4)]
    [branch, sibling] = await below(shared, shared.root_id, 2)
    callers = [
        Caller(
            name="tenant",
            actor=mine.admin,
            peer=theirs.admin,
            places=places,
            beyond=await furnish(theirs, theirs.root_id),
            phases=PHASES,
            examples=EXAMPLES,
            profile=await profile_of(mine.admin),
        ),
        Caller(
            name="branch",
            actor=await shared.key(("admin", branch.organization)),
            peer=await shared.key(("admin", sibling.organization)),
            places=[branch, *await below(shared, branch.organization, 2)],
            beyond=sibling,
            phases="fuzzing,stateful",
            examples=EXAMPLES * 2,
            profile=await profile_of(shared.admin),
        ),
    ]
    return Scene(callers, theirs.tenant_id, shared.tenant_id)


async def test_the_service_keeps_what_its_document_promises(
    owner: AsyncEngine, scene: Scene, service: Service, tmp_path: Path
) -> None:
    before = await scene.beyond(owner)
    assert [len(stored) > 20 for stored in before] == [True, True]

    runs = await asyncio.gather(*(run(caller, service, tmp_path / caller.name) for caller in scene.callers))

    for one in runs:
        report(f"schemathesis as {one.name}: {one.cases} cases, {one.answers.total()} answers, seed {SEED}")
    assert await scene.beyond(owner) == before
    for one in runs:
        assert one.report["complete"], one.output
        assert one.report["failures"] == [], one.output
        assert one.report["errors"] == [], one.output
    assert sum(one.cases for one in runs) >= LEAST_CASES
