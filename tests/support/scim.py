"""Callers of SCIM."""

from typing import Any
from uuid import UUID, uuid4

from app.principal import PROVISIONING, Grant, Principal, Role
from app.tree.paths import segment
from tests.support.actors import Actor, Tenancy

USERS = "/scim/v2/Users"
GROUPS = "/scim/v2/Groups"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SCIM_JSON = {"Content-Type": "application/scim+json"}


async def new_provisioner(tenancy: Tenancy) -> Actor:
    """Return an identity provider with a token of its own."""
    made = await tenancy.admin.made("/v1/scim-tokens", {"name": "Identity provider"})
    return Actor(tenancy.http, made["token"])


def provisioner_of(tenant_id: UUID, root_id: UUID) -> Principal:
    """Return an identity provider as the authentication makes it."""
    root = Grant(Role.ADMIN, root_id, segment(root_id))
    return Principal(tenant_id, uuid4(), PROVISIONING, "Identity provider", tenant_secret=b"", grants=(root,))


def user(user_name: str, **fields: Any) -> dict[str, Any]:
    """Return the body of a user."""
    return {"schemas": [CORE], "userName": user_name, **fields}


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a PATCH."""
    return {"schemas": [PATCH], "Operations": list(operations)}


async def found(caller: Actor, scim_filter: str) -> list[str]:
    """Return the user names that a filter finds."""
    answer = await caller.get(USERS, params={"filter": scim_filter})
    assert answer.status_code == 200, answer.text
    return [one["userName"] for one in answer.json()["Resources"]]
