"""The people's routes."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.last_admin import LastAdmin
from app.access.subtrees import visible_paths
from app.db.errors import InUse
from app.errors import NotFound
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import put_and_read, write, write_and_read
from app.organizations.errors import UnknownOrganization
from app.organizations.schemas import ExternalId
from app.people import queries, service, upsert_service
from app.people.errors import (
    LeftBeforeHired,
    ManagerCycle,
    PersonErased,
    PersonExternalIdTaken,
    PersonMerged,
    UnknownManager,
)
from app.people.schemas import (
    FormerEmploymentQuery,
    FormerEmploymentRead,
    PersonCreate,
    PersonPatch,
    PersonQuery,
    PersonRead,
    PersonUpsert,
)
from app.schemas import Key, Name, Page
from app.tree.archived import OrganizationArchived

router = APIRouter(prefix="/v1/people", tags=["people"])
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


@router.get("", response_model=Page[PersonRead], responses=problems(NotFound))
async def list_people(context: ContextDep, query: Annotated[PersonQuery, Query()]) -> Response:
    """List people.

    Use it to find the person to name as owner of an action item or on a seat. Only people of organizations you can
    read are listed; inactive people are included unless you send `active=true`. With `subtree` it lists those of one
    organization and everything below it; the answer is 404 if that organization is not visible to you.

    E-mail address, employment and external ids are null unless you have a role that may change the person. The
    filters by them find only people whose details you may see.
    """
    principal = context.principal
    within = await visible_paths(context, principal, query.subtree)
    arguments = queries.caller_arguments(principal)
    return await page(context, queries.list_for(principal), query, visible=within, caller=arguments)


@router.post(
    "",
    status_code=201,
    response_model=PersonRead,
    responses=problems(NotFound, LeftBeforeHired, OrganizationArchived, PersonExternalIdTaken, UnknownManager),
)
async def create_person(context: ContextDep, body: PersonCreate) -> Response:
    """Add a person to an organization.

    A person can own action items, verify them and be named on seats; a person has no credentials. Send no more
    personal data than that needs. The answer is 404 if the organization is not visible to you, and 409 if it or an
    organization above it is archived. Two people may have the same name, and share an e-mail address. An external id
    belongs to one person: the answer is 409 if another one has it. A manager must be visible to you (422).
    """
    return await write_and_read(context, queries.get_person, service.create, body)


# An external id may hold slashes, so it takes the rest of the path.
@router.put(
    "/by-external-id/{source}/{external_id:path}",
    response_model=PersonRead,
    responses={
        201: {"model": PersonRead, "description": "The person was created."},
        **problems(
            LastAdmin,
            LeftBeforeHired,
            ManagerCycle,
            OrganizationArchived,
            PersonExternalIdTaken,
            UnknownManager,
            UnknownOrganization,
        ),
    },
    openapi_extra=_CONDITIONS,
)
async def upsert_person(context: ContextDep, source: Key, external_id: Name, body: PersonUpsert) -> Response:
    """Create or update the person who has an external id.

    Use it to keep people in step with an HR system: send each person as that system knows them, managers first. An
    unknown external id adds a person. A known one changes what differs, and another organization moves the person. If
    nothing differs, nothing is written. Send `employment_status` `left` when a person leaves, and `active` with the
    new `hired_on` when they come back: they stay the same person, and the former employment is kept. The rules are
    those of adding and changing a person: the last admin of the tenant cannot leave (409 `last_admin`). The answer is
    409 if a person who is not visible to you has the external id.
    """
    name = ExternalId(source=source, external_id=external_id)
    return await put_and_read(context, queries.get_person, upsert_service.upsert, name, body)


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
    responses=problems(
        LastAdmin,
        LeftBeforeHired,
        ManagerCycle,
        OrganizationArchived,
        PersonErased,
        PersonExternalIdTaken,
        PersonMerged,
        UnknownManager,
        UnknownOrganization,
    ),
    openapi_extra=IF_MATCH,
)
async def update_person(context: ContextDep, person_id: UUID, body: PersonPatch) -> Response:
    """Change a person, or move them to another organization.

    Send only the fields to change, with the `ETag` you read in `If-Match`. Set `active` to false, or
    `employment_status` to `left`, when the person leaves: what they own and did stays, they can be named nowhere new,
    and an event names each unfinished action item that they own. A person who comes back keeps the former employment
    in their history, unless you send its own `hired_on` again to correct a mistake. Another `organization_id` moves
    the person; you need the role at both organizations, and the new one must be visible to you (422) and not archived
    (409). `external_ids` replaces the whole list; 409 if another person has one of them. A manager must be visible to
    you, and must not be managed by this person (422). A person who was merged with another, or erased,
    is not changed (409). Somebody who leaves has no access any more: their sign-ins and seats, the keys of their
    principal and the keys they made are refused within a second. The last admin of the tenant cannot leave (409
    `last_admin`).
    """
    return await write_and_read(context, queries.get_person, service.patch, person_id, body)


@router.delete(
    "/{person_id}", status_code=204, response_class=Response, responses=problems(InUse), openapi_extra=IF_MATCH
)
async def delete_person(context: ContextDep, person_id: UUID) -> Response:
    """Delete a person whom nothing refers to.

    Use it to remove a person added by mistake. Action items, seats and principals that name the person, keys that they
    made and people whom they manage, prevent it with 409: set `active` to false where the person has left, and erase
    the person where nothing is to say any more who it was. Stored answers to repeatable requests lose the person's data
    too, and the audit trail their names.
    """
    return await write(context, service.remove, person_id)


@router.get("/{person_id}/former-employments", response_model=Page[FormerEmploymentRead])
async def list_former_employments(
    context: ContextDep, person_id: UUID, query: Annotated[FormerEmploymentQuery, Query()]
) -> Response:
    """List the former employments of a person, oldest first.

    Use it to read the history of a person who left and was hired again; the person itself holds the present or last
    employment. It takes a role that may change the person (403). The answer is 404 if the person does not exist or
    their organization is not visible to you.
    """
    found = await queries.require_person(context, person_id, "listFormerEmployments")
    return await page(context, queries.FORMER_EMPLOYMENTS, query, person_id=found)
