"""The service or its database is killed again and again under writers: nothing acknowledged is lost or doubled."""

import asyncio
import logging
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.support.postgres import OwnPostgres
from tests.support.processes import open_folder
from tests.support.services import Service, serving

#: What a run reached: `make test PYTEST_ARGS="tests/faults/test_kills.py -rP"` shows it.
_log = logging.getLogger("tests.faults")
SEED = 20261130
WRITERS = 8
#: The acknowledged changes between two kills, at least.
PAUSE = 10
#: `make soak` does the same for longer.
ROUNDS = int(os.environ.get("FA_TEST_ROUNDS", "1"))
SECONDS = 600.0
#: Rows of a file that takes some batches to write.
PEOPLE, ORGANIZATIONS = 4_000, 8_000
EVENTS = "select subject_id::text from outbox_events where type = '{}.created'"
AUDITED = "select subject_id::text from audit_events where action = '{}.created'"


class Server:
    """A service in a separate process, on a database in another one. Either can be killed and started again."""

    def __init__(self, folder: Path, database: OwnPostgres) -> None:
        self.folder = folder
        self.database = database
        self.stack = ExitStack()
        self.service = self.start()

    def start(self) -> Service:
        owner, login = self.database.url("fa_owner"), self.database.url("fa_app")
        urls: dict[str, Any] = {"FA_DATABASE_URL": login, "FA_OWNER_DATABASE_URL": owner}
        context = serving(self.folder, FA_LOG_LEVEL="error", FA_JOB_LEASE_SECONDS="2", **urls)
        return self.stack.enter_context(context)

    def kill_app(self) -> None:
        self.service.process.kill()
        self.service.process.wait(SECONDS)
        self.stack.close()
        self.service = self.start()

    def kill_database(self) -> None:
        self.database.kill()
        self.database.start()


class Load:
    """Writers who repeat each change with its key until it is acknowledged."""

    def __init__(self, server: Server, http: httpx.AsyncClient, root_id: str) -> None:
        self.server = server
        self.http = http
        self.root_id = root_id
        self.answers = Counter[str]()
        self.acknowledged: list[str] = []
        self.stopping = False
        self._progress = asyncio.Condition()

    async def write(self) -> None:
        while not self.stopping:
            name = f"Site {uuid4()}"
            async with asyncio.timeout(SECONDS):
                said = await self._send(name)
                while said != "201":
                    await asyncio.sleep(0.05)
                    said = await self._send(name)
            async with self._progress:
                self.acknowledged.append(name)
                self._progress.notify_all()

    async def _send(self, name: str) -> str:
        """Return the status of a success, or the code of a problem."""
        body = {"parent_id": self.root_id, "kind": "site", "name": name}
        headers = {"Idempotency-Key": name.replace(" ", "-")}
        try:
            answer = await self.http.post(f"{self.server.service.address}/v1/organizations", json=body, headers=headers)
        except httpx.TransportError:
            return "no answer"
        said: str = str(answer.status_code) if answer.is_success else answer.json()["code"]
        self.answers[said] += 1
        return said

    async def follow(self) -> Counter[str]:
        """Read the feed from its beginning until all is in it. Return how often each organization was announced."""
        seen, after = Counter[str](), dict[str, str]()
        async with asyncio.timeout(SECONDS):
            while seen.total() < len(self.acknowledged):
                params: dict[str, Any] = {"types": "organization.created", "wait": 5, "limit": 200, **after}
                answer = await self.http.get(f"{self.server.service.address}/v1/events", params=params)
                assert answer.status_code == 200, answer.text
                seen.update(event["subject_id"] for event in answer.json()["items"])
                after = {"after": answer.json()["next_after"]}
        return seen

    async def until_more(self) -> None:
        """Wait until some more changes are acknowledged."""
        enough = len(self.acknowledged) + PAUSE
        async with asyncio.timeout(SECONDS), self._progress:
            await self._progress.wait_for(lambda: len(self.acknowledged) >= enough)


@pytest.fixture
async def load(own_server: OwnPostgres) -> AsyncIterator[Load]:
    await own_server.restore()
    with open_folder() as folder:
        server = await asyncio.to_thread(Server, folder / "data", own_server)
        root_id = str(await own_server.run("select id from organizations where parent_id is null"))
        headers = {"Authorization": f"Bearer {server.service.key}"}
        async with httpx.AsyncClient(headers=headers, timeout=SECONDS, trust_env=False) as http:
            yield Load(server, http, root_id)
        await asyncio.to_thread(server.stack.close)


@pytest.mark.parametrize(
    ("kill", "times"), [(Server.kill_app, 10), (Server.kill_database, 6)], ids=["the service", "the database"]
)
async def test_nothing_acknowledged_is_lost_or_doubled(load: Load, kill: Callable[[Server], None], times: int) -> None:
    chance = random.Random(SEED)
    writers = [asyncio.create_task(load.write()) for _ in range(WRITERS)]
    for _ in range(times * ROUNDS):
        await load.until_more()
        await asyncio.sleep(chance.uniform(0, 0.2))
        await asyncio.to_thread(kill, load.server)
    load.stopping = True
    await asyncio.gather(*writers)
    figures = f"{times * ROUNDS} kills, {len(load.acknowledged)} acknowledged, answers {dict(load.answers)}"
    _log.warning("seed %s: %s", SEED, figures)
    assert set(load.answers) <= {"201", "unavailable", "idempotency_running"}
    names = await stored(load, "select name from organizations where parent_id is not null")
    assert Counter(names) == Counter(load.acknowledged)


async def test_objects_events_and_audit_rows_agree_after_kills(load: Load) -> None:
    writers = [asyncio.create_task(load.write()) for _ in range(WRITERS)]
    for kill in (load.server.kill_app, load.server.kill_database):
        await load.until_more()
        await asyncio.to_thread(kill)
    load.stopping = True
    await asyncio.gather(*writers)
    made = Counter(await stored(load, "select id::text from organizations where parent_id is not null"))
    assert await load.follow() == made
    audited = "select subject_id::text from audit_events where action = 'organization.created' and outcome = 'done'"
    assert Counter(await stored(load, audited)) == made
    verified = await load.http.get(f"{load.server.service.address}/v1/audit-events/verify")
    assert verified.json()["intact"] is True


async def test_an_import_of_people_that_is_killed_ends_as_one_clean_import(load: Load) -> None:
    [home] = await stored(load, "select name from organizations where parent_id is null")
    lines = [f"{number},Person {number},{home},{number // 8 or ''}" for number in range(1, PEOPLE + 1)]
    content = "\n".join(["external_id,name,organization,manager", *lines])
    job = await import_under_kills(load, content, "people")
    assert (job["state"], job["counts"]["created"], job["counts"]["rows"]) == ("done", PEOPLE, PEOPLE)
    made = Counter(await stored(load, "select id::text from people"))
    assert len(made) == PEOPLE
    assert Counter(await stored(load, EVENTS.format("person"))) == made
    assert Counter(await stored(load, AUDITED.format("person"))) == made
    assert await stored(load, "select line from staged_people") == []


async def test_an_import_of_organizations_that_is_killed_ends_as_one_clean_import(load: Load) -> None:
    lines = [f"{number},Unit {number},county,{number // 8 or ''}" for number in range(1, ORGANIZATIONS + 1)]
    job = await import_under_kills(load, "\n".join(["external_id,name,kind,parent", *lines]), "organizations")
    assert (job["state"], job["counts"]["created"], job["counts"]["rows"]) == ("done", ORGANIZATIONS, ORGANIZATIONS)
    made = Counter(await stored(load, "select id::text from organizations where parent_id is not null"))
    assert len(made) == ORGANIZATIONS
    placed = "select organization_id::text from organization_places where depth > 0"
    for query in (placed, EVENTS.format("organization"), AUDITED.format("organization")):
        assert Counter(await stored(load, query)) == made
    assert await stored(load, "select line from staged_organizations") == []


async def import_under_kills(load: Load, content: str, kind: str) -> Any:
    """Upload a file, kill the service again and again, upload it again, and return the job when it has finished."""
    headers = {"Content-Type": "text/csv", "Idempotency-Key": "roster"}
    first = await send_file(load, content, kind, headers)
    for is_reached in (lambda job: True, lambda job: job["state"] == "running", lambda job: job["done"] > 0):
        await until_job(load, first, is_reached)
        await asyncio.to_thread(load.server.kill_app)
    again = await send_file(load, content, kind, headers)
    assert again["id"] == first["id"]
    return await until_job(load, first, lambda job: False)


async def send_file(load: Load, content: str, kind: str, headers: dict[str, str]) -> Any:
    """Upload a file and return its job."""
    address = f"{load.server.service.address}/v1/roster-imports?source=hr&mode=replace&kind={kind}"
    answer = await load.http.post(address, content=content.encode(), headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def until_job(load: Load, job: Any, is_reached: Callable[[Any], bool]) -> Any:
    """Wait until a job has reached something, or has finished. Return it as it is then."""
    async with asyncio.timeout(SECONDS):
        while True:
            present = (await load.http.get(f"{load.server.service.address}/v1/jobs/{job['id']}")).json()
            if present["finished_at"] is not None or is_reached(present):
                return present
            await asyncio.sleep(0.02)


async def stored(load: Load, query: str) -> list[Any]:
    """Return the first column of a query, as the superuser sees it."""
    connection = await asyncpg.connect(load.server.database.url())
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()
