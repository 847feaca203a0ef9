"""The organizations' routes."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.policy import scopes
from app.db.errors import AlreadyExists, InUse
from app.errors import InvalidTransition, NotFound
from app.http.context import ContextDep
from app.http.etags import etag
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import tagged
from app.http.write import write
from app.organizations import move_service, queries, service, upsert_service
from app.organizations.move_service import (
    AlreadyThere,
    MovedOnInFuture,
    MovedOnTooEarly,
    OrganizationCycle,
    ProgramOutOfReachAfterMove,
)
from app.organizations.schemas import (
    DescendantQuery,
    ExternalId,
    OrganizationCreate,
    OrganizationMoveCreate,
    OrganizationMoveQuery,
    OrganizationMoveRead,
    OrganizationPatch,
    OrganizationQuery,
    OrganizationRead,
    OrganizationTransition,
    OrganizationUpsert,
)
from app.organizations.service import (
    ExternalIdTaken,
    HasChildren,
    OrganizationArchived,
    RootOrganization,
    TooDeep,
    UnknownOrganization,
)
from app.schemas import Key, Name, Page
from app.tree.paths import after

router = APIRouter(prefix="/v1/organizations", tags=["organizations"])
_CONDITIONS: dict[str, Any] = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "Only update, and only this version; absent: create, or update whatever is there.",
            "example": '"3.5f0c2a9b41de"',
        },
        {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "enum": ["*"]},
            "description": "`*`: only create, never update.",
        },
    ]
}


@router.get("", response_model=Page[OrganizationRead])
async def list_organizations(context: ContextDep, query: Annotated[OrganizationQuery, Query()]) -> Response:
    """List the organizations in sight."""
    within = scopes(context.principal)
    return await page(context, queries.LIST, query, scopes=within, caller=queries.caller(context.principal))


@router.post(
    "",
    status_code=201,
    response_model=OrganizationRead,
    responses=problems(NotFound, OrganizationArchived, ExternalIdTaken, AlreadyExists, TooDeep),
)
async def create_organization(context: ContextDep, body: OrganizationCreate) -> Response:
    """Create an organization below another."""
    return await write(context, service.create, body)


# An external id may hold slashes, so it takes the rest of the path.
@router.put(
    "/by-external-id/{source}/{external_id:path}",
    response_model=OrganizationRead,
    responses={
        201: {"model": OrganizationRead, "description": "The organization was created."},
        **problems(
            ExternalIdTaken,
            OrganizationArchived,
            OrganizationCycle,
            ProgramOutOfReachAfterMove,
            RootOrganization,
            TooDeep,
            UnknownOrganization,
        ),
    },
    openapi_extra=_CONDITIONS,
)
async def upsert_organization(
    context: ContextDep, source: Key, external_id: Name, body: OrganizationUpsert
) -> Response:
    """Create or update the organization that another system calls so; another parent moves it."""
    name = ExternalId(source=source, external_id=external_id)
    return await write(context, upsert_service.upsert, name, body, invalidate=context.app_state.invalidate)


@router.get("/{organization_id}", response_model=OrganizationRead)
async def get_organization(context: ContextDep, organization_id: UUID) -> Response:
    """Read one organization."""
    version, body = await queries.get_rendered(context, context.principal, organization_id)
    return tagged(context, body, etag(version, body))


@router.patch(
    "/{organization_id}", response_model=OrganizationRead, responses=problems(ExternalIdTaken), openapi_extra=IF_MATCH
)
async def update_organization(context: ContextDep, organization_id: UUID, body: OrganizationPatch) -> Response:
    """Change an organization."""
    return await write(context, service.patch, organization_id, body)


@router.delete(
    "/{organization_id}",
    status_code=204,
    response_class=Response,
    responses=problems(HasChildren, InUse, RootOrganization),
    openapi_extra=IF_MATCH,
)
async def delete_organization(context: ContextDep, organization_id: UUID) -> Response:
    """Delete an organization that nothing refers to."""
    return await write(context, service.remove, organization_id)


@router.post(
    "/{organization_id}/transitions",
    response_model=OrganizationRead,
    responses=problems(InvalidTransition, RootOrganization),
    openapi_extra=IF_MATCH,
)
async def transition_organization(context: ContextDep, organization_id: UUID, body: OrganizationTransition) -> Response:
    """Archive an organization, or take it up again."""
    return await write(context, service.transition, organization_id, body)


@router.get("/{organization_id}/descendants", response_model=Page[OrganizationRead])
async def list_organization_descendants(
    context: ContextDep, organization_id: UUID, query: Annotated[DescendantQuery, Query()]
) -> Response:
    """List everything below an organization, parents before children."""
    top = await queries.row_of(context, context.principal, organization_id)
    return await page(
        context,
        queries.DESCENDANTS,
        query,
        caller=queries.caller(context.principal),
        below=top["path"],
        behind=after(top["path"]),
        depth=top["depth"],
    )


@router.post(
    "/{organization_id}/move",
    response_model=OrganizationRead,
    responses=problems(
        AlreadyThere,
        MovedOnInFuture,
        MovedOnTooEarly,
        OrganizationArchived,
        OrganizationCycle,
        ProgramOutOfReachAfterMove,
        RootOrganization,
        TooDeep,
        UnknownOrganization,
    ),
    openapi_extra=IF_MATCH,
)
async def move_organization(context: ContextDep, organization_id: UUID, body: OrganizationMoveCreate) -> Response:
    """Move an organization, with everything below it, below another parent; roles count at the new place at once."""
    return await write(context, move_service.move, organization_id, body, invalidate=context.app_state.invalidate)


@router.get("/{organization_id}/moves", response_model=Page[OrganizationMoveRead])
async def list_organization_moves(
    context: ContextDep, organization_id: UUID, query: Annotated[OrganizationMoveQuery, Query()]
) -> Response:
    """List an organization's own moves; those of organizations above it are listed there."""
    found = await queries.row_of(context, context.principal, organization_id)
    return await page(context, queries.TRANSITIONS, query, organization_id=found["id"])
