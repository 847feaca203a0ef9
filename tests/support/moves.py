"""Moves of organizations, and the stored places compared with those that the parents give."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from app.db.base import now
from app.tree.paths import segment
from tests.support.actors import Actor

SEED = 20261005


# Every place as the parents, archivals and time zones say it, compared with what is stored.
RECOMPUTED = """
with recursive expected as (
    select id, right(path, 23) as path, 0 as depth, null::uuid as archived_by_id, id as timezone_from_id
    from organizations join organization_places p using (tenant_id)
    where tenant_id = $1 and parent_id is null and p.organization_id = id
    union all
    select o.id, e.path || right(p.path, 23), e.depth + 1,
           case when o.archived_at is null then e.archived_by_id else o.id end,
           case when o.timezone is null then e.timezone_from_id else o.id end
    from organizations o join expected e on o.tenant_id = $1 and o.parent_id = e.id
    join organization_places p on p.tenant_id = $1 and p.organization_id = o.id
)
select id, p.path, e is not distinct from (id, p.path, p.depth, p.archived_by_id, p.timezone_from_id) as is_true
from expected e join organization_places p on p.tenant_id = $1 and p.organization_id = e.id
"""


async def move(actor: Actor, at: str, to: str, *, if_match: str | None = "*", **body: Any) -> httpx.Response:
    headers = {"If-Match": if_match} if if_match else {}
    return await actor.post(f"/v1/organizations/{at}/move", {"parent_id": to, **body}, headers=headers)


async def moved(actor: Actor, at: str, to: str, **body: Any) -> dict[str, Any]:
    answer = await move(actor, at, to, **body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def read(actor: Actor, at: str) -> dict[str, Any]:
    answer = await actor.get(f"/v1/organizations/{at}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ensure_true_paths(database: asyncpg.Connection, tenant_id: UUID) -> int:
    """Check every place against the parents. Return the number of organizations."""
    rows = await database.fetch(RECOMPUTED, tenant_id)
    for table in ("organizations", "organization_places"):
        stored = await database.fetchval(f"select count(*) from {table} where tenant_id = $1", tenant_id)
        assert len(rows) == stored, "some organization is not below the root"
    wrong = [dict(row) for row in rows if not row["is_true"] or not row["path"].endswith(segment(row["id"]))]
    assert wrong == []
    return len(rows)


async def descendants(actor: Actor, at: str) -> list[str]:
    found, path = [], f"/v1/organizations/{at}/descendants?limit=200"
    while path:
        answer = await actor.get(path)
        assert answer.status_code == 200, answer.text
        found += [item["id"] for item in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    return found


def yesterday(days: int = 1) -> str:
    return (now().date() - timedelta(days=days)).isoformat()
