"""A follower of the feed misses nothing and gets nothing twice, however slow the writers and at whichever app."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.support.actors import Actor
from tests.support.answers import until_not_busy
from tests.support.database import Urls
from tests.support.feed import read, seal
from tests.support.replicas import Meeting

RUNS = 20
PEOPLE = "/v1/people"


class Follower:
    """Reads the feed through either app, some of it by waiting."""

    def __init__(self, meeting: Meeting, after: str) -> None:
        self.actors = meeting.admins
        self.chance = meeting.chance
        self.after = after
        self.seen: list[dict[str, Any]] = []

    async def follow(self) -> None:
        page = await read(
            self.chance.choice(self.actors),
            self.after,
            limit=self.chance.choice([1, 3, 50]),
            wait=self.chance.choice([0, 0, 1]),
        )
        self.seen += page["items"]
        self.after = page["next_after"]


async def hold(urls: Urls, organization_id: str) -> asyncpg.Connection:
    """Lock an organization's row, so that writes below it wait in the middle of their transactions."""
    connection = await asyncpg.connect(urls.owner)
    await connection.execute("begin")
    await connection.execute("select from organizations where id = $1 for update", UUID(organization_id))
    return connection


async def write(meeting: Meeting, organization_id: str, rounds: int) -> None:
    """Add, rename and delete people, at either app."""

    async def done(actor: Actor, method: str, path: str, **kwargs: Any) -> Any:
        answer = await until_not_busy(lambda: actor.call(method, path, **kwargs))
        assert answer.is_success, answer.text
        meeting.answers.append(answer)
        return answer.json() if answer.content else None

    for turn in range(rounds):
        one, other = meeting.chance.sample(meeting.admins, 2)
        body = {"organization_id": organization_id, "name": "A"}
        path = f"{PEOPLE}/{(await done(one, 'POST', PEOPLE, json=body))['id']}"
        await done(other, "PATCH", path, json={"name": f"B {turn}"}, headers={"If-Match": "*"})
        if turn % 2:
            await done(one, "DELETE", path, headers={"If-Match": "*"})
        await asyncio.sleep(meeting.chance.uniform(0, 0.02))


@pytest.mark.parametrize("run", range(RUNS))
async def test_a_follower_gets_each_event_once_and_in_order(meeting: Meeting, urls: Urls, run: int) -> None:
    meeting.chance.seed(run)
    fast, slow = [await meeting.tenancy.organization() for _ in range(2)]
    await seal(meeting.tenancy)
    follower = Follower(meeting, (await read(meeting.tenancy.admin, "latest"))["next_after"])
    holder = await hold(urls, slow["id"])
    writing = asyncio.gather(
        *(write(meeting, fast["id"], 4) for _ in range(3)), *(write(meeting, slow["id"], 1) for _ in range(2))
    )
    for _ in range(4):
        await follower.follow()
    await holder.close()
    while not writing.done():
        await follower.follow()
    await writing
    await seal(meeting.tenancy)
    while len(follower.seen) < await recorded(meeting):
        await follower.follow()
    check(follower.seen, await meeting.fetch("select id::text from outbox_events where tenant_id = $1"))


async def recorded(meeting: Meeting) -> int:
    [(count,)] = await meeting.fetch("select count(*) from outbox_events where tenant_id = $1 and type like 'person.%'")
    return int(count)


def check(seen: list[dict[str, Any]], rows: list[tuple[Any, ...]]) -> None:
    ids = [event["id"] for event in seen]
    assert set(ids) <= {row[0] for row in rows}
    assert max(Counter(ids).values()) == 1
    order = {"person.created": 0, "person.updated": 1, "person.deleted": 2}
    for person in {event["subject_id"] for event in seen}:
        steps = [order[event["type"]] for event in seen if event["subject_id"] == person]
        assert steps == list(range(len(steps)))
