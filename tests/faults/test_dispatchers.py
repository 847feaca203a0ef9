"""A service that is killed while it sends to webhooks, and two at once: nothing is lost, ids and order stay."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.actors import Actor
from tests.support.postgres import OwnPostgres
from tests.support.processes import open_folder
from tests.support.services import Service, serving
from tests.support.webhooks import Receiver, answer, new_webhook

TYPES = ["person.created", "person.updated"]
RENAMED = 3


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver(answers=[None, None, answer(204)]) as made:
        yield made


@contextmanager
def start(folder: Path, database: OwnPostgres) -> Iterator[Service]:
    """Start a service on the database, whose place others take soon after it is killed."""
    owner, login = database.url("fa_owner"), database.url("fa_app")
    settings: dict[str, Any] = {"FA_LOG_LEVEL": "error", "FA_DATABASE_URL": login, "FA_OWNER_DATABASE_URL": owner}
    more: dict[str, Any] = {"FA_OUTGOING_NETWORKS": "127.0.0.0/8", "FA_JOB_LEASE_SECONDS": "2"}
    with serving(folder, **settings, **more) as running:
        yield running


async def change_people(actor: Actor, root_id: str, count: int) -> int:
    """Add people and change each of them some times. Return how many events that makes."""
    for number in range(count):
        person = (await actor.made("/v1/people", {"organization_id": root_id, "name": f"A{number}"}))["id"]
        for name in "BCD"[:RENAMED]:
            assert (await actor.patch(f"/v1/people/{person}", {"name": name})).status_code == 200
    return count * (1 + RENAMED)


def distinct(receiver: Receiver) -> list[dict[str, Any]]:
    """Return the events that arrived, each once, in the order of their first arrival."""
    return list({got.id: got.event for got in receiver.got}.values())


async def test_a_killed_dispatcher_and_two_at_once_lose_and_reorder_nothing(
    own_server: OwnPostgres, receiver: Receiver
) -> None:
    await own_server.restore()
    with open_folder() as folder, start(folder / "a", own_server) as first:
        async with httpx.AsyncClient(base_url=first.address, timeout=300, trust_env=False) as http:
            admin = Actor(http, first.key)
            root_id = (await admin.get("/v1/me")).json()["grants"][0]["organization_id"]
            await new_webhook(admin, root_id, receiver.url, event_types=TYPES)
            sent = await change_people(admin, root_id, 2)
            # It is in the middle of two messages when it is killed.
            await receiver.until(lambda one: len(one.got) >= 2)
        await asyncio.to_thread(first.process.kill)
        with start(folder / "b", own_server) as second, start(folder / "c", own_server) as third:
            await own_server.run("update webhook_queues set held_until = now() returning true")
            for one in (second, third):
                async with httpx.AsyncClient(base_url=one.address, timeout=300, trust_env=False) as http:
                    sent += await change_people(Actor(http, first.key), root_id, 2)
            await receiver.until(lambda one: len(distinct(one)) == sent)
    assert len({(got.id, got.body) for got in receiver.got}) == sent
    for subject in {event["subject_id"] for event in distinct(receiver)}:
        events = [event for event in distinct(receiver) if event["subject_id"] == subject]
        assert [event["type"] for event in events] == ["person.created", *["person.updated"] * RENAMED]
        assert [event["occurred_at"] for event in events] == sorted(event["occurred_at"] for event in events)
