"""The routes of mappings of groups."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.last_admin import LastAdmin
from app.access.policy import require_everywhere
from app.accounts.errors import BeyondOwnRights
from app.errors import NotFound
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.integrations.scim import mapping_service, queries
from app.integrations.scim.errors import ScimGroupMappingExists
from app.integrations.scim.schemas import ScimGroupMappingCreate, ScimGroupMappingQuery, ScimGroupMappingRead
from app.schemas import Page
from app.tree.archived import OrganizationArchived

router = APIRouter(prefix="/v1/scim-group-mappings", tags=["accounts"])


@router.get("", response_model=Page[ScimGroupMappingRead])
async def list_scim_group_mappings(context: ContextDep, query: Annotated[ScimGroupMappingQuery, Query()]) -> Response:
    """List mappings of groups.

    Use it to see what the members of the identity provider's groups get, or to find the mapping to delete. A mapping is
    listed whether or not there is a group with its name. With `organization_id` it lists those of one organization. You
    need the admin role on the root organization.
    """
    require_everywhere(context.principal, "listScimGroupMappings")
    return await page(context, queries.MAPPINGS, query)


@router.post(
    "",
    status_code=201,
    response_model=ScimGroupMappingRead,
    responses=problems(BeyondOwnRights, NotFound, OrganizationArchived, ScimGroupMappingExists),
)
async def create_scim_group_mapping(context: ContextDep, body: ScimGroupMappingCreate) -> Response:
    """Map a group of the identity provider.

    Use it to say what the members of a group get: a role on an organization, or the organization as the place where
    they work. The group is named by its display name and need not exist yet. Present members get it at once, later ones
    when the identity provider adds them. A role ends with the membership; a role that an admin gave stays. Members
    without a principal get one. You need the admin role on the root organization, without an end where a role is given
    (403 `beyond_own_rights`). The answer is 404 if the organization does not exist, and 409 if members were to work in
    an archived one, or the same mapping exists.
    """
    return await write_and_read(context, queries.get_scim_group_mapping, mapping_service.create, body)


@router.get("/{scim_group_mapping_id}", response_model=ScimGroupMappingRead)
async def get_scim_group_mapping(context: ContextDep, scim_group_mapping_id: UUID) -> Response:
    """Read one mapping of a group.

    Use it to get the `ETag` that deleting needs. The answer is 404 if it does not exist. You need the admin role on the
    root organization.
    """
    return show(context, await queries.get_scim_group_mapping(context, scim_group_mapping_id))


@router.delete(
    "/{scim_group_mapping_id}",
    status_code=204,
    response_class=Response,
    responses=problems(LastAdmin),
    openapi_extra=IF_MATCH,
)
async def delete_scim_group_mapping(context: ContextDep, scim_group_mapping_id: UUID) -> Response:
    """Delete a mapping of a group.

    Use it when members of the group are not to have its role any more: the roles that it gave end. Where members work
    stays as it is. Send the `ETag` you read in `If-Match`, or `*`. You need the admin role on the root organization.
    The role of the tenant's last admin stays (409 `last_admin`).
    """
    return await write(context, mapping_service.remove, scim_group_mapping_id)
