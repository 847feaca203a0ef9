"""The role grants' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.last_admin import LastAdmin
from app.accounts.errors import BeyondOwnRights, GrantExists, InvalidPeriod, PrincipalInactive, UnknownPrincipal
from app.accounts.role_grants import queries, service
from app.accounts.role_grants.schemas import RoleGrantCreate, RoleGrantPatch, RoleGrantQuery, RoleGrantRead
from app.accounts.scope import managed_paths
from app.errors import NotFound
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.schemas import Page

router = APIRouter(prefix="/v1/role-grants", tags=["accounts"])


@router.get("", response_model=Page[RoleGrantRead], responses=problems(NotFound))
async def list_role_grants(context: ContextDep, query: Annotated[RoleGrantQuery, Query()]) -> Response:
    """List role grants.

    Use it to see who may do what where; `in_force=true` leaves out grants that ended or have yet to start. Only grants
    on organizations where you are an admin are listed. With `subtree` it lists those on one
    organization and everything below it; the answer is 404 if that organization is not visible to you, and 403 if you
    are no admin there.
    """
    within = await managed_paths(context, context.principal, "listRoleGrants", query.subtree)
    return await page(context, queries.LIST, query, visible=within, caller={"now": context.now})


@router.post(
    "",
    status_code=201,
    response_model=RoleGrantRead,
    responses=problems(NotFound, BeyondOwnRights, GrantExists, InvalidPeriod, PrincipalInactive, UnknownPrincipal),
)
async def create_role_grant(context: ContextDep, body: RoleGrantCreate) -> Response:
    """Grant a role.

    The role counts on the organization and everywhere below it, from `starts_at` until `ends_at`. You need to be an
    admin there, and the grant may not outlast your own role (403 `beyond_own_rights`). The principal must belong to an
    organization where you are an admin (422), and must not be deactivated (409). A principal has each role on an
    organization once: a second grant is 409, also after the first one ended; change its period instead. The keys that
    the principal has open what the role allows within a second.
    """
    return await write_and_read(context, queries.get_role_grant, service.create, body)


@router.get("/{role_grant_id}", response_model=RoleGrantRead)
async def get_role_grant(context: ContextDep, role_grant_id: UUID) -> Response:
    """Read one role grant.

    Use it to show a grant, or to get the `ETag` that a change needs. The answer is 404 if it does not exist or its
    organization is not visible to you.
    """
    return show(context, await queries.get_role_grant(context, role_grant_id))


@router.patch(
    "/{role_grant_id}",
    response_model=RoleGrantRead,
    responses=problems(BeyondOwnRights, InvalidPeriod, LastAdmin),
    openapi_extra=IF_MATCH,
)
async def update_role_grant(context: ContextDep, role_grant_id: UUID, body: RoleGrantPatch) -> Response:
    """Change the period of a role grant.

    Use it to end a grant on a day, to end it now and keep it in the list, or to renew it. Send the `ETag` you read in
    `If-Match`. A grant may not last longer than before if it would outlast your own role (403 `beyond_own_rights`). The
    only admin role on the root without an end keeps having none (409 `last_admin`). A grant that ends is gone within a
    second of its end on every process.
    """
    return await write_and_read(context, queries.get_role_grant, service.patch, role_grant_id, body)


@router.delete(
    "/{role_grant_id}", status_code=204, response_class=Response, responses=problems(LastAdmin), openapi_extra=IF_MATCH
)
async def delete_role_grant(context: ContextDep, role_grant_id: UUID) -> Response:
    """Take a role away.

    The principal loses the role within a second. Send the `ETag` you read in `If-Match`. You may take away your own
    roles. The last admin role on the root that does not end, of a principal with a working key, cannot be taken away
    (409 `last_admin`).
    """
    return await write(context, service.remove, role_grant_id)
