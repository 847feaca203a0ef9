"""Two records of one person become one: everything that names the one names the other."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.accounts import grant
from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.feed import end_of, read_all, seal
from tests.support.issuer import Issuer
from tests.support.people import KNOWN, add_person
from tests.support.team import new_team


@pytest.fixture
async def issuer(tenancy: Tenancy) -> AsyncIterator[Issuer]:
    """An issuer whose subjects can be linked to people."""
    async with Issuer() as started:
        await started.bind(tenancy)
        yield started


@pytest.fixture
async def kept(tenancy: Tenancy) -> dict[str, Any]:
    """The record that stays."""
    return await add_person(tenancy, name="Ann Lee", external_ids=[{"source": "lms", "external_id": "7"}])


@pytest.fixture
async def gone(tenancy: Tenancy) -> dict[str, Any]:
    """The other record of the same person."""
    ids = [{"source": "hr", "external_id": "42"}]
    return await add_person(tenancy, **{**KNOWN, "name": "Lee, Ann", "external_ids": ids})


async def merge(actor: Actor, kept: dict[str, Any], gone: dict[str, Any], **headers: str) -> Any:
    body = {"person_id": gone["id"]}
    return await actor.post(f"/v1/people/{kept['id']}/merge", body, headers={"If-Match": "*", **headers})


async def merged(actor: Actor, kept: dict[str, Any], gone: dict[str, Any]) -> dict[str, Any]:
    answer = await merge(actor, kept, gone)
    assert answer.status_code == 200, answer.text
    whole: dict[str, Any] = answer.json()
    return whole


async def test_the_records_become_one(admin: Actor, kept: dict[str, Any], gone: dict[str, Any]) -> None:
    whole = await merged(admin, kept, gone)
    assert whole["external_ids"] == [*gone["external_ids"], *kept["external_ids"]]
    assert (whole["name"], whole["email"], whole["version"]) == ("Ann Lee", None, 2)
    other = (await admin.get(f"/v1/people/{gone['id']}")).json()
    assert (other["merged_into_id"], other["active"], other["email"], other["external_ids"]) == (
        kept["id"],
        False,
        None,
        [],
    )
    [former] = await admin.items(f"/v1/people/{kept['id']}/former-employments")
    assert (former["hired_on"], former["left_on"]) == (KNOWN["hired_on"], KNOWN["left_on"])
    assert await admin.items("/v1/people", merged_into_id=kept["id"]) == [other]
    body = {"name": "Ann Lee", "organization_id": kept["organization_id"]}
    assert (await admin.put("/v1/people/by-external-id/hr/42", body)).json()["id"] == kept["id"]


async def test_work_seats_and_reports_move(
    tenancy: Tenancy, admin: Actor, kept: dict[str, Any], gone: dict[str, Any]
) -> None:
    item = {"organization_id": tenancy.root_id, "title": "T", "practices": [], "owner_id": gone["id"]}
    owned = f"/v1/action-items/{(await admin.made('/v1/action-items', item))['id']}"
    for to in ("open", "in_progress", "done"):
        assert (await admin.move(owned, to)).status_code == 200
    team = await new_team(tenancy)
    seat = await admin.made(f"{team.path}/participants", {"seat": "observer", "person_id": gone["id"]})
    report = await add_person(tenancy, manager_id=gone["id"])
    await merged(admin, kept, gone)
    after = (await admin.get(owned)).json()
    assert (after["owner_id"], after["done_owner_id"], after["status"]) == (kept["id"], kept["id"], "done")
    history = await admin.items(f"{owned}/history")
    assert {"field": "owner_id", "before": gone["id"], "after": kept["id"]} in history[-1]["changes"]
    seats = await admin.items(f"{team.path}/participants")
    assert [(one["id"], one["person_id"]) for one in seats] == [(seat["id"], kept["id"])]
    assert (await admin.get(f"/v1/people/{report['id']}")).json()["manager_id"] == kept["id"]


async def test_a_seat_of_a_final_assessment_moves_too(
    tenancy: Tenancy, admin: Actor, kept: dict[str, Any], gone: dict[str, Any]
) -> None:
    team = await new_team(tenancy)
    observer = await admin.made(f"{team.path}/participants", {"seat": "observer", "person_id": gone["id"]})
    await team.vote_all({f"Seat {number}": [1] * 9 for number in range(3)})
    await team.move("consensus")
    for practice in range(1, 10):
        await team.consensus(f"P{practice}", 1)
    await team.administration()
    await team.move("final")
    await merged(admin, kept, gone)
    seats = await admin.items(f"{team.path}/participants")
    assert {one["person_id"] for one in seats if one["id"] == observer["id"]} == {kept["id"]}


async def test_the_principal_moves(tenancy: Tenancy, admin: Actor, kept: dict[str, Any], gone: dict[str, Any]) -> None:
    body = {"kind": "person", "name": "Ann", "organization_id": tenancy.root_id, "person_id": gone["id"]}
    made = await admin.made("/v1/principals", body)
    integrator = await tenancy.key(("integrator", tenancy.root_id))
    assert outcome(await merge(integrator, kept, gone)) == (403, "forbidden")
    await merged(admin, kept, gone)
    assert (await admin.get(f"/v1/principals/{made['id']}")).json()["person_id"] == kept["id"]


async def test_two_principals_are_not_made_one(
    tenancy: Tenancy, admin: Actor, kept: dict[str, Any], gone: dict[str, Any]
) -> None:
    for person in (kept, gone):
        body = {"kind": "person", "name": "Ann", "organization_id": tenancy.root_id, "person_id": person["id"]}
        await admin.made("/v1/principals", body)
    assert outcome(await merge(admin, kept, gone)) == (409, "person_has_principal")


@pytest.mark.parametrize("state", ["draft", "withdrawn"])
async def test_two_seats_in_one_assessment_prevent_it(
    tenancy: Tenancy, admin: Actor, kept: dict[str, Any], gone: dict[str, Any], state: str
) -> None:
    team = await new_team(tenancy)
    for person in (kept, gone):
        seat = await admin.made(f"{team.path}/participants", {"seat": "observer", "person_id": person["id"]})
    if state == "withdrawn":
        assert (await admin.delete(f"{team.path}/participants/{seat['id']}")).is_success
    expected = (200, None) if state == "withdrawn" else (409, "both_seated")
    assert outcome(await merge(admin, kept, gone)) == expected


async def test_nobody_verifies_their_own_work_by_a_merge(
    tenancy: Tenancy, admin: Actor, kept: dict[str, Any], gone: dict[str, Any]
) -> None:
    item = {"organization_id": tenancy.root_id, "title": "T", "practices": [], "owner_id": gone["id"]}
    path = f"/v1/action-items/{(await admin.made('/v1/action-items', item))['id']}"
    for to in ("open", "in_progress", "done"):
        await admin.move(path, to)
    verify = {"to": "verified", "verified_by": kept["id"]}
    assert (await admin.post(f"{path}/transitions", verify, headers={"If-Match": "*"})).status_code == 200
    for one, other in ((kept, gone), (gone, kept)):
        assert outcome(await merge(admin, one, other)) == (409, "both_on_item")


async def test_who_manages_the_other_is_not_merged_into_them(
    tenancy: Tenancy, admin: Actor, gone: dict[str, Any]
) -> None:
    between = await add_person(tenancy, manager_id=gone["id"])
    below = await add_person(tenancy, manager_id=between["id"])
    assert outcome(await merge(admin, below, gone)) == (422, "manager_cycle")
    await merged(admin, gone, below)
    assert (await admin.get(f"/v1/people/{between['id']}")).json()["manager_id"] == gone["id"]


async def test_what_was_merged_stays_so(
    tenancy: Tenancy, admin: Actor, kept: dict[str, Any], gone: dict[str, Any]
) -> None:
    await merged(admin, kept, gone)
    path = f"/v1/people/{gone['id']}"
    assert outcome(await admin.patch(path, {"active": True})) == (409, "person_merged")
    assert outcome(await merge(admin, kept, gone)) == (409, "person_merged")
    third = await add_person(tenancy)
    assert outcome(await merge(admin, gone, third)) == (409, "person_merged")
    assert outcome(await admin.patch(f"/v1/people/{third['id']}", {"manager_id": gone["id"]})) == (
        422,
        "unknown_manager",
    )
    await merged(admin, third, kept)
    assert (await admin.get(path)).json()["merged_into_id"] == third["id"]


async def test_a_person_who_signs_in_is_not_merged_away(
    tenancy: Tenancy, admin: Actor, issuer: Issuer, kept: dict[str, Any], gone: dict[str, Any]
) -> None:
    await issuer.link(tenancy, person_id=gone["id"])
    assert outcome(await merge(admin, kept, gone)) == (409, "still_signs_in")
    assert (await merge(admin, gone, kept)).status_code == 200


async def test_what_cannot_be_seen_is_not_merged(tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    caller = await tenancy.key(("integrator", site["id"]), ("viewer", tenancy.root_id))
    seen, other = await add_person(tenancy, site["id"]), await add_person(tenancy)
    foreign = await add_person(other_tenancy)
    for unknown in (foreign, {"id": str(uuid4())}):
        assert outcome(await merge(caller, seen, unknown)) == (422, "unknown_person")
        assert outcome(await merge(caller, unknown, seen)) == (404, "not_found")
    assert outcome(await merge(caller, seen, other)) == (403, "forbidden")
    assert outcome(await merge(caller, other, seen)) == (403, "forbidden")
    assert outcome(await merge(admin, seen, seen)) == (422, "same_person")


async def test_it_takes_the_version_that_was_read(admin: Actor, kept: dict[str, Any], gone: dict[str, Any]) -> None:
    body, path = {"person_id": gone["id"]}, f"/v1/people/{kept['id']}/merge"
    assert outcome(await admin.post(path, body)) == (428, "precondition_required")
    assert outcome(await merge(admin, kept, gone, **{"If-Match": '"9.0"'})) == (412, "precondition_failed")
    rehearsed = await admin.post(f"{path}?dry_run=true", body, headers={"If-Match": "*"})
    assert (rehearsed.status_code, len(rehearsed.json()["external_ids"])) == (200, 2)
    assert (await admin.get(f"/v1/people/{gone['id']}")).json() == gone


async def test_followers_learn_who_the_other_was(
    tenancy: Tenancy, admin: Actor, kept: dict[str, Any], gone: dict[str, Any]
) -> None:
    after = await end_of(tenancy)
    await merged(admin, kept, gone)
    await seal(tenancy)
    events = [(one["type"], one["subject_id"], one["data"]) for one in await read_all(admin, after)]
    assert events == [
        ("person.updated", kept["id"], {"fields": ["details"]}),
        ("person.merged", gone["id"], {"into_id": kept["id"]}),
    ]


async def test_nobody_merges_their_own_record(
    tenancy: Tenancy, admin: Actor, kept: dict[str, Any], gone: dict[str, Any]
) -> None:
    """Or an integrator could take over the seats of a colleague."""
    body = {"kind": "person", "name": "Ann", "organization_id": tenancy.root_id, "person_id": kept["id"]}
    own = (await admin.made("/v1/principals", body))["id"]
    assert (await grant(admin, own, "integrator", tenancy.root_id)).status_code == 201
    key = (await admin.made(f"/v1/principals/{own}/api-keys", {"name": "Key"}))["key"]
    for one, other in ((kept, gone), (gone, kept)):
        assert outcome(await merge(Actor(tenancy.http, key), one, other)) == (403, "beyond_own_rights")


async def test_an_employment_without_days_is_kept(tenancy: Tenancy, admin: Actor, kept: dict[str, Any]) -> None:
    other = await add_person(tenancy, position="Coach", employee_number="7")
    await merged(admin, kept, other)
    [former] = await admin.items(f"/v1/people/{kept['id']}/former-employments")
    assert (former["position"], former["employee_number"]) == ("Coach", "7")


async def test_items_that_come_to_somebody_who_left_are_announced(
    tenancy: Tenancy, admin: Actor, kept: dict[str, Any]
) -> None:
    other = await add_person(tenancy)
    body = {"organization_id": tenancy.root_id, "title": "T", "practices": [], "owner_id": other["id"]}
    item = await admin.made("/v1/action-items", body)
    assert (await admin.patch(f"/v1/people/{kept['id']}", {"active": False})).status_code == 200
    await merged(admin, kept, other)
    await seal(tenancy)
    [event] = await read_all(admin, types="action_item.owner_left")
    assert (event["subject_id"], event["data"]) == (item["id"], {"person_id": kept["id"]})


async def test_an_open_seat_passes_only_by_those_who_may_change_seats(
    tenancy: Tenancy, admin: Actor, kept: dict[str, Any], gone: dict[str, Any]
) -> None:
    """Or an integrator could give a colleague's seat to somebody else, who signs in and claims it."""
    team = await new_team(tenancy)
    seat = await admin.made(f"{team.path}/participants", {"seat": "observer", "person_id": gone["id"]})
    integrator = await tenancy.key(("integrator", tenancy.root_id))
    assert outcome(await merge(integrator, kept, gone)) == (403, "forbidden")
    facilitating = await tenancy.key(("integrator", tenancy.root_id), ("facilitator", tenancy.root_id))
    await merged(facilitating, kept, gone)
    assert (await admin.get(f"{team.path}/participants/{seat['id']}")).json()["person_id"] == kept["id"]


async def test_a_claimed_seat_and_a_withdrawn_one_pass_with_the_records(
    tenancy: Tenancy, kept: dict[str, Any], gone: dict[str, Any]
) -> None:
    """Nobody can claim them by signing in."""
    team = await new_team(tenancy)
    await team.claim("Held", (await team.invited("Held", person_id=gone["id"]))["invitation"]["code"])
    other = await new_team(tenancy)
    await other.invited("Withdrawn", person_id=gone["id"])
    await other.withdraw("Withdrawn")
    await merged(await tenancy.key(("integrator", tenancy.root_id)), kept, gone)
