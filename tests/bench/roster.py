"""Measure the import of a roster over HTTP against plain ORM `add_all` of the same people.

Run it as ``python -m tests.bench.roster``; it takes a PostgreSQL of its own and about a minute for 20,000 rows. The
service runs as `serve` runs it. While it imports, another connection asks it for something small, again and again.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.db.base import now
from app.db.ids import uuid7
from app.db.schema.migrate import load_models, migrate
from app.events.models import AuditEvent, AuditValue, OutboxEvent
from app.people.models import Person, PersonExternalId
from app.provisioning import create_tenant
from app.text import search_key
from tests.bench.processes import Server, service
from tests.support.database import Urls
from tests.support.servers import running

_HEADER = "external_id,name,organization,email,employee_number,position,department,status,hired_on"
#: What the audit trail has of a new person.
_RECORDED = ("name", "email", "employee_number", "position", "department", "active", "on_leave", "organization_id")
_PAUSE = 0.005
_WAIT_SECONDS = 1_800.0


@dataclass(frozen=True)
class Imported:
    """One import.

    Attributes:
        rows_a_second: from the first byte of the upload until the job has ended.
        to_add_all: the same as a ratio to `add_all` of the people and their external ids.
        to_add_all_with_trail: the same as a ratio to `add_all` of all rows that an import writes for new people.
        growth_mb: how much the peak of the service grew meanwhile.
        longest_ms, median_ms: what another request took meanwhile.
    """

    rows_a_second: float
    to_add_all: float
    to_add_all_with_trail: float
    growth_mb: float
    longest_ms: float
    median_ms: float


@dataclass(frozen=True)
class Figures:
    """What was measured.

    Attributes:
        idle_ms: the longest time of the other request while nothing is imported.
    """

    rows: int
    add_all_rows_a_second: float
    add_all_with_trail_rows_a_second: float
    idle_ms: float
    new: Imported
    changed: Imported
    same: Imported


def lines(count: int, *, position: str = "Coach") -> Iterator[str]:
    """Yield the lines of a roster."""
    yield f"{_HEADER}\n"
    for number in range(count):
        yield (
            f"{number},Person {number:06d},ours,person-{number}@agency.example,{number:08d},{position},"
            "Family support,active,2024-03-01\n"
        )


async def measure_add_all(
    engine: AsyncEngine, tenant_id: UUID, root_id: UUID, count: int, *, with_trail: bool = False
) -> float:
    """Return how many people `add_all` of one session adds in a second. They are removed again.

    Args:
        with_trail: add the events, the audit rows and their values too, as an import does.
    """
    began = time.perf_counter()
    async with AsyncSession(engine) as session:
        people = [_person(tenant_id, root_id, number) for number in range(count)]
        ids = [
            PersonExternalId(tenant_id=tenant_id, source="orm", external_id=str(number), person_id=one.id)
            for number, one in enumerate(people)
        ]
        session.add_all(people)
        await session.flush()
        session.add_all(ids)
        await session.flush()
        if with_trail:
            await _add_trail(session, people)
        took = time.perf_counter() - began
        await session.rollback()
    return count / took


async def _add_trail(session: AsyncSession, people: Sequence[Person]) -> None:
    """Add what an import records of new people: a row of the audit trail, its values and an event for each."""
    events, audited, values = [], [], []
    for person in people:
        about: dict[str, Any] = {"tenant_id": person.tenant_id, "subject_id": person.id, "subject_type": "person"}
        about |= {"organization_id": person.organization_id, "request_id": "bench"}
        fields = {name: getattr(person, name) for name in _RECORDED}
        row = AuditEvent(
            **about,
            id=uuid7(),
            actor_kind="key",
            action="person.created",
            outcome="done",
            changes=[{"field": name, "after": str(uuid7())} for name in fields],
        )
        audited.append(row)
        events.append(OutboxEvent(**about, id=uuid7(), created_at=now(), type="person.created"))
        values += [
            AuditValue(
                tenant_id=person.tenant_id,
                id=uuid7(),
                created_at=now(),
                audit_event_id=row.id,
                person_id=person.id,
                salt=bytes(16),
                value=json.dumps(value, default=str),
            )
            for value in fields.values()
        ]
    for rows in (events, audited, values):
        session.add_all(rows)
        await session.flush()


def _person(tenant_id: UUID, root_id: UUID, number: int) -> Person:
    name = f"Person {number:06d}"
    return Person(
        tenant_id=tenant_id,
        id=uuid7(),
        created_at=now(),
        updated_at=now(),
        version=1,
        organization_id=root_id,
        name=name,
        name_key=search_key(name),
        email=f"person-{number}@agency.example",
        employee_number=f"{number:08d}",
        position="Coach",
        department="Family support",
    )


@asynccontextmanager
async def asking(client: httpx.AsyncClient) -> AsyncIterator[list[float]]:
    """Ask for something small again and again. Yield the milliseconds that each answer took."""
    taken: list[float] = []

    async def ask() -> None:
        while True:
            began = time.perf_counter()
            (await client.get("/v1/me")).raise_for_status()
            taken.append((time.perf_counter() - began) * 1_000)
            await asyncio.sleep(_PAUSE)

    task = asyncio.create_task(ask())
    try:
        yield taken
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def measure_import(server: Server, client: httpx.AsyncClient, content: bytes, **params: Any) -> dict[str, float]:
    """Import a roster, and watch the service meanwhile."""
    before = server.watch_peak()
    async with asking(client) as taken:
        began = time.perf_counter()
        job = await _import(client, content, params)
        took = time.perf_counter() - began
    if job["state"] != "done":
        raise RuntimeError(f"the import failed: {job['failure']}")
    return {
        "rows_a_second": job["counts"]["rows"] / took,
        "growth_mb": server.peak() - before,
        "longest_ms": max(taken),
        "median_ms": median(taken),
    }


async def _import(client: httpx.AsyncClient, content: bytes, params: dict[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": "text/csv"}
    answer = await client.post(
        "/v1/roster-imports", content=content, headers=headers, params={"source": "hr", **params}
    )
    job: dict[str, Any] = answer.raise_for_status().json()
    async with asyncio.timeout(_WAIT_SECONDS):
        while job["finished_at"] is None:
            await asyncio.sleep(0.02)
            job = (await client.get(f"/v1/jobs/{job['id']}")).json()
    return job


async def measure(urls: Urls, count: int) -> Figures:
    """Measure everything on a migrated database.

    Args:
        count: rows of the roster.
    """
    load_models()
    owner = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(urls.owner))
    tenant, root, key = await create_tenant(owner, slug=f"bench-{uuid7().hex[-12:]}", name="Bench")
    settings = {"FA_DATABASE_URL": urls.service, **({"FA_OWNER_DATABASE_URL": urls.owner} if urls.separate else {})}
    plain, with_trail = [
        await measure_add_all(owner, tenant.id, root.id, count, with_trail=trail) for trail in (False, True)
    ]
    await owner.dispose()
    first, second = ["".join(lines(count, position=position)).encode() for position in ("Coach", "Lead")]
    with service(**settings) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=300) as client:
            body = {"external_ids": [{"source": "hr", "external_id": "ours"}]}
            path = f"/v1/organizations/{root.id}"
            (await client.patch(path, json=body, headers={"If-Match": "*"})).raise_for_status()
            await _import(client, "".join(lines(1)).encode(), {"check_only": True})
            async with asking(client) as taken:
                await asyncio.sleep(1)
            found = [await measure_import(server, client, content) for content in (first, second, second)]
    made = [
        Imported(
            **one,
            to_add_all=one["rows_a_second"] / plain,
            to_add_all_with_trail=one["rows_a_second"] / with_trail,
        )
        for one in found
    ]
    return Figures(count, plain, with_trail, max(taken), *made)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="rows of the roster")
    asked = parser.parse_args()
    with running() as urls:
        asyncio.run(migrate(urls.owner, urls.role, login_is_separate=urls.separate))
        found = asyncio.run(measure(urls, asked.rows))
        sys.stdout.write(json.dumps(asdict(found), indent=2) + "\n")


if __name__ == "__main__":
    main()
