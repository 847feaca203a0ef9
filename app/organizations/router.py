"""The organizations' routes."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.db.errors import AlreadyExists, InUse
from app.errors import InvalidTransition, NotFound
from app.http.context import ContextDep
from app.http.needs import Needs, needs
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show_rendered
from app.http.write import put_and_read, write, write_and_read
from app.organizations import move_service, queries, service, upsert_service
from app.organizations.errors import (
    AlreadyThere,
    ExternalIdTaken,
    HasChildren,
    MovedOnInFuture,
    MovedOnTooEarly,
    NotMaintained,
    OrganizationCycle,
    RootOrganization,
    TooDeep,
    UnknownOrganization,
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
from app.schemas import Key, Name, Page
from app.tree.archived import OrganizationArchived
from app.tree.clock import UnknownTimezone
from app.tree.paths import after
from app.tree.places import TreeBusy

router = APIRouter(prefix="/v1/organizations", tags=["organizations"])
# A change of a large subtree works through it in batches; nobody waits for it but its caller.
_LARGE = needs(Needs(seconds=120))
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


@router.get("", response_model=Page[OrganizationRead], responses=problems(NotFound))
async def list_organizations(context: ContextDep, query: Annotated[OrganizationQuery, Query()]) -> Response:
    """List the organizations in sight.

    Use it to find organizations by name, kind, status or external id. With `subtree` it lists one organization and
    everything below it, in the list's order; an organization out of sight is 404.
    """
    within = await queries.visible_paths(context, context.principal, query.subtree)
    return await page(context, queries.LIST, query, scopes=within, caller=queries.caller(context.principal))


@router.post(
    "",
    status_code=201,
    response_model=OrganizationRead,
    responses=problems(
        NotFound, OrganizationArchived, ExternalIdTaken, AlreadyExists, NotMaintained, TooDeep, UnknownTimezone
    ),
)
async def create_organization(context: ContextDep, body: OrganizationCreate) -> Response:
    """Create an organization below another.

    Roles granted above it count in it at once. Neither the parent nor an organization above it may be archived, and
    at most 64 levels lie below the root. An admin creates anywhere in its subtree. An integrator creates below an
    organization that an admin linked to an external source, with external ids of that organization's sources only.
    """
    return await write_and_read(context, queries.get_organization, service.create, body)


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
            NotMaintained,
            RootOrganization,
            TooDeep,
            TreeBusy,
            UnknownOrganization,
            UnknownTimezone,
        ),
    },
    openapi_extra=_CONDITIONS,
)
@_LARGE
async def upsert_organization(
    context: ContextDep, source: Key, external_id: Name, body: OrganizationUpsert
) -> Response:
    """Create or update the organization that has an external id.

    Use it to keep the tree in step with another system: send each organization as that system knows it, parents
    first. An unknown external id creates an organization; a known one changes what differs, and another parent moves
    it today. Nothing that differs means nothing is written. An integrator may do here what it may do by POST, PATCH
    and move, and no more: a new organization needs a parent linked to this source, and a move needs both parents
    linked to a source of the organization.
    """
    name = ExternalId(source=source, external_id=external_id)
    return await put_and_read(
        context, queries.get_organization, upsert_service.upsert, name, body, invalidate=context.app_state.invalidate
    )


@router.get("/{organization_id}", response_model=OrganizationRead)
async def get_organization(context: ContextDep, organization_id: UUID) -> Response:
    """Read one organization.

    `effective_timezone` and `archived_by_id` show what it has from the organizations above it.
    """
    return show_rendered(context, await queries.get_organization(context, organization_id))


@router.patch(
    "/{organization_id}",
    response_model=OrganizationRead,
    responses=problems(ExternalIdTaken, NotMaintained, TreeBusy, UnknownTimezone),
    openapi_extra=IF_MATCH,
)
@_LARGE
async def update_organization(context: ContextDep, organization_id: UUID, body: OrganizationPatch) -> Response:
    """Change an organization.

    `external_ids` replaces all of them; giving one of a new source links the organization to that source, which only
    an admin may. An integrator changes linked organizations, and their external ids within the sources that are linked
    already. A new time zone counts for everything below that names none.
    """
    return await write_and_read(context, queries.get_organization, service.patch, organization_id, body)


@router.delete(
    "/{organization_id}",
    status_code=204,
    response_class=Response,
    responses=problems(HasChildren, InUse, RootOrganization, TreeBusy),
    openapi_extra=IF_MATCH,
)
async def delete_organization(context: ContextDep, organization_id: UUID) -> Response:
    """Delete an organization that nothing refers to.

    It must have nothing below it, and no program, implementation, assessment, person or action item. Roles granted
    on it go with it. Archive it where its history counts.
    """
    return await write(context, service.remove, organization_id)


@router.post(
    "/{organization_id}/transitions",
    response_model=OrganizationRead,
    responses=problems(InvalidTransition, RootOrganization, TreeBusy),
    openapi_extra=IF_MATCH,
)
@_LARGE
async def transition_organization(context: ContextDep, organization_id: UUID, body: OrganizationTransition) -> Response:
    """Archive an organization, or restore it.

    An archived organization and everything below it take nothing new; what runs there may end. Restoring it restores
    what is below, except what was archived itself.
    """
    return await write_and_read(context, queries.get_organization, service.transition, organization_id, body)


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
        NotMaintained,
        RootOrganization,
        TooDeep,
        TreeBusy,
        UnknownOrganization,
    ),
    openapi_extra=IF_MATCH,
)
@_LARGE
async def move_organization(context: ContextDep, organization_id: UUID, body: OrganizationMoveCreate) -> Response:
    """Move an organization, with everything below it, below another parent.

    Roles count at the new place at once. Implementations keep their programs, and the moved subtree follows the new
    parent's time zone where it names none. Only the moved organization gets a new version. A subtree of 100,000
    organizations takes some seconds; others write meanwhile, and a second large change of the tree is refused with
    `tree_busy`. An integrator moves between parents that an admin linked to the same source.
    """
    return await write_and_read(
        context,
        queries.get_organization,
        move_service.move,
        organization_id,
        body,
        invalidate=context.app_state.invalidate,
    )


@router.get("/{organization_id}/moves", response_model=Page[OrganizationMoveRead])
async def list_organization_moves(
    context: ContextDep, organization_id: UUID, query: Annotated[OrganizationMoveQuery, Query()]
) -> Response:
    """List an organization's own moves; those of organizations above it are listed there."""
    found = await queries.row_of(context, context.principal, organization_id)
    return await page(context, queries.TRANSITIONS, query, organization_id=found["id"])
