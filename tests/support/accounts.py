"""Principals, keys and grants as a test makes them over HTTP."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.actors import Actor, Tenancy
from tests.support.people import add_person


@dataclass
class Account:
    """A principal with a key."""

    id: str
    key_id: str
    actor: Actor
    grants: list[str]


@dataclass
class Colleague:
    """A person with a principal and a key for it."""

    person_id: str
    principal_id: str
    key_id: str
    actor: Actor


async def new_colleague(tenancy: Tenancy, role: str = "admin", at: str | None = None, **fields: Any) -> Colleague:
    """Add a person at the root, with a role, by default on the root, and a key that an operator's key made."""
    person = await add_person(tenancy, **fields)
    principal = await new_principal(tenancy.admin, tenancy.root_id, kind="person", person_id=person["id"])
    assert (await grant(tenancy.admin, principal, role, at or tenancy.root_id)).status_code == 201
    key = await tenancy.admin.made(f"/v1/principals/{principal}/api-keys", {"name": "Key"})
    return Colleague(person["id"], principal, key["id"], Actor(tenancy.http, key["key"]))


async def set_active(tenancy: Tenancy, person_id: str, active: bool) -> None:
    """Say that a person has left, or has come back."""
    answer = await tenancy.admin.patch(f"/v1/people/{person_id}", {"active": active})
    assert answer.status_code == 200, answer.text


async def make_only_admin(tenancy: Tenancy, person_id: str) -> Actor:
    """Give a person a principal with the admin role and a key, and end the key that the tenant was made with."""
    principal = await new_principal(tenancy.admin, tenancy.root_id, kind="person", person_id=person_id)
    assert (await grant(tenancy.admin, principal, "admin", tenancy.root_id)).status_code == 201
    key = await tenancy.admin.made(f"/v1/principals/{principal}/api-keys", {"name": "Key"})
    only = Actor(tenancy.http, key["key"])
    (first,) = [one for one in await only.items("/v1/api-keys") if one["name"] == "first admin key"]
    assert (await only.delete(f"/v1/api-keys/{first['id']}")).status_code == 204
    return only


async def new_principal(actor: Actor, organization_id: str, **fields: Any) -> str:
    """A machine that belongs to an organization; its id."""
    body = {"kind": "machine", "name": "Feed", "organization_id": organization_id, **fields}
    made: str = (await actor.made("/v1/principals", body))["id"]
    return made


async def new_account(
    tenancy: Tenancy, *grants: tuple[str, str], home: str | None = None, ends_at: str | None = None, **terms: Any
) -> Account:
    """A principal with these roles and a key, made by the tenant's admin."""
    admin = tenancy.admin
    principal = await new_principal(admin, home or (grants[0][1] if grants else tenancy.root_id))
    made = [(await grant(admin, principal, role, at, ends_at=ends_at)).json()["id"] for role, at in grants]
    key = await admin.made(f"/v1/principals/{principal}/api-keys", {"name": "Key", **terms})
    return Account(principal, key["id"], Actor(tenancy.http, key["key"]), made)


async def grant(
    actor: Actor, principal_id: str, role: str, organization_id: str, **period: str | None
) -> httpx.Response:
    """Try to grant a role."""
    body = {"principal_id": principal_id, "role": role, "organization_id": organization_id, **period}
    return await actor.post("/v1/role-grants", body)


def problem(answer: httpx.Response) -> tuple[int, str | None]:
    """The status, and the code of a refusal."""
    return answer.status_code, None if answer.is_success else answer.json()["code"]
