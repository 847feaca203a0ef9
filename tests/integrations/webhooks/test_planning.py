"""What a turn of a tenant plans and purges, however many endpoints and attempts it has."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.integrations.webhooks import planning, retention
from app.integrations.webhooks.planning import Planner
from app.integrations.webhooks.retention import delete_leftovers, has_leftovers
from tests.support.actors import Actor, Tenancy
from tests.support.feed import seal
from tests.support.jobs import work_of
from tests.support.people import add_person
from tests.support.webhooks import HOOKS, add_webhook, new_webhook, waiting

URL = "https://localhost:1/hook"


async def test_a_turn_plans_a_page_for_some_endpoints_and_the_next_turn_for_the_others(
    tenancy: Tenancy, admin: Actor, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "MOST_IN_TURN", 2)
    monkeypatch.setattr(planning, "_PAGE", 1)
    await seal(tenancy)
    hooks = [await new_webhook(admin, tenancy.root_id, URL, event_types=["person.created"]) for _ in range(3)]
    for _ in range(2):
        await add_person(tenancy)
    await seal(tenancy)
    planner = Planner(work_of(tenancy.app))
    planned = []
    goes_on = True
    while goes_on:
        goes_on = await planner.plan(tenancy.tenant_id)
        planned.append([await waiting(owner, hook) for hook in hooks])
    assert planned == [[1, 1, 0], [1, 1, 1], [2, 2, 1], [2, 2, 2]]


async def attempts_of(owner: AsyncEngine, webhook_id: str) -> int:
    query = text("select count(*) from webhook_deliveries where webhook_id = :id")
    async with owner.connect() as connection:
        return int((await connection.execute(query, {"id": webhook_id})).scalar_one())


async def multiply_attempts(owner: AsyncEngine, webhook_id: str, count: int) -> None:
    columns = "tenant_id, created_at, webhook_id, event_id, event_type, attempt, outcome, duration_ms"
    copies = (
        f"insert into webhook_deliveries (id, {columns}) select gen_random_uuid(), {columns} "
        "from webhook_deliveries cross join generate_series(1, :count) where webhook_id = :id"
    )
    async with owner.begin() as connection:
        await connection.execute(text(copies), {"id": webhook_id, "count": count})


async def test_the_log_of_a_deleted_webhook_is_hidden_at_once_and_purged_in_batches(
    tenancy: Tenancy, admin: Actor, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_BATCH", 3)
    gone, kept = [await add_webhook(tenancy, tenancy.root_id) for _ in range(2)]
    await multiply_attempts(owner, gone, 4)
    assert (await admin.delete(f"{HOOKS}/{gone}")).status_code == 204
    assert (await admin.get(f"{HOOKS}/{gone}/deliveries")).status_code == 404
    left = [await attempts_of(owner, gone)]
    work = work_of(tenancy.app)
    while await _purge(work, tenancy.tenant_id):
        left.append(await attempts_of(owner, gone))
    assert left == [5, 2, 0]
    assert await attempts_of(owner, kept) == 1
    async with work.transaction(tenancy.tenant_id, "test") as tx:
        assert not await has_leftovers(tx, work.settings)


async def _purge(work: Any, tenant_id: UUID) -> int:
    async with work.transaction(tenant_id, "test") as tx:
        return await delete_leftovers(tx, work.settings)


@pytest.mark.parametrize("name", ["event", "outcome"])
async def test_the_filters_of_the_log_have_indexes(owner: AsyncEngine, name: str) -> None:
    column = {"event": "event_id", "outcome": "outcome"}[name]
    query = text("select indexdef from pg_indexes where indexname = :name")
    async with owner.connect() as connection:
        found = (await connection.execute(query, {"name": f"ix_webhook_deliveries_{name}"})).scalar_one()
    assert f"(tenant_id, webhook_id, {column}, id)" in found
