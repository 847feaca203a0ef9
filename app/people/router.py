"""The people's routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.db.errors import InUse
from app.errors import NotFound
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write
from app.organizations.errors import UnknownOrganization
from app.organizations.queries import visible_paths
from app.people import queries, service
from app.people.schemas import PersonCreate, PersonPatch, PersonQuery, PersonRead
from app.schemas import Page
from app.tree.archived import OrganizationArchived

router = APIRouter(prefix="/v1/people", tags=["people"])


@router.get("", response_model=Page[PersonRead], responses=problems(NotFound))
async def list_people(context: ContextDep, query: Annotated[PersonQuery, Query()]) -> Response:
    """List the people of the organizations in sight.

    With `subtree` it lists those of one organization and everything below it; one out of sight is 404.
    """
    within = await visible_paths(context, context.principal, query.subtree)
    return await page(context, queries.LIST, query, scopes=within)


@router.post("", status_code=201, response_model=PersonRead, responses=problems(NotFound, OrganizationArchived))
async def create_person(context: ContextDep, body: PersonCreate) -> Response:
    """Add a person to an organization."""
    return await write(context, service.create, body)


@router.get("/{person_id}", response_model=PersonRead)
async def get_person(context: ContextDep, person_id: UUID) -> Response:
    """Read one person."""
    return show(context, await queries.get(context, context.principal, person_id))


@router.patch(
    "/{person_id}",
    response_model=PersonRead,
    responses=problems(OrganizationArchived, UnknownOrganization),
    openapi_extra=IF_MATCH,
)
async def update_person(context: ContextDep, person_id: UUID, body: PersonPatch) -> Response:
    """Change a person, or move them to another organization."""
    return await write(context, service.patch, person_id, body)


@router.delete(
    "/{person_id}", status_code=204, response_class=Response, responses=problems(InUse), openapi_extra=IF_MATCH
)
async def delete_person(context: ContextDep, person_id: UUID) -> Response:
    """Delete a person whom nothing names."""
    return await write(context, service.remove, person_id)
