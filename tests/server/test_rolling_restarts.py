"""Replicas that restart one after the other behind a balancer, while clients go on sending."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.server.balancer import Balancer
from tests.support.database import Urls
from tests.support.databases import fetch, fresh_database
from tests.support.processes import wait_for
from tests.support.services import Service, serving

ROLLS = 4
LEAST, MOST = 4_000, 40_000
SECONDS = 540.0
DRAIN_SECONDS = "2"
PAUSE_SECONDS = 0.02
#: Clients whose connections are kept, and clients that open one for each request.
KEEPING, CONNECTING = 6, 3


class Replicas:
    """Two services on one database, each of which can be replaced on its port."""

    def __init__(self, folder: Path, owner_url: str, settings: dict[str, str]) -> None:
        self.folder = folder
        self.owner_url = owner_url
        self.settings = settings
        self.stacks = [ExitStack(), ExitStack()]
        self.services = [self.start(place, 0) for place in range(2)]

    @property
    def key(self) -> str:
        """The first admin key, from the file of the one that made the tenant."""
        return next(service.key for service in self.services if (service.data_dir / "first-admin-key").exists())

    def count_sites(self) -> int:
        [row] = fetch(self.owner_url, "select count(*) from organizations where kind = 'site'")
        count: int = row["count"]
        return count

    def start(self, place: int, port: int) -> Service:
        context = serving(self.folder / str(place), port, FA_DRAIN_SECONDS=DRAIN_SECONDS, **self.settings)
        return self.stacks[place].enter_context(context)

    def restart(self, place: int) -> int:
        """Stop one with SIGTERM, start it again on its port, and return how it ended."""
        former = self.services[place]
        status = former.end(signal.SIGTERM)
        self.stacks[place].close()
        self.services[place] = self.start(place, former.port)
        return status

    def close(self) -> None:
        for stack in self.stacks:
            stack.close()


@pytest.fixture
def replicas(server: Urls, folder: Path) -> Iterator[Replicas]:
    with fresh_database(server) as urls:
        settings = {"FA_DATABASE_URL": urls.service, "FA_LOG_LEVEL": "warning"}
        if urls.separate:
            settings["FA_OWNER_DATABASE_URL"] = urls.owner
        made = Replicas(folder, urls.owner, settings)
        yield made
        made.close()


def requests(key: str, root_id: str) -> Iterator[bytes]:
    """Yield reads, and now and then a write that must not be sent twice."""
    known = f"Host: x\r\nAuthorization: Bearer {key}\r\n"
    read = f"GET /v1/me HTTP/1.1\r\n{known}\r\n".encode()
    for number in count(1):
        if number % 40:
            yield read
        else:
            body = f'{{"parent_id": "{root_id}", "kind": "site", "name": "Site {number}"}}'
            head = f"POST /v1/organizations HTTP/1.1\r\n{known}Content-Type: application/json\r\n"
            yield f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def root_of(service: Service, key: str) -> str:
    answer = httpx.get(f"{service.address}/v1/me", headers={"Authorization": f"Bearer {key}"}, trust_env=False)
    root_id: str = answer.json()["grants"][0]["organization_id"]
    return root_id


async def until(condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(wait_for, condition, SECONDS)


async def send_until(is_over: asyncio.Event, balancer: Balancer, supply: Iterator[bytes], *, keep: bool) -> None:
    for request in supply:
        await balancer.send(request, keep=keep)
        if is_over.is_set() or balancer.statuses.total() >= MOST:
            return
        await asyncio.sleep(PAUSE_SECONDS)


async def test_clients_see_nothing_of_rolling_restarts(replicas: Replicas) -> None:
    key, is_over = replicas.key, asyncio.Event()
    balancer = Balancer(*(service.port for service in replicas.services))
    supply = requests(key, root_of(replicas.services[0], key))
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(balancer.probe_on(is_over))
        await until(balancer.are_all_ready)
        for keep in [True] * KEEPING + [False] * CONNECTING:
            tasks.create_task(send_until(is_over, balancer, supply, keep=keep))
        for place in [0, 1] * ROLLS:
            assert await asyncio.to_thread(replicas.restart, place) == 0
            await until(balancer.are_all_ready)
        await until(lambda: balancer.statuses.total() >= LEAST)
        is_over.set()
    balancer.close()
    assert set(balancer.statuses) == {200, 201}, balancer.statuses
    assert balancer.statuses.total() >= LEAST
    assert balancer.statuses[201] == await asyncio.to_thread(replicas.count_sites)
