"""Keys are refused when the person who made them leaves, until somebody takes them over."""

from typing import Any

import pytest

from tests.support.accounts import Colleague, new_colleague, problem, set_active
from tests.support.actors import Actor, Tenancy
from tests.support.audit import changed, trail

LEFT = (401, "key_maker_left")


@pytest.fixture
async def maker(tenancy: Tenancy) -> Colleague:
    """An admin of the whole tenant."""
    return await new_colleague(tenancy)


async def new_key(tenancy: Tenancy, caller: Actor, role: str = "viewer") -> tuple[str, Actor]:
    """Return the path of a machine's key, and the machine."""
    made = await caller.made("/v1/api-keys", {"name": "Feed", "role": role, "organization_id": tenancy.root_id})
    return f"/v1/api-keys/{made['id']}", Actor(tenancy.http, made["key"])


async def me(actor: Actor) -> tuple[int, str | None]:
    return problem(await actor.get("/v1/me"))


async def test_a_key_is_refused_while_its_maker_is_gone(tenancy: Tenancy, maker: Colleague) -> None:
    path, machine = await new_key(tenancy, maker.actor)
    assert await me(machine) == (200, None)
    await set_active(tenancy, maker.person_id, False)
    assert await me(machine) == LEFT
    shown = (await tenancy.admin.get(path)).json()
    assert (shown["maker_id"], shown["maker_has_left"]) == (maker.person_id, True)
    await set_active(tenancy, maker.person_id, True)
    assert await me(machine) == (200, None)


async def test_a_key_that_a_key_made_has_the_same_maker(tenancy: Tenancy, maker: Colleague) -> None:
    _, machine = await new_key(tenancy, maker.actor, "admin")
    path, further = await new_key(tenancy, machine)
    assert (await tenancy.admin.get(path)).json()["maker_id"] == maker.person_id
    await set_active(tenancy, maker.person_id, False)
    assert await me(further) == LEFT


async def test_a_key_of_an_operator_has_no_maker_and_ends_with_nobody(tenancy: Tenancy, maker: Colleague) -> None:
    path, machine = await new_key(tenancy, tenancy.admin)
    shown = (await tenancy.admin.get(path)).json()
    assert (shown["maker_id"], shown["maker_has_left"]) == (None, False)
    await set_active(tenancy, maker.person_id, False)
    assert await me(machine) == (200, None)


async def test_a_key_that_was_taken_over_works_on(tenancy: Tenancy, maker: Colleague) -> None:
    heir = await new_colleague(tenancy, name="Heir")
    path, machine = await new_key(tenancy, maker.actor)
    await set_active(tenancy, maker.person_id, False)
    assert await me(machine) == LEFT
    for _ in range(2):
        adopted = await heir.actor.post(f"{path}/adoption")
        assert (adopted.status_code, adopted.json()["maker_id"]) == (200, heir.person_id)
    assert await me(machine) == (200, None)
    (recorded,) = await trail(tenancy.admin, action="api_key.adopted")
    assert changed(recorded) == {"maker_id": (maker.person_id, heir.person_id)}


async def test_an_operators_key_takes_a_key_over_for_nobody(tenancy: Tenancy, maker: Colleague) -> None:
    path, machine = await new_key(tenancy, maker.actor)
    assert (await tenancy.admin.post(f"{path}/adoption")).json()["maker_id"] is None
    await set_active(tenancy, maker.person_id, False)
    assert await me(machine) == (200, None)


async def test_nobody_takes_over_a_key_with_more_rights(tenancy: Tenancy, maker: Colleague) -> None:
    county = (await tenancy.organization())["id"]
    principal = await tenancy.admin.made(
        "/v1/principals", {"kind": "machine", "name": "Feed", "organization_id": county}
    )
    granted = {"principal_id": principal["id"], "role": "viewer", "organization_id": tenancy.root_id}
    await tenancy.admin.made("/v1/role-grants", granted)
    key = await maker.actor.made(f"/v1/principals/{principal['id']}/api-keys", {"name": "Key"})
    local = await tenancy.key(("admin", county))
    assert problem(await local.post(f"/v1/api-keys/{key['id']}/adoption")) == (403, "beyond_own_rights")


async def test_a_revoked_key_is_not_taken_over(tenancy: Tenancy, maker: Colleague) -> None:
    path, _ = await new_key(tenancy, maker.actor)
    assert (await tenancy.admin.delete(path)).status_code == 204
    assert problem(await tenancy.admin.post(f"{path}/adoption")) == (409, "key_ended")


async def test_a_rotation_makes_its_caller_the_maker_of_the_new_secret_alone(
    tenancy: Tenancy, maker: Colleague
) -> None:
    path, former = await new_key(tenancy, maker.actor)
    await set_active(tenancy, maker.person_id, False)
    rotated = await tenancy.admin.post(f"{path}/rotation", {"overlap_seconds": 600})
    assert await me(Actor(tenancy.http, rotated.json()["key"])) == (200, None)
    assert await me(former) == LEFT


async def test_a_secret_from_a_rotation_by_somebody_who_left_is_refused(tenancy: Tenancy, maker: Colleague) -> None:
    path, former = await new_key(tenancy, tenancy.admin)
    rotated = await maker.actor.post(f"{path}/rotation", {"overlap_seconds": 600})
    await set_active(tenancy, maker.person_id, False)
    assert await me(Actor(tenancy.http, rotated.json()["key"])) == LEFT
    assert await me(former) == (200, None)


@pytest.mark.parametrize(("left_before", "outcome"), [(False, (200, None)), (True, LEFT)])
async def test_a_merge_gives_keys_but_revives_none(
    tenancy: Tenancy, left_before: bool, outcome: tuple[int, str | None]
) -> None:
    gone, kept = (
        await new_colleague(tenancy),
        await tenancy.admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "Coach"}),
    )
    path, machine = await new_key(tenancy, gone.actor)
    await set_active(tenancy, gone.person_id, not left_before)
    merged = await tenancy.admin.call(
        "POST", f"/v1/people/{kept['id']}/merge", json={"person_id": gone.person_id}, headers={"If-Match": "*"}
    )
    assert merged.status_code == 200, merged.text
    assert await me(machine) == outcome
    shown: dict[str, Any] = (await tenancy.admin.get(path)).json()
    assert shown["maker_id"] == (gone.person_id if left_before else kept["id"])


async def test_keys_of_an_erased_maker_are_refused_and_the_maker_is_not_deleted(
    tenancy: Tenancy, maker: Colleague
) -> None:
    path, machine = await new_key(tenancy, maker.actor)
    assert (await tenancy.admin.post(f"/v1/people/{maker.person_id}/erasure")).status_code == 200
    assert await me(machine) == LEFT
    assert problem(await tenancy.admin.delete(f"/v1/people/{maker.person_id}")) == (409, "in_use")
    assert (await tenancy.admin.post(f"{path}/adoption")).status_code == 200
    assert await me(machine) == (200, None)


async def test_what_a_key_of_a_leaver_made_loses_its_rights(tenancy: Tenancy, maker: Colleague) -> None:
    _, machine = await new_key(tenancy, maker.actor)
    feed = await machine.made("/v1/calendar-feeds", {"organization_id": tenancy.root_id, "name": "Due dates"})
    assert (await tenancy.http.get(feed["url"])).status_code == 200
    await set_active(tenancy, maker.person_id, False)
    assert (await tenancy.http.get(feed["url"])).status_code == 404


async def test_keys_are_found_by_their_maker(tenancy: Tenancy, maker: Colleague) -> None:
    path, _ = await new_key(tenancy, maker.actor)
    await new_key(tenancy, tenancy.admin)
    found = await tenancy.admin.items("/v1/api-keys", maker_id=maker.person_id)
    assert [f"/v1/api-keys/{one['id']}" for one in found] == [path]
