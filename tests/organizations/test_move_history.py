"""The history of moves: its days, its pages, and the tree of each past day."""

import random
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from fastapi import FastAPI

from app.db.base import now
from app.tree.history import subtree_on
from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.moves import descendants, ensure_true_paths, move, moved, yesterday

BELOW = """
with recursive below as (
    select id from organizations where tenant_id = $1 and parent_id = $2
    union all
    select o.id from organizations o join below b on o.tenant_id = $1 and o.parent_id = b.id
)
select id from below
"""


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_the_day_of_a_move_is_the_roots(tenancy: Tenancy, admin: Actor, zone: str) -> None:
    await admin.patch(f"/v1/organizations/{tenancy.root_id}", {"timezone": zone})
    east, west = await tenancy.organization(), await tenancy.organization()
    site = await tenancy.organization(timezone="UTC")
    today = datetime.now(ZoneInfo(zone)).date()
    refused = await move(admin, site["id"], east["id"], moved_on=(today + timedelta(days=1)).isoformat())
    assert outcome(refused) == (422, "moved_on_in_future")
    assert refused.json()["errors"][0]["pointer"] == "/body/moved_on"
    await moved(admin, site["id"], east["id"])
    refused = await move(admin, site["id"], west["id"], moved_on=(today - timedelta(days=1)).isoformat())
    assert outcome(refused) == (422, "moved_on_too_early")
    await moved(admin, site["id"], west["id"], moved_on=today.isoformat())
    days = [one["moved_on"] for one in (await admin.get(f"/v1/organizations/{site['id']}/moves")).json()["items"]]
    assert days == [today.isoformat()] * 2


async def test_a_move_is_not_before_the_last_one_where_the_root_went_back_a_day(tenancy: Tenancy, admin: Actor) -> None:
    root = f"/v1/organizations/{tenancy.root_id}"
    site, other = await tenancy.organization(), await tenancy.organization()
    await admin.patch(root, {"timezone": "Pacific/Kiritimati"})
    await moved(admin, site["id"], other["id"])
    day = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
    await admin.patch(root, {"timezone": "Pacific/Pago_Pago"})
    await moved(admin, site["id"], tenancy.root_id)
    days = [one["moved_on"] for one in (await admin.get(f"/v1/organizations/{site['id']}/moves")).json()["items"]]
    assert days == [day.isoformat()] * 2


async def test_the_history_pages_and_is_for_those_who_see_the_organization(
    tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor
) -> None:
    parents = [await tenancy.organization() for _ in range(2)]
    site = await tenancy.organization()
    for turn in range(5):
        await moved(admin, site["id"], parents[turn % 2]["id"], reason=f"Turn {turn}")
    path = f"/v1/organizations/{site['id']}/moves"
    whole = (await admin.get(path)).json()["items"]
    assert [one["reason"] for one in whole] == [f"Turn {turn}" for turn in range(5)]
    assert [one["from_parent_id"] for one in whole[1:]] == [one["to_parent_id"] for one in whole[:-1]]
    seen, link = [], f"{path}?limit=2&sort=-id"
    while link:
        answer = await admin.get(link)
        seen += answer.json()["items"]
        link = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == whole[::-1]
    later = await admin.get(path, params={"updated_since": whole[3]["created_at"]})
    assert later.json()["items"] == whole[3:]
    assert (await admin.get(path, params={"updated_since": whole[3]["created_at"], "limit": 1})).json()["next_cursor"]
    for query in ("sort=moved_on", "moved_on=2026-01-01", "updated_since=2026-01-01", "updated_since=1", "limit=0"):
        assert outcome(await admin.get(f"{path}?{query}")) == (422, "invalid")
    assert outcome(await other_tenancy.admin.get(path)) == (404, "not_found")
    assert outcome(await (await tenancy.key(("viewer", parents[1]["id"]))).get(path)) == (404, "not_found")
    assert (await (await tenancy.key(("viewer", parents[0]["id"]))).get(path)).json()["items"] == whole


async def test_deleting_what_moved_and_keeping_where_it_was(tenancy: Tenancy, admin: Actor) -> None:
    old, new = await tenancy.organization(), await tenancy.organization()
    site = await tenancy.organization(old["id"])
    await moved(admin, site["id"], new["id"])
    kept = await admin.delete(f"/v1/organizations/{old['id']}")
    assert outcome(kept) == (409, "in_use")
    assert (await admin.delete(f"/v1/organizations/{site['id']}")).status_code == 204
    assert (await admin.delete(f"/v1/organizations/{old['id']}")).status_code == 204


class Model:
    """The tree as a plain dictionary, with a copy for every day."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.parents: dict[str, str | None] = {root: None}
        self.moves: list[tuple[date, str, str]] = []
        self.first: dict[str, str | None] = {root: None}
        self.last: dict[str, date] = {}

    def add(self, child: str, parent: str) -> None:
        self.parents[child] = self.first[child] = parent

    def above(self, parents: dict[str, str | None], at: str | None) -> list[str]:
        found: list[str] = []
        while at is not None:
            assert at not in found, "a circle"
            found.append(at)
            at = parents[at]
        return found

    def on(self, day: date) -> dict[str, str | None]:
        """Return every organization's parent at the end of a day."""
        parents = dict(self.first)
        for moved_on, child, parent in sorted(self.moves, key=lambda one: one[0]):
            if moved_on <= day:
                parents[child] = parent
        return parents

    def subtree(self, parents: dict[str, str | None], top: str) -> set[str]:
        return {one for one in parents if top in self.above(parents, one)}

    def allows(self, child: str, parent: str, day: date) -> bool:
        if child in self.last and day < self.last[child]:
            return False
        days = {day} | {moved_on for moved_on, _, _ in self.moves if moved_on > day}
        return all(child not in self.above(self.on(one), parent) for one in days)

    def move(self, child: str, parent: str, day: date) -> None:
        self.parents[child] = parent
        self.moves.append((day, child, parent))
        self.last[child] = day


async def move_at_random(admin: Actor, model: Model, chance: random.Random) -> int:
    """Ask for a random move, compare the answer with the model, and return its status."""
    child, parent = chance.choice(list(model.parents)[1:]), chance.choice(list(model.parents))
    day = now().date() - timedelta(days=chance.choice([0, 0, chance.randint(0, 40)]))
    answer = await move(admin, child, parent, moved_on=day.isoformat())
    if model.parents[child] == parent:
        assert outcome(answer) == (409, "already_there")
    elif child in model.above(model.parents, parent):
        assert outcome(answer) == (422, "organization_cycle")
    else:
        assert (answer.status_code == 200) == model.allows(child, parent, day), answer.text
    if answer.status_code == 200:
        model.move(child, parent, day)
    return answer.status_code


async def compare_the_present(admin: Actor, model: Model, tenancy: Tenancy, database: asyncpg.Connection) -> None:
    """Compare every subtree with the model, as it is listed and as it is stored."""
    await ensure_true_paths(database, tenancy.tenant_id)
    for top in model.parents:
        listed = await descendants(admin, top)
        assert set(listed) == model.subtree(model.parents, top) - {top}
        assert set(listed) == {str(row["id"]) for row in await database.fetch(BELOW, tenancy.tenant_id, UUID(top))}


async def compare_a_day(app: FastAPI, model: Model, tenancy: Tenancy, day: date) -> None:
    """Compare every subtree at the end of a day with the model."""
    then = model.on(day)
    moved_by_then = {child for at, child, _ in model.moves if at <= day}
    made = {one for one in then if day == now().date() or one in moved_by_then}
    for top in made:
        found = await subtree_on(app.state.app_state.database.reads, tenancy.tenant_id, UUID(top), day)
        # Nothing was made before today, so earlier days know what had moved by then.
        expected = {one for one in model.subtree(then, top) if set(path_to(model, then, one, top)) <= made}
        assert sorted(str(one) for one in found) == sorted(expected)


async def test_many_moves_keep_every_path_and_every_past_day(
    app: FastAPI, tenancy: Tenancy, admin: Actor, database: asyncpg.Connection, chance: random.Random
) -> None:
    model = Model(tenancy.root_id)
    for _ in range(24):
        parent = chance.choice(list(model.parents))
        model.add((await tenancy.organization(parent))["id"], parent)
    counts = {200: 0, 409: 0, 422: 0}
    for turn in range(150):
        counts[await move_at_random(admin, model, chance)] += 1
        if turn % 10 == 9:
            await compare_the_present(admin, model, tenancy, database)
    assert min(counts.values()) > 2
    for days in range(0, 42, 3):
        await compare_a_day(app, model, tenancy, now().date() - timedelta(days=days))


def path_to(model: Model, parents: dict[str, str | None], one: str, top: str) -> list[str]:
    way = model.above(parents, one)
    return way[: way.index(top) + 1]


async def test_today_the_history_tells_the_present_tree(
    app: FastAPI, tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor
) -> None:
    old, new = await tenancy.organization(), await tenancy.organization()
    site = await tenancy.organization(old["id"])
    team = await tenancy.organization(site["id"])
    await moved(admin, site["id"], new["id"], moved_on=yesterday(5))
    pool = app.state.app_state.database.reads

    async def below(top: str, day: str, tenant_id: UUID = tenancy.tenant_id) -> set[str]:
        return {str(one) for one in await subtree_on(pool, tenant_id, UUID(top), date.fromisoformat(day))}

    today = now().date().isoformat()
    assert await below(new["id"], today) == {new["id"], site["id"], team["id"]}
    assert await below(old["id"], today) == {old["id"]}
    assert await below(site["id"], yesterday(5)) == {site["id"]}
    assert await below(site["id"], yesterday(6)) == set()
    assert await below(new["id"], today, other_tenancy.tenant_id) == set()
