"""Who manages whom: a visible person, and never in a circle."""

from collections import Counter
from uuid import uuid4

from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.people import add_person
from tests.support.replicas import ROUNDS, Meeting


async def test_a_circle_is_refused(tenancy: Tenancy, admin: Actor) -> None:
    first = await add_person(tenancy)
    second = await add_person(tenancy, manager_id=first["id"])
    third = await add_person(tenancy, manager_id=second["id"])
    for manager in (first, second, third):
        refused = await admin.patch(f"/v1/people/{first['id']}", {"manager_id": manager["id"]})
        assert outcome(refused) == (422, "manager_cycle")
        assert refused.json()["errors"][0]["pointer"] == "/body/manager_id"
    changed = await admin.patch(f"/v1/people/{third['id']}", {"manager_id": first["id"]})
    assert changed.json()["manager_id"] == first["id"]


async def test_a_manager_must_be_visible(tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    integrator = await tenancy.key(("integrator", site["id"]))
    made = await add_person(tenancy, site["id"])
    for manager in (str(uuid4()), (await add_person(tenancy))["id"], (await add_person(other_tenancy))["id"]):
        refused = await integrator.patch(f"/v1/people/{made['id']}", {"manager_id": manager})
        assert outcome(refused) == (422, "unknown_manager")
        body = {"organization_id": site["id"], "name": "New", "manager_id": manager}
        assert outcome(await integrator.post("/v1/people", body)) == (422, "unknown_manager")
    # A manager out of sight stays where others are changed.
    above = await add_person(tenancy)
    await admin.patch(f"/v1/people/{made['id']}", {"manager_id": above["id"]})
    same = await integrator.patch(f"/v1/people/{made['id']}", {"manager_id": above["id"], "name": "Renamed"})
    assert (same.json()["manager_id"], same.json()["name"]) == (above["id"], "Renamed")


async def test_who_manages_somebody_is_not_deleted(tenancy: Tenancy, admin: Actor) -> None:
    manager = await add_person(tenancy)
    made = await add_person(tenancy, manager_id=manager["id"])
    assert outcome(await admin.delete(f"/v1/people/{manager['id']}")) == (409, "in_use")
    assert (await admin.delete(f"/v1/people/{made['id']}")).status_code == 204
    assert (await admin.delete(f"/v1/people/{manager['id']}")).status_code == 204


async def test_two_who_are_made_each_others_manager_at_once_do_not_both_succeed(meeting: Meeting) -> None:
    outcomes = Counter[tuple[int, str | None]]()
    for _ in range(ROUNDS):
        one, other = [(await add_person(meeting.tenancy))["id"] for _ in range(2)]
        answers = await meeting.at_once(
            meeting.admins[0].patch(f"/v1/people/{one}", {"manager_id": other}),
            meeting.admins[1].patch(f"/v1/people/{other}", {"manager_id": one}),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 422]
        outcomes.update(outcome(answer) for answer in answers if not answer.is_success)
    assert outcomes == {(422, "manager_cycle"): ROUNDS}
