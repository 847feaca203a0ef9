"""The people's routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.subtrees import visible_paths
from app.db.errors import InUse
from app.errors import NotFound
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.organizations.errors import UnknownOrganization
from app.people import queries, service
from app.people.schemas import PersonCreate, PersonPatch, PersonQuery, PersonRead
from app.schemas import Page
from app.tree.archived import OrganizationArchived

router = APIRouter(prefix="/v1/people", tags=["people"])


@router.get("", response_model=Page[PersonRead], responses=problems(NotFound))
async def list_people(context: ContextDep, query: Annotated[PersonQuery, Query()]) -> Response:
    """List people.

    Use it to find the person to name as owner of an action item or on a seat. Only people of organizations you can
    read are listed; inactive people are included unless you send `active=true`. With `subtree` it lists those of one
    organization and everything below it; the answer is 404 if that organization is not visible to you.
    """
    within = await visible_paths(context, context.principal, query.subtree)
    return await page(context, queries.LIST, query, visible=within)


@router.post("", status_code=201, response_model=PersonRead, responses=problems(NotFound, OrganizationArchived))
async def create_person(context: ContextDep, body: PersonCreate) -> Response:
    """Add a person to an organization.

    A person can own action items, verify them and be named on seats; a person has no credentials. Send no more
    personal data than that needs. The answer is 404 if the organization is not visible to you, and 409 if it or an
    organization above it is archived. Two people may have the same name.
    """
    return await write_and_read(context, queries.get_person, service.create, body)


@router.get("/{person_id}", response_model=PersonRead)
async def get_person(context: ContextDep, person_id: UUID) -> Response:
    """Read one person.

    Use it to show a person, or to get the `ETag` that a change needs. The answer is 404 if the person does not exist
    or their organization is not visible to you.
    """
    return show(context, await queries.get_person(context, person_id))


@router.patch(
    "/{person_id}",
    response_model=PersonRead,
    responses=problems(OrganizationArchived, UnknownOrganization),
    openapi_extra=IF_MATCH,
)
async def update_person(context: ContextDep, person_id: UUID, body: PersonPatch) -> Response:
    """Change a person, or move them to another organization.

    Send only the fields to change, with the `ETag` you read in `If-Match`. Set `active` to false when the person
    leaves: what they own and did stays, and they can be named nowhere new. Another `organization_id` moves the
    person; you need the role at both organizations, and the new one must be visible to you (422) and not archived
    (409).
    """
    return await write_and_read(context, queries.get_person, service.patch, person_id, body)


@router.delete(
    "/{person_id}", status_code=204, response_class=Response, responses=problems(InUse), openapi_extra=IF_MATCH
)
async def delete_person(context: ContextDep, person_id: UUID) -> Response:
    """Delete a person whom nothing refers to.

    Use it to remove a person added by mistake, or on request of that person. Action items and seats that name the
    person prevent it with 409; set `active` to false instead. Stored answers to repeatable requests lose the person's
    data too, and the audit trail their names.
    """
    return await write(context, service.remove, person_id)
