"""Measure what follows the events of the started service: how soon the feed has one, and how fast webhooks are sent.

Run it as ``python -m tests.bench.webhooks``; it starts a service and takes about half a minute. The endpoint is in this
process, on loopback, and answers at once.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from statistics import median, quantiles
from typing import Any

import httpx
import uvloop

from tests.support.actors import Actor
from tests.support.feed import read
from tests.support.processes import open_folder
from tests.support.services import Service, serving
from tests.support.webhooks import HOOKS, Got, Receiver, new_webhook

#: Requests at once, while many people are added.
_AT_ONCE = 8


@dataclass(frozen=True)
class Figures:
    """What was measured, from the answer to the write that caused an event.

    Attributes:
        feed_ms: until a follower of the feed has the event.
        delivery_ms: until a webhook's endpoint has the message.
        deliveries_a_second: messages of one webhook, each about another person.
    """

    feed_ms: dict[str, float]
    delivery_ms: dict[str, float]
    deliveries_a_second: float


class _Client:
    """A client of the service that adds people to its root."""

    def __init__(self, actor: Actor, root_id: str) -> None:
        self.actor, self.root_id = actor, root_id
        self._numbers = count()

    async def add_person(self) -> tuple[str, float]:
        """Add a person. Return the id, and when the answer was there, on the monotonic clock."""
        made = await self.actor.made(
            "/v1/people", {"organization_id": self.root_id, "name": f"Coach {next(self._numbers)}"}
        )
        return made["id"], time.perf_counter()

    async def add_people(self, number: int) -> None:
        """Add people, some at once."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def add() -> None:
            async with turns:
                await self.add_person()

        await asyncio.gather(*(add() for _ in range(number)))

    async def end_of_feed(self) -> str:
        after: str = (await read(self.actor, "latest"))["next_after"]
        return after


def _summarize(waits: Sequence[float]) -> dict[str, float]:
    return {"median": median(waits) * 1_000, "p99": quantiles(waits, n=100, method="inclusive")[98] * 1_000}


async def measure_feed(client: _Client, number: int) -> dict[str, float]:
    """Measure the milliseconds until a waiting follower has an event, one after the other."""
    waits = []
    for _ in range(number):
        after = await client.end_of_feed()
        following = asyncio.create_task(_follow(client.actor, after))
        await asyncio.sleep(0.05)
        person_id, answered = await client.add_person()
        subject, arrived = await following
        assert subject == person_id
        waits.append(max(0.0, arrived - answered))
    return _summarize(waits)


async def _follow(actor: Actor, after: str) -> tuple[str, float]:
    """Wait for a new person. Return the id, and when it was there. Other events can come of the service's start."""
    while True:
        page = await read(actor, after, wait=20)
        arrived = time.perf_counter()
        for event in page["items"]:
            if event["type"] == "person.created":
                return event["subject_id"], arrived
        after = page["next_after"]


async def measure_delivery(client: _Client, receiver: Receiver, number: int) -> dict[str, float]:
    """Measure the milliseconds until the endpoint has a message, one after the other."""
    waits, arrived = [], dict[str, float]()
    answers = receiver.answers[0]

    async def note(message: Got, writer: asyncio.StreamWriter) -> None:
        arrived[message.event["subject_id"]] = time.perf_counter()
        writer.write(answers)
        await writer.drain()
        writer.close()

    def has(person_id: str) -> Callable[[Receiver], bool]:
        return lambda _receiver: person_id in arrived

    receiver.answers = [note]
    for _ in range(number):
        person_id, answered = await client.add_person()
        await receiver.until(has(person_id))
        waits.append(max(0.0, arrived[person_id] - answered))
    receiver.answers = [answers]
    return _summarize(waits)


async def measure_rate(client: _Client, receiver: Receiver, webhook: dict[str, Any], number: int) -> float:
    """Measure how many messages a second arrive that are all there already."""
    after = await client.end_of_feed()
    before = len(receiver.got)
    await client.add_people(number)
    await receiver.until(lambda one: len(one.got) >= before + number)
    began, before = time.perf_counter(), len(receiver.got)
    assert (await client.actor.post(f"{HOOKS}/{webhook['id']}/replay", {"after": after})).status_code == 202
    await receiver.until(lambda one: len(one.got) >= before + number)
    return number / (time.perf_counter() - began)


async def measure(service: Service, *, events: int, messages: int) -> Figures:
    """Measure everything on a service that may send to loopback."""
    limits = httpx.Limits(max_connections=2 * _AT_ONCE)
    async with (
        httpx.AsyncClient(base_url=service.address, timeout=300, trust_env=False, limits=limits) as http,
        Receiver() as receiver,
    ):
        actor = Actor(http, service.key)
        client = _Client(actor, (await actor.get("/v1/me")).json()["grants"][0]["organization_id"])
        feed = await measure_feed(client, events)
        webhook = await new_webhook(actor, client.root_id, receiver.url, event_types=["person.created"])
        delivery = await measure_delivery(client, receiver, events)
        return Figures(feed, delivery, await measure_rate(client, receiver, webhook, messages))


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200, help="events whose way is timed")
    parser.add_argument("--messages", type=int, default=2_000, help="messages for the rate")
    asked = parser.parse_args()
    with open_folder() as folder, serving(folder / "data", FA_OUTGOING_NETWORKS="127.0.0.0/8") as service:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(measure(service, events=asked.events, messages=asked.messages))
        sys.stdout.write(json.dumps(asdict(found), indent=2) + "\n")


if __name__ == "__main__":
    main()
