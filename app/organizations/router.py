"""The organizations' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.policy import scopes
from app.errors import InvalidTransition, NotFound
from app.http.calls import CallDep
from app.http.openapi import IF_MATCH
from app.http.pages import page
from app.http.problems import problems
from app.http.respond import show
from app.http.write import AlreadyExists, InUse, write
from app.organizations import reads, service
from app.organizations.schemas import (
    DescendantQuery,
    OrganizationCreate,
    OrganizationPatch,
    OrganizationQuery,
    OrganizationRead,
    OrganizationTransition,
)
from app.organizations.service import ExternalIdTaken, HasChildren, OrganizationArchived, RootOrganization, TooDeep
from app.schemas import Page
from app.tree.paths import after

router = APIRouter(prefix="/v1/organizations", tags=["organizations"])


@router.get("", response_model=Page[OrganizationRead])
async def list_organizations(call: CallDep, query: Annotated[OrganizationQuery, Query()]) -> Response:
    """List the organizations in sight."""
    within = scopes(call.principal)
    return await page(call, reads.LIST, query, lambda row: reads.present(call.principal, row), scopes=within)


@router.post(
    "",
    status_code=201,
    response_model=OrganizationRead,
    responses=problems(NotFound, OrganizationArchived, ExternalIdTaken, AlreadyExists, TooDeep),
)
async def create_organization(call: CallDep, body: OrganizationCreate) -> Response:
    """Create an organization below another."""
    return await write(call, service.create, body)


@router.get("/{organization_id}", response_model=OrganizationRead)
async def get_organization(call: CallDep, organization_id: UUID) -> Response:
    """Read one organization."""
    return show(call, await reads.get(call, call.principal, organization_id))


@router.patch(
    "/{organization_id}", response_model=OrganizationRead, responses=problems(ExternalIdTaken), openapi_extra=IF_MATCH
)
async def update_organization(call: CallDep, organization_id: UUID, body: OrganizationPatch) -> Response:
    """Change an organization."""
    return await write(call, service.patch, organization_id, body)


@router.delete(
    "/{organization_id}",
    status_code=204,
    response_class=Response,
    responses=problems(HasChildren, InUse, RootOrganization),
    openapi_extra=IF_MATCH,
)
async def delete_organization(call: CallDep, organization_id: UUID) -> Response:
    """Delete an organization that nothing refers to."""
    return await write(call, service.remove, organization_id)


@router.post(
    "/{organization_id}/transitions",
    response_model=OrganizationRead,
    responses=problems(InvalidTransition, RootOrganization),
    openapi_extra=IF_MATCH,
)
async def transition_organization(call: CallDep, organization_id: UUID, body: OrganizationTransition) -> Response:
    """Archive an organization, or take it up again."""
    return await write(call, service.transition, organization_id, body)


@router.get("/{organization_id}/descendants", response_model=Page[OrganizationRead])
async def list_organization_descendants(
    call: CallDep, organization_id: UUID, query: Annotated[DescendantQuery, Query()]
) -> Response:
    """List everything below an organization, parents before children."""
    top = await reads.row_of(call, call.principal, organization_id)
    return await page(
        call,
        reads.DESCENDANTS,
        query,
        lambda row: reads.present(call.principal, row),
        below=top["path"],
        behind=after(top["path"]),
        depth=top["depth"],
    )
