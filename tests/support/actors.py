"""Who calls in a test: a tenant, its root, and keys with any roles."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.access.keys import create_key
from app.principal import Role
from app.provisioning import create_tenant, operators_transaction


@dataclass
class Actor:
    """A caller with one credential."""

    http: httpx.AsyncClient
    token: str

    async def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **kwargs.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **kwargs)

    async def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return await self.call("GET", path, **kwargs)

    async def items(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """Return the items of a list that fits on one page."""
        answer = await self.get(path, params={"limit": 200, **params})
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        assert page["next_cursor"] is None
        items: list[dict[str, Any]] = page["items"]
        return items

    async def post(self, path: str, body: Any = None, **kwargs: Any) -> httpx.Response:
        return await self.call("POST", path, json=body, **kwargs)

    async def put(self, path: str, body: Any, **kwargs: Any) -> httpx.Response:
        return await self.call("PUT", path, json=body, **kwargs)

    async def patch(self, path: str, body: Any, *, if_match: str | None = "*", **kwargs: Any) -> httpx.Response:
        headers = {"If-Match": if_match} if if_match else {}
        return await self.call("PATCH", path, json=body, headers={**headers, **kwargs.pop("headers", {})}, **kwargs)

    async def delete(self, path: str, *, if_match: str | None = "*", **kwargs: Any) -> httpx.Response:
        return await self.call("DELETE", path, headers={"If-Match": if_match} if if_match else {}, **kwargs)

    async def move(self, path: str, to: str, *, reason: str | None = None, if_match: str = "*") -> httpx.Response:
        """POST a transition."""
        body = {"to": to, **({"reason": reason} if reason else {})}
        return await self.call("POST", f"{path}/transitions", json=body, headers={"If-Match": if_match})

    async def made(self, path: str, body: Any) -> dict[str, Any]:
        """POST, and check that the answer is 201."""
        answer = await self.post(path, body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


@dataclass
class Tenancy:
    """A tenant and the means to call in it."""

    tenant_id: UUID
    root_id: str
    admin: Actor
    http: httpx.AsyncClient
    app: FastAPI
    owner: AsyncEngine
    keys: list[UUID] = field(default_factory=list)

    async def key(self, *grants: tuple[Role | str, str], **kwargs: Any) -> Actor:
        """Make a key with these roles on these organizations."""
        async with operators_transaction(self.owner, self.tenant_id) as tx:
            key_id, token = await create_key(
                tx, name="test key", grants=[(Role(role), UUID(at)) for role, at in grants], **kwargs
            )
        self.keys.append(key_id)
        return Actor(self.http, token)

    def holder(self, token: str) -> Actor:
        """Return a caller with a seat's token."""
        return Actor(self.http, token)

    async def organization(self, parent_id: str | None = None, **fields: Any) -> dict[str, Any]:
        """Make an organization, by default below the root."""
        body = {"parent_id": parent_id or self.root_id, "kind": "site", "name": "Site", **fields}
        return await self.admin.made("/v1/organizations", body)


async def new_tenancy(owner: AsyncEngine, app: FastAPI, http: httpx.AsyncClient) -> Tenancy:
    """Make a tenant as the command line does."""
    tenant, root, key = await create_tenant(owner, slug=f"t-{uuid4().hex[:16]}", name="Test agency")
    return Tenancy(tenant.id, str(root.id), Actor(http, key), http, app, owner)
