"""Action items and people, made with few words."""

from typing import Any

from tests.support.actors import Tenancy

ITEMS = "/v1/action-items"


async def item(tenancy: Tenancy, organization_id: str | None = None, **fields: Any) -> dict[str, Any]:
    """Make a free item, by default at the root."""
    body = {"organization_id": organization_id or tenancy.root_id, "title": "Fund coaching", **fields}
    return await tenancy.admin.made(ITEMS, body)
