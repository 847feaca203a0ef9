"""Principals over HTTP: made, linked to a person, deactivated, and out of sight of who does not manage them."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.support.accounts import grant, new_account, new_principal, problem
from tests.support.actors import Actor, Tenancy
from tests.support.audit import changed, trail
from tests.support.feed import end_of, read_all, seal
from tests.support.replicas import Meeting


async def me(actor: Actor) -> tuple[int, str | None]:
    return problem(await actor.get("/v1/me"))


async def person(tenancy: Tenancy, organization_id: str | None = None) -> str:
    made = await tenancy.admin.made(
        "/v1/people", {"organization_id": organization_id or tenancy.root_id, "name": "Coach"}
    )
    found: str = made["id"]
    return found


async def test_a_principal_is_read_as_it_was_made(tenancy: Tenancy, admin: Actor) -> None:
    body = {"kind": "person", "name": "Coach", "organization_id": tenancy.root_id, "person_id": await person(tenancy)}
    made = await admin.post("/v1/principals", body)
    read = await admin.get(made.headers["location"])
    assert read.json() == made.json()
    assert {name: read.json()[name] for name in body} == body
    assert (read.json()["status"], read.json()["allowed_transitions"]) == ("active", ["deactivated"])


async def test_a_new_principal_may_nothing(tenancy: Tenancy) -> None:
    account = await new_account(tenancy)
    assert (await account.actor.get("/v1/me")).json()["grants"] == []
    assert (await account.actor.get("/v1/organizations")).status_code == 403


async def test_principals_are_listed_by_each_filter(tenancy: Tenancy, admin: Actor) -> None:
    county, coach = (await tenancy.organization())["id"], await person(tenancy)
    machine = await new_principal(admin, county)
    human = await new_principal(admin, tenancy.root_id, kind="person", person_id=coach)
    assert (await admin.move(f"/v1/principals/{machine}", "deactivated")).status_code == 200
    expected: list[tuple[dict[str, Any], set[str]]] = [
        ({"subtree": county}, {machine}),
        ({"organization_id": county}, {machine}),
        ({"kind": "person"}, {human}),
        ({"person_id": coach}, {human}),
        ({"status": "deactivated"}, {machine}),
    ]
    for chosen, wanted in expected:
        assert {one["id"] for one in await admin.items("/v1/principals", **chosen)} == wanted, chosen


async def test_a_person_has_one_principal(tenancy: Tenancy, admin: Actor) -> None:
    body = {"kind": "person", "name": "Coach", "organization_id": tenancy.root_id, "person_id": await person(tenancy)}
    answers = [await admin.post("/v1/principals", body) for _ in range(2)]
    assert [problem(answer) for answer in answers] == [(201, None), (409, "person_has_principal")]


async def test_a_machine_stands_for_nobody(tenancy: Tenancy, admin: Actor) -> None:
    path = f"/v1/principals/{await new_principal(admin, tenancy.root_id)}"
    refused = await admin.patch(path, {"person_id": await person(tenancy)})
    assert problem(refused) == (422, "person_of_machine")


async def test_a_person_out_of_sight_is_unknown(tenancy: Tenancy) -> None:
    county, sibling = [(await tenancy.organization())["id"] for _ in range(2)]
    caller = await tenancy.key(("admin", county))
    body = {"kind": "person", "name": "Coach", "organization_id": county}
    for one in (await person(tenancy, sibling), str(uuid4())):
        answer = await caller.post("/v1/principals", {**body, "person_id": one})
        assert problem(answer) == (422, "unknown_person")


async def test_a_person_with_a_principal_is_not_deleted(tenancy: Tenancy, admin: Actor) -> None:
    coach = await person(tenancy)
    principal = await new_principal(admin, tenancy.root_id, kind="person", person_id=coach)
    assert problem(await admin.delete(f"/v1/people/{coach}")) == (409, "in_use")
    assert (await admin.patch(f"/v1/principals/{principal}", {"person_id": None})).status_code == 200
    assert (await admin.delete(f"/v1/people/{coach}")).status_code == 204


async def test_deactivation_cuts_all_keys_at_once_and_reactivation_restores_them(
    tenancy: Tenancy, admin: Actor
) -> None:
    account = await new_account(tenancy, ("viewer", tenancy.root_id))
    second = await admin.made(f"/v1/principals/{account.id}/api-keys", {"name": "Second"})
    keys = (account.actor, Actor(tenancy.http, second["key"]))
    assert [await me(key) for key in keys] == [(200, None)] * 2
    await admin.move(f"/v1/principals/{account.id}", "deactivated", reason="The contract ended.")
    assert [await me(key) for key in keys] == [(401, "principal_deactivated")] * 2
    await admin.move(f"/v1/principals/{account.id}", "active")
    assert [await me(key) for key in keys] == [(200, None)] * 2


async def test_a_transition_to_the_present_status_is_refused(tenancy: Tenancy, admin: Actor) -> None:
    path = f"/v1/principals/{await new_principal(admin, tenancy.root_id)}"
    assert problem(await admin.move(path, "active")) == (409, "invalid_transition")


async def test_a_deactivated_principal_gets_neither_key_nor_role(tenancy: Tenancy, admin: Actor) -> None:
    account = await new_account(tenancy)
    assert (await admin.move(f"/v1/principals/{account.id}", "deactivated")).status_code == 200
    answers = [
        await admin.post(f"/v1/principals/{account.id}/api-keys", {"name": "Key"}),
        await admin.post(f"/v1/api-keys/{account.key_id}/rotation", {}),
        await grant(admin, account.id, "viewer", tenancy.root_id),
    ]
    assert [problem(answer) for answer in answers] == [(409, "principal_inactive")] * 3


async def test_an_admin_reactivates_and_links_no_principal_that_may_do_more(tenancy: Tenancy, admin: Actor) -> None:
    county = (await tenancy.organization())["id"]
    account = await new_account(tenancy, ("viewer", county), ("viewer", tenancy.root_id), home=county)
    human = await new_principal(admin, county, kind="person")
    assert (await grant(admin, human, "admin", tenancy.root_id)).status_code == 201
    caller, coach = await tenancy.key(("admin", county)), await person(tenancy, county)
    assert (await caller.move(f"/v1/principals/{account.id}", "deactivated")).status_code == 200
    answers = [
        await caller.move(f"/v1/principals/{account.id}", "active"),
        await caller.patch(f"/v1/principals/{human}", {"person_id": coach}),
    ]
    assert [problem(answer) for answer in answers] == [(403, "beyond_own_rights")] * 2


async def test_the_last_admin_cannot_be_deactivated(tenancy: Tenancy, admin: Actor) -> None:
    own = (await admin.get("/v1/me")).json()["id"]
    assert problem(await admin.move(f"/v1/principals/{own}", "deactivated")) == (409, "last_admin")
    other = await new_account(tenancy, ("admin", tenancy.root_id))
    assert (await admin.move(f"/v1/principals/{own}", "deactivated")).status_code == 200
    assert await me(admin) == (401, "principal_deactivated")
    assert await me(other.actor) == (200, None)


async def test_principals_of_another_tenant_do_not_exist(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    path = f"/v1/principals/{await new_principal(tenancy.admin, tenancy.root_id)}"
    admin = other_tenancy.admin
    answers = [await admin.get(path), await admin.patch(path, {"name": "X"}), await admin.move(path, "deactivated")]
    assert [problem(answer) for answer in answers] == [(404, "not_found")] * 3


async def test_a_subtree_admin_manages_the_principals_of_that_subtree(tenancy: Tenancy, admin: Actor) -> None:
    county = (await tenancy.organization())["id"]
    inside, outside = await new_principal(admin, county), await new_principal(admin, tenancy.root_id)
    caller = await tenancy.key(("admin", county))
    assert (await caller.patch(f"/v1/principals/{inside}", {"name": "Own"})).status_code == 200
    assert problem(await caller.get(f"/v1/principals/{outside}")) == (404, "not_found")
    listed = {one["id"] for one in await caller.items("/v1/principals")}
    assert (inside in listed, outside in listed) == (True, False)


async def test_a_principal_of_a_deleted_organization_belongs_to_its_parent(tenancy: Tenancy, admin: Actor) -> None:
    county = (await tenancy.organization())["id"]
    account = await new_account(tenancy, ("viewer", county))
    assert (await admin.delete(f"/v1/organizations/{county}")).status_code == 204
    assert (await admin.get(f"/v1/principals/{account.id}")).json()["organization_id"] == tenancy.root_id
    assert (await account.actor.get("/v1/me")).json()["grants"] == []


async def test_the_trail_says_what_a_deleted_organization_took_along(tenancy: Tenancy, admin: Actor) -> None:
    county = (await tenancy.organization())["id"]
    account = await new_account(tenancy, ("viewer", county))
    assert (await admin.delete(f"/v1/organizations/{county}")).status_code == 204
    [taken] = await trail(admin, object_id=account.grants[0], action="role_grant.deleted")
    assert (changed(taken)["role"], taken["operation"]) == (("viewer", None), "deleteOrganization")
    [moved] = await trail(admin, object_id=account.id, action="principal.updated")
    assert changed(moved) == {"organization_id": (county, tenancy.root_id)}


async def test_the_feed_says_what_a_deleted_organization_took_along(tenancy: Tenancy, admin: Actor) -> None:
    county = (await tenancy.organization())["id"]
    account = await new_account(tenancy, ("viewer", county))
    after = await end_of(tenancy)
    assert (await admin.delete(f"/v1/organizations/{county}")).status_code == 204
    await seal(tenancy)
    events = {(one["type"], one["subject_id"], one["organization_id"]) for one in await read_all(admin, after)}
    assert events == {
        ("principal.updated", account.id, tenancy.root_id),
        ("role_grant.deleted", account.grants[0], tenancy.root_id),
        ("organization.deleted", county, tenancy.root_id),
    }


@pytest.mark.parametrize("how", ["revoke", "rotate", "deactivate", "take the role", "end the role", "move"])
async def test_what_was_given_is_gone_on_another_replica_within_a_second(meeting: Meeting, how: str) -> None:
    tenancy, admin = meeting.tenancy, meeting.tenancy.admin
    county, target = (await tenancy.organization())["id"], (await tenancy.organization())["id"]
    site = (await tenancy.organization(county))["id"]
    account = await new_account(tenancy, ("viewer", county))
    there = meeting.both(account.actor)[1]
    path = f"/v1/organizations/{site}"
    assert (await there.get(path)).status_code == 200
    changes = {
        "revoke": ("DELETE", f"/v1/api-keys/{account.key_id}", None),
        "rotate": ("POST", f"/v1/api-keys/{account.key_id}/rotation", {"overlap_seconds": 0}),
        "deactivate": ("POST", f"/v1/principals/{account.id}/transitions", {"to": "deactivated"}),
        "take the role": ("DELETE", f"/v1/role-grants/{account.grants[0]}", None),
        "end the role": (
            "PATCH",
            f"/v1/role-grants/{account.grants[0]}",
            {"starts_at": "2020-01-01T00:00:00Z", "ends_at": "2020-01-02T00:00:00Z"},
        ),
        "move": ("POST", f"/v1/organizations/{site}/move", {"parent_id": target}),
    }
    method, at, body = changes[how]
    sent = {} if body is None else {"json": body}
    assert (await admin.call(method, at, headers={"If-Match": "*"}, **sent)).is_success
    await asyncio.sleep(1.05)
    assert (await there.get(path)).status_code in {401, 404}
