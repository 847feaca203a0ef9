"""A lost connection, however it shows, costs no read and no change; at most one answer that says what to do."""

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.database import Urls, row_locked
from tests.support.gate import Gate

MANY = 12


def site(tenancy: Tenancy) -> dict[str, Any]:
    return {"parent_id": tenancy.root_id, "kind": "site", "name": f"Site {uuid4()}"}


async def count_sites(urls: Urls, tenancy: Tenancy) -> int:
    connection = await asyncpg.connect(urls.owner)
    try:
        query = "select count(*) from organizations where tenant_id = $1 and parent_id is not null"
        return int(await connection.fetchval(query, tenancy.tenant_id))
    finally:
        await connection.close()


async def warm_up(gated: Actor, tenancy: Tenancy) -> None:
    """Fill both pools."""
    path = f"/v1/organizations/{tenancy.root_id}"
    await asyncio.gather(*(gated.get(path) for _ in range(MANY)))
    await asyncio.gather(*(gated.post("/v1/organizations", site(tenancy)) for _ in range(MANY)))


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize("lose", [Gate.say_farewell, Gate.cut])
async def test_reads_after_a_restart_are_answered(gated: Actor, tenancy: Tenancy, gate: Gate, lose: Any) -> None:
    await warm_up(gated, tenancy)
    await lose(gate)
    path = f"/v1/organizations/{tenancy.root_id}"
    assert statuses(await asyncio.gather(*(gated.get(path) for _ in range(MANY)))) == {200: MANY}


@pytest.mark.parametrize("lose", [Gate.say_farewell, Gate.cut])
async def test_writes_after_a_restart_are_made(gated: Actor, tenancy: Tenancy, gate: Gate, lose: Any) -> None:
    await warm_up(gated, tenancy)
    await lose(gate)
    writes = (gated.post("/v1/organizations", site(tenancy)) for _ in range(MANY))
    assert statuses(await asyncio.gather(*writes)) == {201: MANY}


async def test_readiness_survives_a_restart(client: httpx.AsyncClient, gate: Gate) -> None:
    assert (await client.get("/healthz/ready")).status_code == 200
    await gate.say_farewell()
    await asyncio.sleep(1.1)  # what was remembered is over
    assert (await client.get("/healthz/ready")).status_code == 200


@pytest.mark.parametrize("lose", [Gate.say_farewell, Gate.cut])
async def test_a_transaction_that_loses_its_connection_is_refused_and_undone(
    gated: Actor, tenancy: Tenancy, urls: Urls, gate: Gate, lose: Any
) -> None:
    async with row_locked(urls, tenancy) as waiting:
        write = asyncio.create_task(gated.post("/v1/organizations", site(tenancy)))
        await waiting()
        await lose(gate)
        await gate.cut()
        answer = await write
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert "Nothing was changed" in answer.json()["detail"]
    assert await count_sites(urls, tenancy) == 0


async def test_a_commit_without_a_reply_is_never_acknowledged(
    gated: Actor, tenancy: Tenancy, urls: Urls, gate: Gate
) -> None:
    body, headers = site(tenancy), {"Idempotency-Key": "lost-reply"}
    await warm_up(gated, tenancy)
    before = await count_sites(urls, tenancy)
    gate.first_words, gate.last_words = body["name"].encode(), b"commit"
    write = asyncio.create_task(gated.post("/v1/organizations", body, headers=headers))
    await gate.heard.wait()
    await asyncio.sleep(0.2)
    await gate.cut()
    gate.last_words, gate.replies = b"", True
    answer = await write
    assert answer.status_code == 503
    assert "same Idempotency-Key" in answer.json()["detail"]
    again = await gated.post("/v1/organizations", body, headers=headers)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert await count_sites(urls, tenancy) == before + 1


@pytest.mark.with_pooler
async def test_a_pooler_that_kills_its_connections_costs_no_read(gated: Actor, tenancy: Tenancy, urls: Urls) -> None:
    await warm_up(gated, tenancy)
    console = await asyncpg.connect(urls.service.rpartition("/")[0] + "/pgbouncer", statement_cache_size=0)
    name = urls.service.rpartition("/")[2]
    await console.execute(f"kill {name}")
    await console.execute(f"resume {name}")
    await console.close()
    path = f"/v1/organizations/{tenancy.root_id}"
    assert statuses(await asyncio.gather(*(gated.get(path) for _ in range(MANY)))) == {200: MANY}
    assert (await gated.post("/v1/organizations", site(tenancy))).status_code == 201
