"""Lists of action items over HTTP: filters, orders, paging, and what is overdue when and where."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings
from tests.support.actors import Actor, Tenancy
from tests.support.statements import count_statements

ITEMS = "/v1/action-items"


async def item(tenancy: Tenancy, organization_id: str | None = None, **fields: Any) -> dict[str, Any]:
    """Make a free item, by default at the root."""
    body = {"organization_id": organization_id or tenancy.root_id, "title": "Fund coaching", **fields}
    return await tenancy.admin.made(ITEMS, body)


async def listed(actor: Actor, **params: Any) -> list[dict[str, Any]]:
    """Return the whole of a list, page by page."""
    answer = await actor.get(ITEMS, params=params)
    items: list[dict[str, Any]] = []
    while True:
        assert answer.status_code == 200, answer.text
        assert len(items) < 100
        items += answer.json()["items"]
        assert ("next" in answer.links) == (answer.json()["next_cursor"] is not None)
        if "next" not in answer.links:
            return items
        answer = await actor.get(answer.links["next"]["url"])


@asynccontextmanager
async def at(instant: str, settings: Settings, actor: Actor) -> AsyncIterator[Actor]:
    """Yield the same caller at another instant."""
    now = datetime.fromisoformat(instant).astimezone(UTC)
    app = create_app(settings, clock=lambda: now)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Actor(client, actor.token)
    await app.state.app_state.database.close()


async def test_work_that_nobody_sees_to_is_found(tenancy: Tenancy, admin: Actor) -> None:
    stays, left = [
        (await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": name}))["id"] for name in "AB"
    ]
    of_nobody, of_left, of_stays = [await item(tenancy, owner_id=owner) for owner in (None, left, stays)]
    await admin.patch(f"/v1/people/{left}", {"active": False})
    assert await listed(admin, owner_id="none") == [of_nobody]
    assert await listed(admin, owner_inactive="true") == [of_left]
    assert await listed(admin, owner_inactive="false") == [of_stays]
    assert await listed(admin, owner_inactive="false", owner_id=left) == []


@pytest.mark.parametrize("params", [{"owner_id": "None"}, {"owner_id": "nobody"}, {"owner_inactive": "1"}])
async def test_an_owner_filter_of_another_kind_is_refused(admin: Actor, params: dict[str, str]) -> None:
    assert (await admin.get(ITEMS, params=params)).status_code == 422


#: The parameters of a list, and the items of `filterable` that it then holds. A name in braces stands for an id or an
#: instant of that fixture.
FILTERS: list[tuple[dict[str, Any], str]] = [
    ({}, "abcd"),
    ({"organization_id": "{root}"}, "a"),
    ({"organization_id": "{top}"}, "b"),
    ({"organization_id": "{unknown}"}, ""),
    ({"subtree": "{top}"}, "bcd"),
    ({"subtree": "{below}"}, "cd"),
    ({"subtree": "{root}"}, "abcd"),
    ({"subtree": "{top}", "organization_id": "{root}"}, ""),
    ({"owner_id": "{owner}"}, "c"),
    ({"owner_id": "{unknown}"}, ""),
    ({"status": "proposed"}, "ad"),
    ({"status": ["open", "dismissed"]}, "bc"),
    ({"status": ["open", "open"]}, "b"),
    ({"practice": "P1"}, "ab"),
    ({"practice": "P4"}, "a"),
    ({"practice": "P10"}, "d"),
    ({"practice": "p1"}, ""),
    ({"assessment_id": "{unknown}"}, ""),
    ({"effort": "small"}, "c"),
    ({"effort": "medium"}, ""),
    ({"due_before": "2026-02-10"}, "ab"),
    ({"due_before": "2026-02-09"}, "a"),
    ({"due_after": "2026-02-10"}, "bd"),
    ({"due_after": "2026-02-11"}, "d"),
    ({"due_after": "2026-01-11", "due_before": "2026-03-09"}, "b"),
    ({"due_before": "2200-12-31"}, "abd"),
    ({"due_after": "1900-01-01"}, "abd"),
    ({"updated_since": "{c_changed}"}, "c"),
    ({"updated_since": "{c_created}"}, "bcd"),
    ({"q": "coach"}, "ab"),
    ({"q": "FUND coaching"}, "a"),
    ({"q": "%"}, "c"),
    ({"q": "s_"}, "c"),
    ({"q": "strasse"}, "d"),
    ({"q": "STRASSE"}, "d"),
    ({"overdue": "true", "as_of": "2026-02-11"}, "ab"),
    ({"overdue": "true", "as_of": "2026-02-10"}, "a"),
    ({"overdue": "false", "as_of": "2026-02-11"}, "cd"),
    ({"overdue": "true", "as_of": "2026-04-01", "status": "proposed", "practice": "P10"}, "d"),
]


@pytest.fixture
async def filterable(tenancy: Tenancy, admin: Actor) -> tuple[dict[str, str], dict[str, str]]:
    """Four items that differ in every filter: their names by id, and the words that `FILTERS` uses."""
    top = (await tenancy.organization())["id"]
    below = (await tenancy.organization(top))["id"]
    owner = (await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "Owner"}))["id"]
    made = {
        "a": await item(tenancy, title="Fund COACHING", practices=["P1", "P4"], due_on="2026-01-10"),
        "b": await item(tenancy, top, title="Train coaches", practices=["P1"], due_on="2026-02-10"),
        "c": await item(tenancy, below, title="100% of posts_", effort="small", owner_id=owner),
        "d": await item(tenancy, below, title="Straße", practices=["P10"], due_on="2026-03-10", effort="large"),
    }
    await admin.move(f"{ITEMS}/{made['b']['id']}", "open")
    changed = await admin.move(f"{ITEMS}/{made['c']['id']}", "dismissed", reason="Not ours")
    words = {"root": tenancy.root_id, "top": top, "below": below, "owner": owner, "unknown": str(uuid4())}
    words |= {"c_created": made["c"]["created_at"], "c_changed": changed.json()["updated_at"]}
    return {one["id"]: name for name, one in made.items()}, words


async def test_every_filter_finds_its_items(filterable: tuple[dict[str, str], dict[str, str]], admin: Actor) -> None:
    names, words = filterable
    found = {}
    for params, _ in FILTERS:
        sent = {name: value.format(**words) if isinstance(value, str) else value for name, value in params.items()}
        found[str(params)] = "".join(sorted(names[one["id"]] for one in await listed(admin, **sent)))
    assert found == {str(params): expected for params, expected in FILTERS}


ORDERS = {
    "id": lambda one: one["id"],
    "due_on": lambda one: (one["due_on"] or "9999", one["id"]),
    "updated_at": lambda one: (one["updated_at"], one["id"]),
}


@pytest.mark.parametrize("sort", ["id", "-id", "due_on", "-due_on", "updated_at", "-updated_at"])
@pytest.mark.parametrize("limit", [1, 4, 200])
async def test_every_order_pages_through_without_loss_or_repeats(
    tenancy: Tenancy, admin: Actor, sort: str, limit: int
) -> None:
    days = ["2026-01-10", None, "2026-01-09", "2026-01-10", None, "2027-01-01", "2026-01-10", None, "1999-12-31"]
    made = [(await item(tenancy, due_on=day))["id"] for day in days]
    for position in (7, 2, 4):
        await admin.patch(f"{ITEMS}/{made[position]}", {"effort": "small"})
    stored = [(await admin.get(f"{ITEMS}/{one}")).json() for one in made]
    expected = sorted(stored, key=ORDERS[sort.removeprefix("-")], reverse=sort.startswith("-"))
    assert await listed(admin, sort=sort, limit=limit) == expected


async def test_pages_hold_while_items_come_and_go(tenancy: Tenancy, admin: Actor) -> None:
    made = [(await item(tenancy, due_on="2026-01-10"))["id"] for _ in range(6)]
    first = await admin.get(ITEMS, params={"sort": "due_on", "limit": 3})
    await admin.delete(f"{ITEMS}/{made[0]}")
    await admin.patch(f"{ITEMS}/{made[1]}", {"due_on": None})
    late = await item(tenancy, due_on="2026-01-09")
    rest = await admin.get(first.links["next"]["url"])
    assert [one["id"] for one in rest.json()["items"]] == made[3:]
    again = await admin.get(rest.links["next"]["url"])
    assert [one["id"] for one in again.json()["items"]] == [made[1]]
    assert late["id"] not in str(rest.json())


async def test_a_cursor_is_good_for_its_own_list_only(tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    for _ in range(3):
        await item(tenancy, site["id"], due_on="2026-01-10", practices=["P1"])
    asked: dict[str, Any] = {"limit": 1, "status": "proposed", "overdue": "true", "as_of": "2026-02-01"}
    cursor = (await admin.get(ITEMS, params=asked)).json()["next_cursor"]
    assert (await admin.get(ITEMS, params={**asked, "limit": 2, "cursor": cursor})).status_code == 200
    for changed in (
        {"status": ["proposed", "open"]},
        {"overdue": "false"},
        {"as_of": "2026-02-02"},
        {"sort": "-id"},
        {"sort": "due_on"},
        {"practice": "P1"},
        {"subtree": site["id"]},
        {"q": "fund"},
    ):
        answer = await admin.get(ITEMS, params={**asked, **changed, "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor"), changed
    for actor, path in (
        (other_tenancy.admin, ITEMS),
        (admin, "/v1/organizations"),
        (admin, f"{ITEMS}/{(await item(tenancy))['id']}/notes"),
    ):
        assert (await actor.get(path, params={"cursor": cursor})).json()["code"] == "invalid_cursor"
    folded = (await admin.get(ITEMS, params={"limit": 1, "q": "FUND"})).json()["next_cursor"]
    assert (await admin.get(ITEMS, params={"limit": 1, "q": "fund", "cursor": folded})).status_code == 200


async def test_a_cursor_outlives_midnight(tenancy: Tenancy, settings: Settings, admin: Actor) -> None:
    made = [(await item(tenancy, due_on="2026-01-10"))["id"] for _ in range(3)]
    async with at("2026-01-11T23:59:00Z", settings, admin) as before:
        first = await before.get(ITEMS, params={"overdue": "true", "limit": 2})
    async with at("2026-01-12T00:01:00Z", settings, admin) as after:
        rest = await after.get(first.links["next"]["url"])
    assert [one["id"] for one in first.json()["items"] + rest.json()["items"]] == made


@pytest.mark.parametrize(
    ("status", "steps", "can"),
    [
        ("proposed", [], True),
        ("open", ["open"], True),
        ("in_progress", ["open", "in_progress"], True),
        ("blocked", ["open", "in_progress", "blocked"], True),
        ("done", ["open", "in_progress", "done"], False),
        ("dismissed", ["dismissed"], False),
    ],
)
async def test_overdue_is_told_as_of_a_day(
    tenancy: Tenancy, admin: Actor, status: str, steps: list[str], can: bool
) -> None:
    undated = await item(tenancy)
    path = f"{ITEMS}/{(await item(tenancy, due_on='2026-02-28'))['id']}"
    for step in steps:
        assert (await admin.move(path, step, reason="Because")).json()["status"] == step
    for day, overdue in (("2026-02-27", False), ("2026-02-28", False), ("2026-03-01", can), ("2200-12-31", can)):
        read = (await admin.get(path, params={"as_of": day})).json()
        assert (read["status"], read["overdue"]) == (status, overdue), day
        found = await listed(admin, as_of=day)
        assert [one["overdue"] for one in found] == [False, overdue]
        assert await listed(admin, as_of=day, overdue="true") == ([read] if overdue else [])
        assert await listed(admin, as_of=day, overdue="false") == found[: 1 if overdue else 2]
    assert (await admin.get(f"{ITEMS}/{undated['id']}", params={"as_of": "2200-12-31"})).json()["overdue"] is False


async def test_verified_is_never_overdue(tenancy: Tenancy, admin: Actor) -> None:
    verifier = await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "Verifier"})
    path = f"{ITEMS}/{(await item(tenancy, due_on='2026-02-28'))['id']}"
    for step in ("open", "in_progress", "done"):
        await admin.move(path, step)
    body = {"to": "verified", "verified_by": verifier["id"]}
    await admin.call("POST", f"{path}/transitions", json=body, headers={"If-Match": "*"})
    read = (await admin.get(path, params={"as_of": "2200-12-31"})).json()
    assert (read["status"], read["overdue"]) == ("verified", False)
    assert await listed(admin, as_of="2200-12-31", overdue="true") == []


#: Time zones from the earliest day to the latest, and an instant at which three of them have different dates.
ZONES = ["Pacific/Kiritimati", "Asia/Kathmandu", "UTC", "America/Chicago", "Pacific/Pago_Pago"]
INSTANTS = {
    "2026-03-01T10:30:00Z": {"Pacific/Kiritimati": "2026-03-02", "Pacific/Pago_Pago": "2026-02-28"},
    "2026-03-01T00:00:00Z": {"America/Chicago": "2026-02-28", "Pacific/Pago_Pago": "2026-02-28"},
    "2026-03-01T18:14:59Z": {"Pacific/Kiritimati": "2026-03-02"},
    "2026-03-01T18:15:00Z": {"Pacific/Kiritimati": "2026-03-02", "Asia/Kathmandu": "2026-03-02"},
}


async def test_today_is_where_the_organization_is(tenancy: Tenancy, settings: Settings, admin: Actor) -> None:
    for zone in ZONES:
        site = await tenancy.organization(timezone=zone, name=zone)
        for day in ("2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"):
            await item(tenancy, site["id"], title=zone, due_on=day)
    for instant, days in INSTANTS.items():
        async with at(instant, settings, admin) as caller:
            found = await listed(caller, limit=7)
            assert len(found) == len(ZONES) * 4
            for one in found:
                today = days.get(one["title"], "2026-03-01")
                assert one["overdue"] is (one["due_on"] < today), (instant, one)
            late = await listed(caller, limit=3, overdue="true", sort="-id")
            assert late == [one for one in reversed(found) if one["overdue"]]
            assert await listed(caller, overdue="false") == [one for one in found if not one["overdue"]]
            assert (await caller.get(f"{ITEMS}/{found[0]['id']}")).json() == found[0]


async def test_a_write_tells_overdue_by_its_own_instant(tenancy: Tenancy, settings: Settings, admin: Actor) -> None:
    site = await tenancy.organization(timezone="Pacific/Pago_Pago")
    async with at("2026-03-01T10:30:00Z", settings, admin) as caller:
        body = {"organization_id": site["id"], "title": "A", "due_on": "2026-02-27"}
        made = await caller.made(ITEMS, body)
        assert (made["overdue"], made["created_at"]) == (True, "2026-03-01T10:30:00Z")
        patched = await caller.patch(f"{ITEMS}/{made['id']}", {"due_on": "2026-02-28"})
        assert patched.json()["overdue"] is False


@pytest.mark.usefixtures("marks_known")
async def test_reads_are_lean(app: FastAPI, tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    made = [(await item(tenancy, site["id"], due_on="2026-01-10"))["id"] for _ in range(4)]
    viewer = await tenancy.key(("viewer", site["id"]), ("viewer", tenancy.root_id))
    for actor in (admin, viewer):
        assert await count_statements(actor, app, f"{ITEMS}/{made[0]}") == 2
        assert await count_statements(actor, app, ITEMS) == 2
        filters = "limit=2&sort=-due_on&overdue=true&status=proposed&q=fund"
        assert await count_statements(actor, app, f"{ITEMS}?{filters}") == 2
        assert await count_statements(actor, app, f"{ITEMS}?subtree={site['id']}") == 3
        assert await count_statements(actor, app, f"{ITEMS}/{made[0]}/notes") == 3
        assert await count_statements(actor, app, f"{ITEMS}/{made[0]}/history") == 3
