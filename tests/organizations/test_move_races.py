"""Moves at the same time as other writes: no circle, no wrong path, no lost row."""

import asyncio
import random
from collections.abc import Awaitable
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.ids import uuid7
from app.db.transaction import Tx
from app.tree import places
from app.tree.paths import segment
from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.moves import descendants, ensure_true_paths, move, moved, read

ROUNDS = 30


async def at_once(*requests: Awaitable[httpx.Response]) -> list[httpx.Response]:
    answers = list(await asyncio.gather(*requests))
    assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
    return answers


async def test_two_moves_never_close_a_circle(
    tenancy: Tenancy, admin: Actor, database: asyncpg.Connection, chance: random.Random
) -> None:
    outcomes = set()
    for _ in range(ROUNDS):
        first, second = await tenancy.organization(), await tenancy.organization()
        inner = [(await tenancy.organization(one["id"]))["id"] for one in (first, second)]
        pairs = [(first["id"], chance.choice([second["id"], inner[1]])), (second["id"], inner[0])]
        chance.shuffle(pairs)
        answers = await at_once(*(move(admin, one, other) for one, other in pairs))
        assert sorted(outcome(answer)[0] for answer in answers) == [200, 422]
        outcomes.add(pairs[0][0] == first["id"])
    assert outcomes == {True, False}
    await ensure_true_paths(database, tenancy.tenant_id)


async def test_what_is_created_during_a_move_ends_in_its_place(
    tenancy: Tenancy, admin: Actor, database: asyncpg.Connection
) -> None:
    parents = [await tenancy.organization() for _ in range(2)]
    top = await tenancy.organization(parents[0]["id"])
    middle = await tenancy.organization(top["id"])
    inner = await tenancy.organization(middle["id"])

    async def make(parent: str) -> httpx.Response:
        return await admin.post("/v1/organizations", {"parent_id": parent, "kind": "team", "name": "Late"})

    for turn in range(ROUNDS):
        made = [make(at["id"]) for at in (top, middle, inner, inner, middle)]
        answers = await at_once(*made[:3], move(admin, top["id"], parents[1 - turn % 2]["id"]), *made[3:])
        assert {answer.status_code for answer in answers} == {200, 201}
        await ensure_true_paths(database, tenancy.tenant_id)
    assert await ensure_true_paths(database, tenancy.tenant_id) == 6 + 5 * ROUNDS


async def test_archiving_or_deleting_the_new_parent_meets_the_move(
    tenancy: Tenancy, admin: Actor, database: asyncpg.Connection
) -> None:
    for turn in range(ROUNDS):
        site, target = await tenancy.organization(), await tenancy.organization()
        path = f"/v1/organizations/{target['id']}"
        other = admin.delete(path) if turn % 2 else admin.move(path, "archived")
        answers = await at_once(*([move(admin, site["id"], target["id"]), other][:: -1 if turn % 3 else 1]))
        there = (await read(admin, site["id"]))["parent_id"] == target["id"]
        assert {outcome(answer) for answer in answers} <= {
            (200, None),
            (204, None),
            (409, "has_children"),
            (409, "organization_archived"),
            (422, "unknown_organization"),
        }
        assert (await admin.get(path)).status_code == (200 if there or not turn % 2 else 404)
    await ensure_true_paths(database, tenancy.tenant_id)


async def grow(owner: AsyncEngine, tenant_id: UUID, top: str, count: int) -> None:
    """Many organizations below one, ten to each."""
    nodes: list[tuple[UUID, UUID, str, int]] = []
    async with owner.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        row = await raw.fetchrow(
            "select path, depth, timezone_from_id from organization_places "
            "where tenant_id = $1 and organization_id = $2",
            tenant_id,
            UUID(top),
        )
        nodes.append((UUID(top), UUID(top), row["path"], row["depth"]))
        for number in range(count):
            parent, _, path, depth = nodes[number // 10]
            made = uuid7()
            nodes.append((made, parent, path + segment(made), depth + 1))
        at = datetime.now(UTC)
        await raw.copy_records_to_table(
            "organizations",
            records=[
                (tenant_id, made, at, at, 1, parent, "team", "Team", "team") for made, parent, _, _ in nodes[1:]
            ],
            columns=[
                "tenant_id", "id", "created_at", "updated_at", "version", "parent_id", "kind", "name", "name_key",
            ],
        )  # fmt: skip
        await raw.copy_records_to_table(
            "organization_places",
            records=[(tenant_id, made, path, depth, row["timezone_from_id"]) for made, _, path, depth in nodes[1:]],
            columns=["tenant_id", "organization_id", "path", "depth", "timezone_from_id"],
        )


async def test_a_large_subtree_moves_in_batches(
    tenancy: Tenancy, owner: AsyncEngine, admin: Actor, database: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    top, there = await tenancy.organization(), await tenancy.organization()
    await grow(owner, tenancy.tenant_id, top["id"], 500)
    monkeypatch.setattr(places, "BATCH", 37)
    await moved(admin, top["id"], there["id"])
    assert await ensure_true_paths(database, tenancy.tenant_id) == 503


class Pause:
    """Holds a rewrite of places after its first pass, as a very large one would take its time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.resume = asyncio.Event(), asyncio.Event()
        self._rewrite = places.rewrite
        monkeypatch.setattr(places, "rewrite", self)

    async def __call__(self, tx: Tx, change: places.PlaceChange) -> int:
        changed = await self._rewrite(tx, change)
        if not self.reached.is_set():
            self.reached.set()
            await self.resume.wait()
        return changed


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Pause:
    return Pause(monkeypatch)


async def test_others_write_in_a_subtree_while_it_moves(
    tenancy: Tenancy, admin: Actor, database: asyncpg.Connection, pause: Pause
) -> None:
    old, new = await tenancy.organization(), await tenancy.organization()
    top = await tenancy.organization(old["id"])
    leaf = await tenancy.organization(top["id"])
    moving = asyncio.create_task(move(admin, top["id"], new["id"]))
    await pause.reached.wait()
    person = await admin.made("/v1/people", {"organization_id": leaf["id"], "name": "Coach"})
    late = await tenancy.organization(leaf["id"], name="Late")
    await admin.patch(f"/v1/organizations/{leaf['id']}", {"name": "Renamed"})
    assert (await read(admin, late["id"]))["depth"] == 4
    assert await descendants(admin, new["id"]) == []
    pause.resume.set()
    assert (await moving).status_code == 200
    assert await descendants(admin, new["id"]) == [top["id"], leaf["id"], late["id"]]
    assert (await admin.get(f"/v1/people?subtree={new['id']}")).json()["items"] == [person]
    await ensure_true_paths(database, tenancy.tenant_id)


async def test_a_second_large_change_is_refused_while_one_is_under_way(
    tenancy: Tenancy, admin: Actor, pause: Pause
) -> None:
    top, leaf, new = [await tenancy.organization() for _ in range(3)]
    moving = asyncio.create_task(move(admin, top["id"], new["id"]))
    await pause.reached.wait()
    for refused in await at_once(
        move(admin, leaf["id"], new["id"]),
        admin.move(f"/v1/organizations/{leaf['id']}", "archived"),
        admin.delete(f"/v1/organizations/{top['id']}"),
    ):
        assert (outcome(refused), refused.headers["retry-after"]) == ((409, "tree_busy"), "2")
    pause.resume.set()
    assert (await moving).status_code == 200
    assert (await move(admin, leaf["id"], new["id"])).status_code == 200


async def test_what_changes_during_a_move_is_checked_again(tenancy: Tenancy, admin: Actor, pause: Pause) -> None:
    top, new = await tenancy.organization(), await tenancy.organization()
    tag = (await admin.get(f"/v1/organizations/{top['id']}")).headers["etag"]
    moving = asyncio.create_task(move(admin, top["id"], new["id"], if_match=tag))
    await pause.reached.wait()
    await admin.patch(f"/v1/organizations/{top['id']}", {"name": "Renamed"})
    pause.resume.set()
    assert outcome(await moving) == (412, "precondition_failed")
    assert (await read(admin, top["id"]))["parent_id"] == tenancy.root_id


async def test_a_move_that_dies_half_way_leaves_the_old_tree(
    tenancy: Tenancy, admin: Actor, database: asyncpg.Connection, pause: Pause
) -> None:
    top, new = await tenancy.organization(), await tenancy.organization()
    leaf = await tenancy.organization(top["id"])
    moving = asyncio.create_task(move(admin, top["id"], new["id"]))
    await pause.reached.wait()
    moving.cancel()
    await asyncio.wait([moving])
    assert await read(admin, leaf["id"]) == leaf
    await ensure_true_paths(database, tenancy.tenant_id)
    await moved(admin, top["id"], new["id"])
