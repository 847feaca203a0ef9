"""Groups of the identity provider, and what the tenant maps them to."""

from typing import Any

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.scim import GROUPS, USERS, new_provisioner, patch, user

pytestmark = pytest.mark.anyio
MAPPINGS = "/v1/scim-group-mappings"
CORE = "urn:ietf:params:scim:schemas:core:2.0:Group"


@pytest.fixture
async def idp(tenancy: Tenancy) -> Actor:
    """The tenant's identity provider."""
    return await new_provisioner(tenancy)


async def new_member(idp: Actor, name: str) -> str:
    made: str = (await idp.made(USERS, user(name, displayName=name)))["id"]
    return made


async def new_group(idp: Actor, name: str, *members: str) -> str:
    body = {"schemas": [CORE], "displayName": name, "members": [{"value": one} for one in members]}
    made: str = (await idp.made(GROUPS, body))["id"]
    return made


async def change(idp: Actor, group: str, **operation: Any) -> None:
    answer = await idp.patch(f"{GROUPS}/{group}", patch(operation), if_match=None)
    assert answer.status_code == 200, answer.text


async def roles_of(admin: Actor, name: str) -> list[tuple[str, str]]:
    (person,) = await admin.items("/v1/people", q=name)
    found = await admin.items("/v1/principals", person_id=person["id"])
    if not found:
        return []
    grants = await admin.items("/v1/role-grants", principal_id=found[0]["id"])
    return sorted((one["role"], one["organization_id"]) for one in grants)


async def test_members_have_the_role_as_long_as_they_are_members(idp: Actor, tenancy: Tenancy) -> None:
    site = (await tenancy.organization())["id"]
    await tenancy.admin.made(MAPPINGS, {"group_name": "Coaches", "organization_id": site, "role": "facilitator"})
    ana, ben = await new_member(idp, "Ana"), await new_member(idp, "Ben")
    group = await new_group(idp, "COACHES", ana)
    assert await roles_of(tenancy.admin, "Ana") == [("facilitator", site)]
    await change(idp, group, op="Add", path="members", value=[{"value": ben}])
    assert await roles_of(tenancy.admin, "Ben") == [("facilitator", site)]
    await change(idp, group, op="Remove", path="members", value=[{"value": ana}])
    assert await roles_of(tenancy.admin, "Ana") == []
    assert (await idp.delete(f"{GROUPS}/{group}", if_match=None)).status_code == 204
    assert await roles_of(tenancy.admin, "Ben") == []


async def test_a_mapping_reaches_present_members_and_takes_its_role_along(idp: Actor, tenancy: Tenancy) -> None:
    await new_group(idp, "Readers", await new_member(idp, "Ana"))
    body = {"group_name": "Readers", "organization_id": tenancy.root_id, "role": "viewer"}
    mapping = await tenancy.admin.made(MAPPINGS, body)
    again = await tenancy.admin.post(MAPPINGS, body)
    assert (again.status_code, again.json()["code"]) == (409, "scim_group_mapping_exists")
    assert await roles_of(tenancy.admin, "Ana") == [("viewer", tenancy.root_id)]
    assert (await tenancy.admin.delete(f"{MAPPINGS}/{mapping['id']}")).status_code == 204
    assert await roles_of(tenancy.admin, "Ana") == []


async def test_a_role_that_an_admin_gave_stays(idp: Actor, tenancy: Tenancy) -> None:
    ana = await new_member(idp, "Ana")
    (person,) = await tenancy.admin.items("/v1/people", q="Ana")
    principal = await tenancy.admin.made(
        "/v1/principals",
        {"kind": "person", "name": "Ana", "organization_id": tenancy.root_id, "person_id": person["id"]},
    )
    grant = {"principal_id": principal["id"], "role": "viewer", "organization_id": tenancy.root_id}
    await tenancy.admin.made("/v1/role-grants", grant)
    body = {"group_name": "Readers", "organization_id": tenancy.root_id, "role": "viewer"}
    await tenancy.admin.made(MAPPINGS, body)
    group = await new_group(idp, "Readers", ana)
    await idp.delete(f"{GROUPS}/{group}", if_match=None)
    assert await roles_of(tenancy.admin, "Ana") == [("viewer", tenancy.root_id)]


async def test_two_groups_that_give_the_same_role_keep_it_until_both_end(idp: Actor, tenancy: Tenancy) -> None:
    ana = await new_member(idp, "Ana")
    groups = []
    for name in ("First", "Second"):
        body = {"group_name": name, "organization_id": tenancy.root_id, "role": "viewer"}
        await tenancy.admin.made(MAPPINGS, body)
        groups.append(await new_group(idp, name, ana))
    for group, left in zip(groups, ([("viewer", tenancy.root_id)], []), strict=True):
        await idp.delete(f"{GROUPS}/{group}", if_match=None)
        assert await roles_of(tenancy.admin, "Ana") == left


async def test_members_work_where_the_mapping_says(idp: Actor, tenancy: Tenancy) -> None:
    site = (await tenancy.organization())["id"]
    await tenancy.admin.made(MAPPINGS, {"group_name": "North", "organization_id": site})
    await new_group(idp, "North", await new_member(idp, "Ana"))
    (person,) = await tenancy.admin.items("/v1/people", q="Ana")
    assert person["organization_id"] == site


async def test_a_renamed_group_is_mapped_by_its_new_name(idp: Actor, tenancy: Tenancy) -> None:
    body = {"group_name": "Readers", "organization_id": tenancy.root_id, "role": "viewer"}
    await tenancy.admin.made(MAPPINGS, body)
    group = await new_group(idp, "Others", await new_member(idp, "Ana"))
    assert await roles_of(tenancy.admin, "Ana") == []
    await change(idp, group, op="replace", path="displayName", value="Readers")
    assert await roles_of(tenancy.admin, "Ana") == [("viewer", tenancy.root_id)]


async def test_a_deleted_user_leaves_groups_and_loses_their_roles(idp: Actor, tenancy: Tenancy) -> None:
    body = {"group_name": "Readers", "organization_id": tenancy.root_id, "role": "viewer"}
    await tenancy.admin.made(MAPPINGS, body)
    ana = await new_member(idp, "Ana")
    group = await new_group(idp, "Readers", ana)
    await idp.delete(f"{USERS}/{ana}", if_match=None)
    assert "members" not in (await idp.get(f"{GROUPS}/{group}")).json()
    assert await roles_of(tenancy.admin, "Ana") == []


@pytest.mark.parametrize("member", ["nobody", "0198c6f0-d4e5-7061-9273-84d5e6f70819"])
async def test_a_member_who_is_no_user_is_left_out(idp: Actor, member: str) -> None:
    group = await new_group(idp, "G", member, ana := await new_member(idp, "Ana"))
    found = (await idp.get(f"{GROUPS}/{group}")).json()["members"]
    assert [one["value"] for one in found] == [ana]


async def test_a_user_of_another_tenant_is_no_member(idp: Actor, other_tenancy: Tenancy) -> None:
    foreign = await new_member(await new_provisioner(other_tenancy), "Eve")
    group = await new_group(idp, "G")
    for operation in (
        {"op": "add", "path": "members", "value": [{"value": foreign}]},
        {"op": "replace", "path": f'members[value eq "{foreign}"].type', "value": "User"},
    ):
        answer = await idp.patch(f"{GROUPS}/{group}", patch(operation), if_match=None)
        assert "members" not in answer.json(), answer.text


async def test_groups_are_found_by_name_and_by_member(idp: Actor) -> None:
    ana = await new_member(idp, "Ana")
    group = await new_group(idp, "North %", ana)
    for scim_filter in ('displayName eq "north %"', f'members.value eq "{ana}"', f'members[value eq "{ana}"]'):
        params = {"filter": scim_filter, "excludedAttributes": "members"}
        (found,) = (await idp.get(GROUPS, params=params)).json()["Resources"]
        assert (found["id"], "members" in found) == (group, False)


async def test_the_last_admin_of_a_group_stays(idp: Actor, tenancy: Tenancy) -> None:
    body = {"group_name": "Admins", "organization_id": tenancy.root_id, "role": "admin"}
    await tenancy.admin.made(MAPPINGS, body)
    group = await new_group(idp, "Admins", await new_member(idp, "Ana"))
    (person,) = await tenancy.admin.items("/v1/people", q="Ana")
    (principal,) = await tenancy.admin.items("/v1/principals", person_id=person["id"])
    key = await tenancy.admin.made(f"/v1/principals/{principal['id']}/api-keys", {"name": "Laptop"})
    ana = Actor(tenancy.http, key["key"])
    (other,) = [one for one in await ana.items("/v1/api-keys") if one["name"] != "Laptop"]
    assert (await ana.delete(f"/v1/api-keys/{other['id']}")).status_code == 204
    assert (await idp.delete(f"{GROUPS}/{group}", if_match=None)).status_code == 409
    assert await roles_of(ana, "Ana") == [("admin", tenancy.root_id)]
