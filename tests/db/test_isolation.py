"""One tenant in trouble leaves the others, and the health check, their connections."""

import asyncio
from collections import Counter
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.db.semaphore import FairSemaphore
from tests.support.actors import Actor, Tenancy
from tests.support.database import Urls, row_locked
from tests.support.gate import Gate

HOGS, OTHERS = 30, 40


#: The tests' pooler has fewer connections than the service, and shares them in its own way.
own_connections = pytest.mark.without_pooler


@own_connections
async def test_a_locked_row_of_one_tenant_delays_no_other(
    gated: Actor, client: httpx.AsyncClient, tenancy: Tenancy, other_tenancy: Tenancy, urls: Urls
) -> None:
    other = Actor(client, other_tenancy.admin.token)
    async with row_locked(urls, tenancy) as waiting:
        body = {"parent_id": tenancy.root_id, "kind": "site", "name": "Site"}
        hogs = [asyncio.create_task(gated.post("/v1/organizations", body)) for _ in range(HOGS)]
        await waiting()
        body = {"parent_id": other_tenancy.root_id, "kind": "site", "name": "Site"}
        answers = [await other.post("/v1/organizations", body) for _ in range(OTHERS)]
        assert Counter(answer.status_code for answer in answers) == {201: OTHERS}
    assert {answer.status_code for answer in await asyncio.gather(*hogs)} <= {201, 503}


@own_connections
async def test_readiness_waits_for_no_other_connection(
    gated: Actor, client: httpx.AsyncClient, tenancy: Tenancy, urls: Urls
) -> None:
    async with row_locked(urls, tenancy) as waiting:
        body = {"parent_id": tenancy.root_id, "kind": "site", "name": "Site"}
        hogs = [asyncio.create_task(gated.post("/v1/organizations", body)) for _ in range(HOGS)]
        await waiting()
        assert (await client.get("/healthz/ready")).status_code == 200
        assert not all(one.done() for one in hogs)
    await asyncio.gather(*hogs)


@own_connections
async def test_made_up_credentials_of_made_up_tenants_leave_a_connection_free(
    gated_app: FastAPI, client: httpx.AsyncClient, gate: Gate
) -> None:
    gate.is_open = False
    made_up = [Actor(client, f"fa_{uuid4().hex}_{'y' * 43}") for _ in range(HOGS)]
    permits = gated_app.state.app_state.database.reads._permits
    free = []

    async def ask(one: Actor) -> int:
        asked = asyncio.create_task(one.get("/v1/me"))
        for _ in range(10):
            await asyncio.sleep(0)
        free.append(permits.free)
        return (await asked).status_code

    assert set(await asyncio.gather(*map(ask, made_up))) == {503}
    assert min(free) == 1


async def test_readiness_is_asked_once_a_second(client: httpx.AsyncClient, gate: Gate) -> None:
    ready = await client.get("/healthz/ready")
    assert ready.status_code == 200
    gate.is_open = False
    answers = await asyncio.gather(*(client.get("/healthz/ready") for _ in range(20)))
    assert {answer.content for answer in answers} == {ready.content}


async def test_readiness_of_a_silent_database_is_refused_and_the_log_says_why(
    client: httpx.AsyncClient, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    gate.is_open = False
    answer = await client.get("/healthz/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "not ready: database_unreachable" in {record.getMessage() for record in caplog.records}


async def test_the_last_permit_is_kept_for_a_holder_that_has_none() -> None:
    permits, later = FairSemaphore(3), asyncio.get_running_loop().time() + 600
    await permits.acquire("a", later)
    await permits.acquire("a", later)
    third = asyncio.create_task(permits.acquire("a", later))
    await asyncio.sleep(0)
    assert not third.done()
    await permits.acquire("b", later)
    permits.release("b")
    await asyncio.sleep(0)
    assert not third.done()
    permits.release("a")
    await third


async def test_a_released_permit_goes_to_the_holder_that_has_the_fewest() -> None:
    permits, later = FairSemaphore(2), asyncio.get_running_loop().time() + 600
    await permits.acquire("a", later)
    await permits.acquire("b", later)
    turns: list[str] = []

    async def take(holder: str) -> None:
        await permits.acquire(holder, later)
        turns.append(holder)

    waiting = [asyncio.create_task(take(holder)) for holder in ("a", "a", "a", "c", "d")]
    await asyncio.sleep(0)
    for holder in ("b", "c", "d"):
        permits.release(holder)
        await asyncio.sleep(0)
    assert turns == ["c", "d"]
    permits.release("a")
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0)
    assert turns == ["c", "d", "a"]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert permits.free == 1


async def test_a_permit_that_does_not_come_is_given_up_at_the_deadline() -> None:
    permits, now = FairSemaphore(1), asyncio.get_running_loop().time()
    await permits.acquire("a", now)
    with pytest.raises(TimeoutError):
        await permits.acquire("b", now)
    permits.release("a")
    assert permits.free == 1
