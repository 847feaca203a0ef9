"""The audit trail keeps each personal value under the person it is about, so that each can be erased alone."""

from typing import Any

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.audit import changed, trail
from tests.support.team import Team, new_team


async def new_person(tenancy: Tenancy, name: str) -> str:
    made = await tenancy.admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": name})
    person_id: str = made["id"]
    return person_id


async def seat_of(team: Team, label: str, person_id: str | None) -> str:
    """Add an observer's seat. Return its path."""
    made = await team.invited(label, seat="observer", person_id=person_id)
    return f"{team.path}/participants/{made['id']}"


async def labels_of(actor: Actor, seat: str) -> list[tuple[Any, Any]]:
    """Return the labels of a seat before and after each change that the trail shows."""
    rows = await trail(actor, object_id=seat.rpartition("/")[2])
    return [changed(row)["label"] for row in rows if "label" in changed(row)]


async def erase(actor: Actor, person_id: str) -> None:
    answer = await actor.post(f"/v1/people/{person_id}/erasure")
    assert answer.status_code == 200, answer.text


async def test_a_seat_that_passes_to_another_person_keeps_the_names_apart(tenancy: Tenancy, admin: Actor) -> None:
    first, second = await new_person(tenancy, "Ada"), await new_person(tenancy, "Bo")
    seat = await seat_of(await new_team(tenancy), "Seat of Ada", first)
    assert (await admin.patch(seat, {"person_id": second, "label": "Seat of Bo"})).status_code == 200
    await erase(admin, first)
    assert await labels_of(admin, seat) == [(None, None), (None, "Seat of Bo")]


async def test_the_label_of_a_seat_without_a_person_goes_with_the_person_it_gets(
    tenancy: Tenancy, admin: Actor
) -> None:
    person = await new_person(tenancy, "Ada")
    seat = await seat_of(await new_team(tenancy), "Seat of Ada", None)
    assert (await admin.patch(seat, {"person_id": person})).status_code == 200
    await erase(admin, person)
    assert set(await labels_of(admin, seat)) == {(None, None)}


async def test_labels_go_with_a_draft_that_is_deleted(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy)
    seat = await seat_of(team, "Seat of Ada", None)
    assert await labels_of(admin, seat) == [(None, "Seat of Ada")]
    assert (await admin.delete(team.path)).status_code == 204
    assert await labels_of(admin, seat) == [(None, None)]


@pytest.mark.parametrize("end", ["erase", "pass on"])
async def test_the_address_of_a_seats_holder_goes_with_the_person(tenancy: Tenancy, admin: Actor, end: str) -> None:
    person, team = await new_person(tenancy, "Ada"), await new_team(tenancy)
    made = await team.invited("Own", seat="observer", person_id=person)
    holder = await team.claim("Own", made["invitation"]["code"])
    assert (await holder.patch(team.path, {"title": "Mine"})).status_code == 403
    assert None not in [row["source_address"] for row in await trail(admin, actor_id=made["id"])]
    if end == "erase":
        await erase(admin, person)
    else:
        answer = await admin.patch(f"{team.path}/participants/{made['id']}", {"person_id": None})
        assert answer.status_code == 200
    assert {row["source_address"] for row in await trail(admin, actor_id=made["id"])} == {None}


async def test_the_name_of_a_key_is_no_part_of_the_chain(tenancy: Tenancy, admin: Actor) -> None:
    person = await new_person(tenancy, "Ada")
    body = {"kind": "person", "name": "Ada", "organization_id": tenancy.root_id, "person_id": person}
    principal = (await admin.made("/v1/principals", body))["id"]
    key = await admin.made(f"/v1/principals/{principal}/api-keys", {"name": "Laptop of Ada"})
    [made] = await trail(admin, object_id=key["id"])
    assert changed(made)["name"] == (None, "Laptop of Ada")
    assert "Laptop" not in str(made["details"])
    await erase(admin, person)
    assert changed((await trail(admin, object_id=key["id"]))[0])["name"] == (None, None)


async def test_the_address_of_a_persons_key_goes_with_the_person(tenancy: Tenancy, admin: Actor) -> None:
    person = await new_person(tenancy, "Ada")
    body = {"kind": "person", "name": "Ada", "organization_id": tenancy.root_id, "person_id": person}
    principal = (await admin.made("/v1/principals", body))["id"]
    key = await admin.made(f"/v1/principals/{principal}/api-keys", {"name": "Key"})
    refused = await Actor(tenancy.http, key["key"]).post(
        "/v1/people", {"organization_id": tenancy.root_id, "name": "X"}
    )
    assert refused.status_code == 404
    [before] = await trail(admin, actor_id=principal)
    await erase(admin, person)
    [after] = await trail(admin, actor_id=principal)
    assert before["source_address"] is not None
    assert after == {**before, "source_address": None, "actor": {**before["actor"], "name": "Erased person"}}
