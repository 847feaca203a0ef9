"""E-mail addresses, employment and external ids: kept as sent, and shown to those alone who may change the person."""

from typing import Any

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.feed import read_all, seal
from tests.support.people import DETAILS, KNOWN, add_person, hidden

FILTERS = {
    "status": "on_leave",
    "email": "COACH@agency.example",
    "employee_number": "10442",
    "external_source": "hr",
}


def found_by(name: str, value: str) -> dict[str, str]:
    return {name: value} | ({"external_id": "42/a"} if name == "external_source" else {})


async def test_details_are_kept_as_sent(tenancy: Tenancy, admin: Actor) -> None:
    made = await add_person(tenancy, **KNOWN | {"email": "Coach@Agency.Example"})
    assert {name: made[name] for name in KNOWN} == KNOWN
    assert (made["active"], made["details_visible"], made["manager_id"]) == (True, True, None)
    assert (await admin.get(f"/v1/people/{made['id']}")).json() == made
    assert await admin.items("/v1/people") == [made]


async def test_details_are_cleared_by_null(tenancy: Tenancy, admin: Actor) -> None:
    manager = await add_person(tenancy)
    made = await add_person(tenancy, **KNOWN, manager_id=manager["id"])
    nothing = dict.fromkeys(DETAILS) | {"employment_status": "active", "external_ids": []}
    changed = (await admin.patch(f"/v1/people/{made['id']}", nothing)).json()
    assert {name: changed[name] for name in DETAILS} == nothing
    assert changed["version"] == 2


@pytest.mark.parametrize("role", ["viewer", "facilitator", "manager"])
async def test_a_reader_sees_the_name_only(tenancy: Tenancy, role: str) -> None:
    made = await add_person(tenancy, **KNOWN)
    reader = await tenancy.key((role, tenancy.root_id))
    assert (await reader.get(f"/v1/people/{made['id']}")).json() == hidden(made)
    assert await reader.items("/v1/people") == [hidden(made)]


@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_by_a_detail_finds_what_the_caller_may_see(tenancy: Tenancy, admin: Actor, name: str) -> None:
    made, _ = await add_person(tenancy, **KNOWN), await add_person(tenancy)
    asked = found_by(name, FILTERS[name])
    assert await admin.items("/v1/people", **asked) == [made]
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    assert await viewer.items("/v1/people", **asked) == []


async def test_details_are_shown_where_the_role_was_granted_and_below(tenancy: Tenancy) -> None:
    above, site, aside = [await tenancy.organization() for _ in range(3)]
    team = await tenancy.organization(site["id"])
    rest = {name: value for name, value in KNOWN.items() if name != "external_ids"}
    made = [await add_person(tenancy, one["id"], **rest) for one in (above, site, team, aside)]
    caller = await tenancy.key(("viewer", tenancy.root_id), ("integrator", site["id"]))
    expected = [hidden(made[0]), made[1], made[2], hidden(made[3])]
    assert await caller.items("/v1/people") == expected
    assert [(await caller.get(f"/v1/people/{one['id']}")).json() for one in made] == expected
    assert await caller.items("/v1/people", status="on_leave") == [made[1], made[2]]
    assert await caller.items("/v1/people", email="coach@agency.example", subtree=aside["id"]) == []


async def test_a_manager_is_a_filter(tenancy: Tenancy, admin: Actor) -> None:
    manager = await add_person(tenancy)
    made = await add_person(tenancy, manager_id=manager["id"])
    assert await admin.items("/v1/people", manager_id=manager["id"]) == [made]
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    assert await viewer.items("/v1/people", manager_id=manager["id"]) == []


async def test_an_event_does_not_say_which_detail_changed(tenancy: Tenancy, admin: Actor) -> None:
    made = await add_person(tenancy)
    await admin.patch(f"/v1/people/{made['id']}", {"employment_status": "on_leave", "email": "c@agency.example"})
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    await seal(tenancy)
    events = await read_all(viewer, types="person.updated")
    assert [event["data"] for event in events] == [{"fields": ["details"]}]


async def test_the_audit_trail_keeps_details_by_reference(tenancy: Tenancy, admin: Actor) -> None:
    made = await add_person(tenancy, **KNOWN)
    [row] = await admin.items("/v1/audit-events", object_id=made["id"])
    changes = {one["field"]: one for one in row["changes"]}
    assert changes["email"]["after"] == "coach@agency.example"
    assert (await admin.delete(f"/v1/people/{made['id']}")).status_code == 204
    rows = await admin.items("/v1/audit-events", object_id=made["id"])
    assert "coach@agency.example" not in str(rows)
    assert "2024-03-01" not in str(rows)
    assert "42/a" not in str(rows)


async def test_an_external_id_belongs_to_one_person(tenancy: Tenancy, admin: Actor) -> None:
    await add_person(tenancy, **KNOWN)
    body = {"organization_id": tenancy.root_id, "name": "Other", "external_ids": KNOWN["external_ids"][:1]}
    assert outcome(await admin.post("/v1/people", body)) == (409, "person_external_id_taken")
    other = await add_person(tenancy)
    refused = await admin.patch(f"/v1/people/{other['id']}", {"external_ids": KNOWN["external_ids"][1:]})
    assert outcome(refused) == (409, "person_external_id_taken")
    twice = await admin.patch(f"/v1/people/{other['id']}", {"external_ids": [{"source": "a", "external_id": "1"}] * 2})
    assert outcome(twice) == (422, "invalid")


async def test_two_people_may_share_a_mailbox(tenancy: Tenancy, admin: Actor) -> None:
    made = [await add_person(tenancy, email="desk@agency.example") for _ in range(2)]
    assert await admin.items("/v1/people", email="Desk@agency.example") == made


@pytest.mark.parametrize("asked", [{"external_id": "1"}, {"external_source": "hr"}, {"email": "no address"}])
async def test_a_bad_filter_is_refused(admin: Actor, asked: dict[str, Any]) -> None:
    assert outcome(await admin.get("/v1/people", params=asked)) == (422, "invalid")
