"""People leave, are away, and come back: they stay the same person, and what they had is kept."""

from typing import Any

import pytest

from app.action_items.lifecycle import SETTLED
from app.people import leaving
from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.feed import read_all, seal
from tests.support.people import add_person

FIRST = {"hired_on": "2019-02-01", "left_on": "2022-06-30", "position": "Caseworker", "employee_number": "8810"}


async def left(tenancy: Tenancy) -> str:
    """Return the path of a person who left."""
    made = await add_person(tenancy, **FIRST, employment_status="left")
    assert (made["active"], made["employment_status"]) == (False, "left")
    return f"/v1/people/{made['id']}"


@pytest.mark.parametrize(
    ("sent", "active", "status"),
    [
        ({"active": False}, False, "left"),
        ({"employment_status": "left"}, False, "left"),
        ({"active": False, "employment_status": "left"}, False, "left"),
        ({"employment_status": "on_leave"}, True, "on_leave"),
        ({"active": True, "employment_status": "on_leave"}, True, "on_leave"),
        ({"left_on": "2199-12-31"}, True, "active"),
    ],
)
async def test_the_status_and_the_flag_agree(
    tenancy: Tenancy, admin: Actor, sent: dict[str, Any], active: bool, status: str
) -> None:
    made = await add_person(tenancy)
    changed = (await admin.patch(f"/v1/people/{made['id']}", sent)).json()
    assert (changed["active"], changed["employment_status"]) == (active, status)
    created = await add_person(tenancy, **sent)
    assert (created["active"], created["employment_status"]) == (active, status)


async def test_a_person_on_leave_stays_so_when_said_to_be_active(tenancy: Tenancy, admin: Actor) -> None:
    made = await add_person(tenancy, employment_status="on_leave")
    assert (await admin.patch(f"/v1/people/{made['id']}", {"active": True})).json() == made


@pytest.mark.parametrize("status", ["active", "on_leave", "left"])
async def test_a_status_that_contradicts_the_flag_is_refused(tenancy: Tenancy, admin: Actor, status: str) -> None:
    made = await add_person(tenancy)
    refused = await admin.patch(f"/v1/people/{made['id']}", {"active": status == "left", "employment_status": status})
    assert outcome(refused) == (422, "invalid")


async def test_nobody_leaves_before_they_are_hired(tenancy: Tenancy, admin: Actor) -> None:
    body = {"organization_id": tenancy.root_id, "name": "X", "hired_on": "2024-02-01", "left_on": "2024-01-31"}
    assert outcome(await admin.post("/v1/people", body)) == (422, "left_before_hired")
    made = await add_person(tenancy, hired_on="2024-02-01")
    refused = await admin.patch(f"/v1/people/{made['id']}", {"left_on": "2024-01-31"})
    assert outcome(refused) == (422, "left_before_hired")
    assert refused.json()["errors"][0]["pointer"] == "/body/left_on"
    later = await add_person(tenancy, left_on="2024-02-01")
    refused = await admin.patch(f"/v1/people/{later['id']}", {"hired_on": "2024-02-02"})
    assert refused.json()["errors"][0]["pointer"] == "/body/hired_on"


async def test_a_person_hired_again_keeps_the_former_employment(tenancy: Tenancy, admin: Actor) -> None:
    path = await left(tenancy)
    again = {"employment_status": "active", "hired_on": "2026-09-01", "employee_number": "10442"}
    back = (await admin.patch(path, again)).json()
    assert (back["hired_on"], back["left_on"], back["employee_number"]) == ("2026-09-01", None, "10442")
    [former] = await admin.items(f"{path}/former-employments")
    assert {name: former[name] for name in (*FIRST, "department")} == {**FIRST, "department": None}
    await admin.patch(path, {"active": False, "left_on": "2026-10-01"})
    await admin.patch(path, {"active": True})
    periods = await admin.items(f"{path}/former-employments")
    assert [(one["hired_on"], one["left_on"]) for one in periods] == [
        ("2019-02-01", "2022-06-30"),
        ("2026-09-01", "2026-10-01"),
    ]
    assert (await admin.get(path)).json()["hired_on"] is None


async def test_the_same_first_day_corrects_a_mistake(tenancy: Tenancy, admin: Actor) -> None:
    path = await left(tenancy)
    back = (await admin.patch(path, {"active": True, "hired_on": FIRST["hired_on"]})).json()
    assert (back["hired_on"], back["left_on"], back["active"]) == (FIRST["hired_on"], None, True)
    assert await admin.items(f"{path}/former-employments") == []


async def test_a_former_employment_is_shown_to_those_who_may_change_the_person(tenancy: Tenancy) -> None:
    path = await left(tenancy)
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    stranger = await tenancy.key(("admin", (await tenancy.organization())["id"]))
    assert outcome(await viewer.get(f"{path}/former-employments")) == (403, "forbidden")
    assert outcome(await stranger.get(f"{path}/former-employments")) == (404, "not_found")


async def test_leaving_is_announced_for_each_unfinished_item(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    person = await add_person(tenancy)
    item = {"organization_id": site["id"], "title": "T", "practices": [], "owner_id": person["id"]}
    unfinished, finished = [await admin.made("/v1/action-items", item) for _ in range(2)]
    await admin.move(f"/v1/action-items/{finished['id']}", "dismissed", reason="Not needed.")
    await admin.patch(f"/v1/people/{person['id']}", {"active": False})
    types = ["person.left", "person.rehired", "action_item.owner_left"]
    await seal(tenancy)
    events = await read_all(admin, types=types)
    assert [(one["type"], one["subject_id"], one["data"]) for one in events] == [
        ("person.left", person["id"], {}),
        ("action_item.owner_left", unfinished["id"], {"person_id": person["id"]}),
    ]
    assert [one["id"] for one in await admin.items("/v1/action-items", owner_inactive="true")] == [
        unfinished["id"],
        finished["id"],
    ]
    # Those who see the item alone read of it too.
    reader = await tenancy.key(("viewer", site["id"]))
    [seen] = await read_all(reader, types=types)
    assert seen["type"] == "action_item.owner_left"


async def test_coming_back_is_announced(tenancy: Tenancy, admin: Actor) -> None:
    path = await left(tenancy)
    await admin.patch(path, {"employment_status": "on_leave"})
    await admin.patch(path, {"employment_status": "active"})
    await seal(tenancy)
    events = await read_all(admin, types=["person.left", "person.rehired"])
    assert [one["type"] for one in events] == ["person.rehired"]


def test_the_items_that_wait_for_nobody_are_those_of_the_lifecycle() -> None:
    assert {status.value for status in SETTLED} == leaving.SETTLED
