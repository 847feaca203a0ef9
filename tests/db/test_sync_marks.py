"""`sync_mark` and `updated_at`: what a follower relies on."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.db.statement import Read
from app.db.sync_marks import CLOCK_ALLOWANCE, SyncMarks
from tests.support.actors import Actor, Tenancy

NOW = datetime(2026, 10, 5, 13, tzinfo=UTC)
SINCE_2020 = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())


async def test_every_page_of_a_pass_answers_the_mark_of_the_first(tenancy: Tenancy, admin: Actor) -> None:
    for _ in range(2):
        await tenancy.organization()
    first = (await admin.get("/v1/organizations?limit=1")).json()
    # A new mark would lie at another instant of the clock.
    tenancy.app.state.app_state.sync_marks = SyncMarks()
    following = (await admin.get("/v1/organizations", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert following["sync_mark"] == first["sync_mark"]


async def test_an_empty_list_has_a_mark(admin: Actor) -> None:
    page = (await admin.get("/v1/people")).json()
    assert page["items"] == []
    assert datetime.fromisoformat(page["sync_mark"]) < datetime.now(UTC)


async def test_the_mark_can_be_sent_as_it_is_answered(tenancy: Tenancy, admin: Actor) -> None:
    mark = (await admin.get("/v1/organizations")).json()["sync_mark"]
    made = await tenancy.organization()
    found = await admin.items("/v1/organizations", updated_since=mark)
    assert made["id"] in [item["id"] for item in found]


async def test_updated_at_never_runs_backwards(tenancy: Tenancy, admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
    before = datetime.fromisoformat(person["updated_at"])
    monkeypatch.setattr(tenancy.app.state.app_state, "clock", lambda: before - timedelta(hours=1))
    for name in ("B", "C"):
        renamed = await admin.patch(f"/v1/people/{person['id']}", {"name": name})
        after = datetime.fromisoformat(renamed.json()["updated_at"])
        assert after == before + timedelta(microseconds=1)
        before = after


async def test_a_moved_organization_does_not_run_backwards_either(
    tenancy: Tenancy, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    east, west = [await tenancy.organization() for _ in range(2)]
    before = datetime.fromisoformat(east["updated_at"])
    monkeypatch.setattr(tenancy.app.state.app_state, "clock", lambda: before - timedelta(minutes=1))
    body, path = {"parent_id": west["id"]}, f"/v1/organizations/{east['id']}/move"
    moved = await admin.post(path, body, headers={"If-Match": "*"})
    assert moved.status_code == 200, moved.text
    assert datetime.fromisoformat(moved.json()["updated_at"]) == before + timedelta(microseconds=1)


@dataclass
class Running:
    """A database whose oldest running write began some seconds ago; None: no write runs."""

    seconds: int | None
    reads: int = 0

    async def fetch(self, read: Read, **values: Any) -> list[dict[str, Any]]:
        raise NotImplementedError

    async def fetch_one(self, read: Read, **values: Any) -> dict[str, Any]:
        self.reads += 1
        oldest = None if self.seconds is None else int(NOW.timestamp()) - self.seconds - SINCE_2020
        return {"asked_at": NOW, "oldest": oldest}


@pytest.mark.parametrize(("seconds", "age"), [(None, 0), (0, 0), (7, 7), (86_400, 86_400)])
async def test_the_mark_lies_before_the_oldest_running_write(seconds: int | None, age: int) -> None:
    mark = await SyncMarks().get(Running(seconds), uuid4(), NOW)
    assert mark == NOW - timedelta(seconds=age) - CLOCK_ALLOWANCE


async def test_a_clock_behind_the_databases_counts() -> None:
    yesterday = NOW - timedelta(days=1)
    assert await SyncMarks().get(Running(7), uuid4(), yesterday) == yesterday - timedelta(seconds=8)


async def test_the_running_writes_are_not_asked_for_with_every_list() -> None:
    database, marks = Running(None), SyncMarks()
    assert len({await marks.get(database, uuid4(), NOW) for _ in range(3)}) == 1
    assert database.reads == 1
