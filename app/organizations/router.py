"""The organizations' routes."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.subtrees import visible_paths
from app.db.errors import AlreadyExists, InUse
from app.errors import InvalidTransition, NotFound
from app.http.context import ContextDep
from app.http.needs import LONGEST_SECONDS, Needs, needs
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
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
_LARGE = needs(Needs(seconds=LONGEST_SECONDS))
_CONDITIONS: dict[str, Any] = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "Update only, and only this version. Absent: create, or update the present version.",
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
    """List organizations.

    Use it to find organizations by name, kind, status or external id. The list contains every organization on which you
    have a role that can read, and everything below it. With `subtree` it lists one organization and everything below
    it; the answer is 404 if that organization is not visible to you. Archived organizations are included; filter with
    `status`.
    """
    within = await visible_paths(context, context.principal, query.subtree)
    return await page(context, queries.LIST, query, visible=within, caller=queries.caller_arguments(context.principal))


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

    Use it to extend the tree. Roles granted above the new organization apply to it at once. The answer is 409 if the
    parent or an organization above it is archived, or if another organization has one of the external ids. It is 422
    below the deepest level, 64 levels below the root. An admin creates anywhere in its subtree. An integrator creates
    only below an organization that an admin linked to an external source, with external ids of that organization's
    sources.
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
    first. An unknown external id creates an organization. A known one changes what differs, and another parent moves
    it today. If nothing differs, nothing is written. The rules are those of creating, changing and moving: an
    integrator needs a new organization's parent linked to this source, and for a move both parents linked to a source
    of the organization. The answer is 409 if an organization that is not visible to you has the external id.
    """
    name = ExternalId(source=source, external_id=external_id)
    return await put_and_read(
        context, queries.get_organization, upsert_service.upsert, name, body, invalidate=context.app_state.invalidate
    )


@router.get("/{organization_id}", response_model=OrganizationRead)
async def get_organization(context: ContextDep, organization_id: UUID) -> Response:
    """Read one organization.

    Use it to show an organization, or to get the `ETag` that a change needs. `effective_timezone` and
    `archived_by_id` show what the organization inherits from those above it. The answer is 404 if it does not exist
    or is not visible to you.
    """
    return show(context, await queries.get_organization(context, organization_id))


@router.patch(
    "/{organization_id}",
    response_model=OrganizationRead,
    responses=problems(ExternalIdTaken, NotMaintained, TreeBusy, UnknownTimezone),
    openapi_extra=IF_MATCH,
)
@_LARGE
async def update_organization(context: ContextDep, organization_id: UUID, body: OrganizationPatch) -> Response:
    """Change an organization.

    Send only the fields to change, with the `ETag` you read in `If-Match`. `external_ids` replaces the whole list.
    The first external id of a source links the organization to that source, which only an admin may do. An integrator
    changes linked organizations only, and keeps the sources they are linked to. A new time zone applies to every
    organization below that has none. The answer is 409 if another organization has one of the external
    ids, or if a new time zone meets another large change of the tree.
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

    Use it to remove an organization created by mistake, and archive it where its history counts. The answer is 409
    while another organization is below it or ever moved away from it, or while a program, implementation, assessment,
    person, action item or figure of a metric refers to it. Its external ids and the roles granted on it are deleted
    too, each role with an event and an audit row. The principals that belong to it belong to its parent from then on.
    The root organization cannot be deleted.
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

    Archive an organization that has closed or merged. It and everything below it keep their history and accept
    nothing new; assessments and action items in progress there can still be finished. Restoring it restores
    everything below, except organizations that were archived themselves. The answer is 409 for the root, if the
    organization already has this status, or if another large change of the tree is in progress.
    """
    return await write_and_read(context, queries.get_organization, service.transition, organization_id, body)


@router.get("/{organization_id}/descendants", response_model=Page[OrganizationRead])
async def list_organization_descendants(
    context: ContextDep, organization_id: UUID, query: Annotated[DescendantQuery, Query()]
) -> Response:
    """List everything below an organization, parents before children.

    Use it to copy or draw a subtree: every row's parent comes before it. `max_depth=1` lists the children only. The
    organization itself is not included. The answer is 404 if it does not exist or is not visible to you.
    """
    top = await queries.require_organization_row(context, context.principal, organization_id)
    return await page(
        context,
        queries.DESCENDANTS,
        query,
        caller=queries.caller_arguments(context.principal),
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
    """Move an organization, with everything below it, to another parent.

    You need the role at the organization and at the new parent. An integrator moves only between parents that an
    admin linked to the same source as the organization. Roles granted above the new parent apply at once, and those
    above the old one no longer do. Implementations keep their programs. Organizations without a time zone follow the
    new parent's. Only the moved organization gets a new version. The new parent must not be archived, nor lie in the
    moved subtree. Moving 100,000 organizations takes some seconds; other writes continue, and a second large change
    of the tree gets 409 `tree_busy`.
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
    """List the moves of an organization, oldest first.

    Use it to see where the organization was on a given day, and who moved it. The list contains the moves of this
    organization itself; when an organization above it moved, that move is in the list of that organization. The
    answer is 404 if the organization does not exist or is not visible to you.
    """
    found = await queries.require_organization_row(context, context.principal, organization_id)
    return await page(context, queries.TRANSITIONS, query, organization_id=found["id"])
