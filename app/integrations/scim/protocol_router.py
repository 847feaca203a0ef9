"""The routes of SCIM 2.0 (RFC 7643 and 7644).

They are not in the OpenAPI document: the RFCs and `/scim/v2/Schemas` describe them. The library behind them is served
through the gateway, so that every limit of the service holds for them too.
"""

import asyncio
import importlib
import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Body, Response

from app.http.context import ContextDep, RequestContext
from app.http.needs import BodyKind, Needs, needs
from app.http.query import parse_query
from app.http.write import write
from app.integrations.scim import bodies

if TYPE_CHECKING:
    from scim2_server.requests import ScimRequest

PREFIX: Final = "/scim/v2"
router = APIRouter(prefix=PREFIX, include_in_schema=False)
_NEEDS: Final = needs(Needs(body=BodyKind.SCIM, provisioning=True))
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")
_READS: Final[dict[str, Any]] = {"x-computes-only": True}
Sent = Annotated[Any, Body()]


@router.get("/Users")
@_NEEDS
async def scim_list_users(context: ContextDep) -> Response:
    """List users, or those that a filter finds."""
    return await _serve(context)


@router.post("/Users/.search", openapi_extra=_READS)
@_NEEDS
async def scim_search_users(context: ContextDep, body: Sent) -> Response:
    """List users as the body asks."""
    return await _serve(context, body)


@router.post("/.search", openapi_extra=_READS)
@_NEEDS
async def scim_search(context: ContextDep, body: Sent) -> Response:
    """List resources of every type as the body asks."""
    return await _serve(context, body)


@router.post("/Users", status_code=201)
@_NEEDS
async def scim_create_user(context: ContextDep, body: Sent) -> Response:
    """Add a user."""
    return await _serve(context, body)


@router.get("/Users/{user_id}")
@_NEEDS
async def scim_get_user(context: ContextDep, user_id: str) -> Response:  # the library reads the path
    """Read one user."""
    return await _serve(context)


@router.put("/Users/{user_id}")
@_NEEDS
async def scim_replace_user(context: ContextDep, user_id: str, body: Sent) -> Response:  # as above
    """Replace a user."""
    return await _serve(context, body)


@router.patch("/Users/{user_id}")
@_NEEDS
async def scim_patch_user(context: ContextDep, user_id: str, body: Sent) -> Response:  # as above
    """Change a user."""
    return await _serve(context, body)


@router.delete("/Users/{user_id}")
@_NEEDS
async def scim_delete_user(context: ContextDep, user_id: str) -> Response:  # as above
    """Delete a user: the person is deactivated."""
    return await _serve(context)


@router.get("/Groups")
@_NEEDS
async def scim_list_groups(context: ContextDep) -> Response:
    """List groups, or those that a filter finds."""
    return await _serve(context)


@router.post("/Groups/.search", openapi_extra=_READS)
@_NEEDS
async def scim_search_groups(context: ContextDep, body: Sent) -> Response:
    """List groups as the body asks."""
    return await _serve(context, body)


@router.post("/Groups", status_code=201)
@_NEEDS
async def scim_create_group(context: ContextDep, body: Sent) -> Response:
    """Add a group."""
    return await _serve(context, body)


@router.get("/Groups/{group_id}")
@_NEEDS
async def scim_get_group(context: ContextDep, group_id: str) -> Response:  # the library reads the path
    """Read one group."""
    return await _serve(context)


@router.put("/Groups/{group_id}")
@_NEEDS
async def scim_replace_group(context: ContextDep, group_id: str, body: Sent) -> Response:  # as above
    """Replace a group."""
    return await _serve(context, body)


@router.patch("/Groups/{group_id}")
@_NEEDS
async def scim_patch_group(context: ContextDep, group_id: str, body: Sent) -> Response:  # as above
    """Change a group."""
    return await _serve(context, body)


@router.delete("/Groups/{group_id}")
@_NEEDS
async def scim_delete_group(context: ContextDep, group_id: str) -> Response:  # as above
    """Delete a group, and what it gave to its members."""
    return await _serve(context)


@router.post("/Bulk")
@_NEEDS
async def scim_bulk(context: ContextDep, body: Sent) -> Response:
    """Run several operations."""
    return await _serve(context, body)


@router.get("/ServiceProviderConfig")
@_NEEDS
async def scim_get_service_provider_config(context: ContextDep) -> Response:
    """Read what is supported."""
    return await _serve(context)


@router.get("/ResourceTypes")
@_NEEDS
async def scim_list_resource_types(context: ContextDep) -> Response:
    """List the types of resources."""
    return await _serve(context)


@router.get("/ResourceTypes/{type_id}")
@_NEEDS
async def scim_get_resource_type(context: ContextDep, type_id: str) -> Response:  # as above
    """Read one type of resources."""
    return await _serve(context)


@router.get("/Schemas")
@_NEEDS
async def scim_list_schemas(context: ContextDep) -> Response:
    """List the schemas."""
    return await _serve(context)


@router.get("/Schemas/{schema_id}")
@_NEEDS
async def scim_get_schema(context: ContextDep, schema_id: str) -> Response:  # as above
    """Read one schema."""
    return await _serve(context)


async def _serve(context: RequestContext, body: Any = None) -> Response:
    """Serve a request in one transaction, as every write is."""
    await asyncio.to_thread(importlib.import_module, "app.integrations.scim.serving")
    from app.integrations.scim.serving import handle  # noqa: PLC0415  # loaded just now

    request = _request(context, body)
    return await write(context, handle, request)


def _request(context: RequestContext, body: Any) -> "ScimRequest":
    from scim2_server.requests import ScimRequest  # noqa: PLC0415  # loaded by `_serve`

    scope = context.scope
    query = dict(parse_query(scope["query_string"]))
    if "filter" in query:
        query["filter"] = bodies.prepare_filter(query["filter"])
    content = b"" if "json" not in scope else json.dumps(bodies.prepare(body)).encode()
    return ScimRequest(
        method="GET" if scope["method"] == "HEAD" else scope["method"],
        base_url=_base_url(context),
        path=scope["path"].removeprefix(PREFIX),
        query=query,
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        body=content,
    )


def _base_url(context: RequestContext) -> str:
    """Return the address under which the caller knows the service."""
    host = context.header(b"host") or ""
    scheme = context.scope.get("scheme", "http")
    if context.app_state.settings.behind_proxy and context.header(b"x-forwarded-proto") == "https":
        scheme = "https"
    return f"{scheme}://{host}{PREFIX}" if _HOST.fullmatch(host) else PREFIX
