"""Whoever the identity provider deactivates has no access any more."""

from collections.abc import AsyncIterator

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.issuer import Issuer
from tests.support.scim import USERS, new_provisioner, patch, user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer of access tokens."""
    async with Issuer() as started:
        yield started


LEAVE = patch({"op": "Replace", "path": "active", "value": "False"})
RETURN = patch({"op": "Replace", "path": "active", "value": "True"})


async def new_colleague(tenancy: Tenancy, idp: Actor, role: str) -> tuple[str, Actor]:
    """Return the path of a user, and a key of the principal that stands for their person."""
    made = await idp.made(USERS, user("ana", displayName="Ana"))
    (person,) = await tenancy.admin.items("/v1/people", q="Ana")
    principal = await tenancy.admin.made(
        "/v1/principals",
        {"kind": "person", "name": "Ana", "organization_id": tenancy.root_id, "person_id": person["id"]},
    )
    grant = {"principal_id": principal["id"], "role": role, "organization_id": tenancy.root_id}
    await tenancy.admin.made("/v1/role-grants", grant)
    key = await tenancy.admin.made(f"/v1/principals/{principal['id']}/api-keys", {"name": "Laptop"})
    return f"{USERS}/{made['id']}", Actor(tenancy.http, key["key"])


async def test_keys_of_a_deactivated_person_are_refused_until_they_return(tenancy: Tenancy) -> None:
    idp = await new_provisioner(tenancy)
    path, key = await new_colleague(tenancy, idp, "viewer")
    assert (await key.get("/v1/me")).status_code == 200
    assert (await idp.patch(path, LEAVE, if_match=None)).status_code == 200
    refused = await key.get("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "principal_deactivated")
    assert (await idp.patch(path, RETURN, if_match=None)).status_code == 200
    assert (await key.get("/v1/me")).status_code == 200


async def test_keys_that_a_deactivated_person_made_are_refused(tenancy: Tenancy) -> None:
    idp = await new_provisioner(tenancy)
    path, key = await new_colleague(tenancy, idp, "admin")
    body = {"name": "Feed", "role": "viewer", "organization_id": tenancy.root_id}
    machine = Actor(tenancy.http, (await key.made("/v1/api-keys", body))["key"])
    assert (await machine.get("/v1/me")).status_code == 200
    assert (await idp.patch(path, LEAVE, if_match=None)).status_code == 200
    refused = await machine.get("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (401, "key_maker_left")


async def test_keys_of_a_deleted_user_are_refused(tenancy: Tenancy) -> None:
    idp = await new_provisioner(tenancy)
    path, key = await new_colleague(tenancy, idp, "viewer")
    assert (await idp.delete(path, if_match=None)).status_code == 204
    assert (await key.get("/v1/me")).status_code == 401


async def test_sign_ins_of_a_deactivated_person_are_refused(tenancy: Tenancy, issuer: Issuer) -> None:
    idp = await new_provisioner(tenancy)
    path, _ = await new_colleague(tenancy, idp, "viewer")
    (person,) = await tenancy.admin.items("/v1/people", q="Ana")
    await issuer.bind(tenancy)
    await issuer.link(tenancy, "ana", person["id"])
    signed_in = issuer.holder(tenancy, "ana")
    assert (await signed_in.get("/v1/me")).status_code == 200
    await idp.patch(path, LEAVE, if_match=None)
    assert (await signed_in.get("/v1/me")).status_code == 401


async def test_the_last_admin_stays(tenancy: Tenancy) -> None:
    idp = await new_provisioner(tenancy)
    path, key = await new_colleague(tenancy, idp, "admin")
    (other,) = [one for one in await key.items("/v1/api-keys") if one["name"] != "Laptop"]
    assert (await key.delete(f"/v1/api-keys/{other['id']}")).status_code == 204
    refused = await idp.patch(path, LEAVE, if_match=None)
    assert (refused.status_code, refused.json()["detail"][:4]) == (409, "Give")
    assert (await key.get("/v1/me")).status_code == 200
