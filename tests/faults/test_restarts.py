"""Restarts and kills of the database while it is in use: no 500, no lost or doubled change, and no 503 afterwards."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.faults.conftest import Service
from tests.support.postgres import OwnPostgres

READERS, WRITERS, MOST_TRIES = 4, 3, 2_000


def restart_fast(server: OwnPostgres) -> None:
    server.stop("fast")
    server.start()


def restart_immediate(server: OwnPostgres) -> None:
    server.stop("immediate")
    server.start()


def kill_postmaster(server: OwnPostgres) -> None:
    server.kill()
    server.start()


def kill_backends(server: OwnPostgres) -> None:
    """Killed, one backend takes all others with it; the postmaster restarts by itself."""
    asyncio.run(server.kill_backend())


def terminate_backends(server: OwnPostgres) -> None:
    asyncio.run(server.disconnect())


class Load:
    """Reads and keyed writes that go on until they are stopped."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.statuses = Counter[int]()
        self.acknowledged: list[str] = []
        self.stopping = False

    async def read(self) -> None:
        while not self.stopping:
            answer = await self.service.admin.get(self.service.path)
            self.statuses[answer.status_code] += 1
            await asyncio.sleep(0.002)

    async def write(self) -> None:
        """Create organizations; repeat each with its key until it is acknowledged."""
        while not self.stopping:
            name = f"Site {uuid4()}"
            for _ in range(MOST_TRIES):
                body, headers = self.service.site(name), {"Idempotency-Key": name.replace(" ", "-")}
                answer = await self.service.admin.post("/v1/organizations", body, headers=headers)
                self.statuses[answer.status_code] += 1
                if answer.status_code == 201:
                    self.acknowledged.append(name)
                    break
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("harm", [restart_fast, restart_immediate, kill_postmaster, kill_backends, terminate_backends])
async def test_a_database_that_goes_away_costs_503_at_most(
    service: Service, harm: Callable[[OwnPostgres], None]
) -> None:
    load = Load(service)
    running = [asyncio.create_task(load.read()) for _ in range(READERS)]
    running += [asyncio.create_task(load.write()) for _ in range(WRITERS)]
    await asyncio.sleep(0.5)
    await asyncio.to_thread(harm, service.server)
    await until_it_answers(service)
    await asyncio.sleep(0.5)
    load.stopping = True
    await asyncio.gather(*running)
    assert set(load.statuses) <= {200, 201, 409, 503}, load.statuses
    assert load.acknowledged
    assert await stored(service) == Counter(load.acknowledged)


@pytest.mark.parametrize("harm", [restart_fast, restart_immediate, kill_postmaster])
async def test_after_a_restart_no_request_is_refused(service: Service, harm: Callable[[OwnPostgres], None]) -> None:
    await fill_pools(service)
    await asyncio.to_thread(harm, service.server)
    reads = await asyncio.gather(*(service.admin.get(service.path) for _ in range(20)))
    writes = await asyncio.gather(*(service.admin.post("/v1/organizations", service.site()) for _ in range(20)))
    assert Counter(answer.status_code for answer in [*reads, *writes]) == {200: 20, 201: 20}


async def fill_pools(service: Service) -> None:
    await asyncio.gather(*(service.admin.get(service.path) for _ in range(20)))
    await asyncio.gather(*(service.admin.post("/v1/organizations", service.site()) for _ in range(20)))


async def until_it_answers(service: Service) -> None:
    async with asyncio.timeout(600):
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await service.server.run("select 1")
                return
            await asyncio.sleep(0.1)


async def stored(service: Service) -> Any:
    """Return how often each organization was made."""
    connection = await asyncpg.connect(service.server.url())
    rows = await connection.fetch("select name from organizations where parent_id is not null")
    await connection.close()
    return Counter(row["name"] for row in rows)
