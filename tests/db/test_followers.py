"""A follower by `updated_since` and `sync_mark` sees each change, however slow its writer and at whichever app."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.db.sync_marks import CLOCK_ALLOWANCE
from tests.support.actors import Actor
from tests.support.answers import until_not_busy
from tests.support.database import Urls
from tests.support.replicas import Meeting

RUNS = 20
# Longer than what a mark is rounded down and set back by anyway.
SLOW_SECONDS = (CLOCK_ALLOWANCE + timedelta(seconds=1.3)).total_seconds()
PEOPLE = "/v1/people"


class Follower:
    """Copies a list: pass after pass, each from the mark of the one before."""

    def __init__(self, actors: tuple[Actor, Actor], meeting: Meeting) -> None:
        self.actors = actors
        self.chance = meeting.chance
        self.mark: str | None = None
        self.versions: dict[str, int] = {}

    async def follow(self) -> None:
        """Make one pass, on small pages and in any order, through either app."""
        sort = self.chance.choice(["id", "-id", "name", "-name", "updated_at", "-updated_at"])
        query: dict[str, Any] = {"limit": 5, "sort": sort}
        if self.mark is not None:
            query["updated_since"] = self.mark
        marks: set[str] = set()
        cursor: str | None = None
        while not marks or cursor:
            page = await self.chance.choice(self.actors).get(
                PEOPLE, params={**query, **({"cursor": cursor} if cursor else {})}
            )
            assert page.status_code == 200, page.text
            for item in page.json()["items"]:
                self.versions[item["id"]] = max(item["version"], self.versions.get(item["id"], 0))
            marks.add(page.json()["sync_mark"])
            cursor = page.json()["next_cursor"]
        (self.mark,) = marks


async def held(urls: Urls, organization_id: str, seconds: float) -> asyncio.Task[None]:
    """Lock an organization's row, and let its writers wait for some seconds; the task that then lets them go on."""
    connection = await asyncpg.connect(urls.owner)
    await connection.execute("begin")
    await connection.execute("select from organizations where id = $1 for update", UUID(organization_id))

    async def let_go() -> None:
        await asyncio.sleep(seconds)
        await connection.close()

    return asyncio.ensure_future(let_go())


async def write(meeting: Meeting, organization_id: str, *, rounds: int, pause: Callable[[], float]) -> dict[str, int]:
    """Add people to an organization and rename them, at either app; the version of each."""
    made: dict[str, int] = {}
    for turn in range(rounds):
        actor, name = meeting.chance.choice(meeting.admins), f"{meeting.chance.randrange(100)}"
        if made and turn % 3:
            path, body = f"{PEOPLE}/{meeting.chance.choice(list(made))}", {"name": f"{name} {turn}"}
            answer = await until_not_busy(partial(actor.patch, path, body))
        else:
            body = {"organization_id": organization_id, "name": name}
            answer = await until_not_busy(partial(actor.post, PEOPLE, body))
        assert answer.is_success, answer.text
        meeting.answers.append(answer)
        made[answer.json()["id"]] = answer.json()["version"]
        await asyncio.sleep(pause())
    return made


@pytest.mark.parametrize("run", range(RUNS))
async def test_a_follower_misses_no_change_of_slow_and_concurrent_writers(
    meeting: Meeting, urls: Urls, run: int
) -> None:
    meeting.chance.seed(run)
    fast, slow = [await meeting.tenancy.organization() for _ in range(2)]
    follower = Follower(meeting.admins, meeting)
    holding = await held(urls, slow["id"], SLOW_SECONDS)
    writers = [
        *(write(meeting, fast["id"], rounds=25, pause=lambda: meeting.chance.uniform(0, 0.1)) for _ in range(2)),
        *(write(meeting, slow["id"], rounds=1, pause=lambda: 0) for _ in range(2)),
    ]
    writing = asyncio.gather(*writers)
    while not writing.done():
        await follower.follow()
        await asyncio.sleep(meeting.chance.uniform(0, 0.05))
    await holding
    await follower.follow()
    written = {id_: version for made in await writing for id_, version in made.items()}
    assert follower.versions == written


async def test_the_mark_stays_before_a_write_that_is_still_running(meeting: Meeting, urls: Urls) -> None:
    site = await meeting.tenancy.organization()
    one, other = meeting.admins
    for admin in (one, other):
        await admin.items(PEOPLE)
    holding = await held(urls, site["id"], SLOW_SECONDS + 2)
    writing = asyncio.ensure_future(other.post(PEOPLE, {"organization_id": site["id"], "name": "Slow"}))
    await asyncio.sleep(SLOW_SECONDS)
    assert not writing.done()
    marks = [datetime.fromisoformat((await admin.get(PEOPLE)).json()["sync_mark"]) for admin in (one, other)]
    await holding
    written = await writing
    meeting.answers.append(written)
    assert all(mark < datetime.fromisoformat(written.json()["updated_at"]) for mark in marks)
