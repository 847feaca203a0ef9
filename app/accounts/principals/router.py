"""The principals' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.last_admin import LastAdmin
from app.accounts.errors import BeyondOwnRights, PersonHasPrincipal, PersonOfMachine, PersonSignsIn, UnknownPerson
from app.accounts.principals import queries, service
from app.accounts.principals.schemas import (
    PrincipalCreate,
    PrincipalPatch,
    PrincipalQuery,
    PrincipalRead,
    PrincipalTransition,
)
from app.accounts.scope import managed_paths
from app.errors import InvalidTransition, NotFound
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write_and_read
from app.people.errors import PersonErased
from app.schemas import Page

router = APIRouter(prefix="/v1/principals", tags=["accounts"])


@router.get("", response_model=Page[PrincipalRead], responses=problems(NotFound))
async def list_principals(context: ContextDep, query: Annotated[PrincipalQuery, Query()]) -> Response:
    """List principals.

    Use it to see which people and machines can hold roles, deactivated ones included. Only principals of organizations
    where you are an admin are listed. With `subtree` it lists those of one organization and everything below it; the
    answer is 404 if that organization is not visible to you, and 403 if you are no admin there.
    """
    within = await managed_paths(context, context.principal, "listPrincipals", query.subtree)
    return await page(context, queries.LIST, query, visible=within)


@router.post(
    "",
    status_code=201,
    response_model=PrincipalRead,
    responses=problems(NotFound, PersonErased, PersonHasPrincipal, PersonOfMachine, UnknownPerson),
)
async def create_principal(context: ContextDep, body: PrincipalCreate) -> Response:
    """Create a person or a machine that can hold roles.

    A new principal has neither roles nor keys. Grant it roles, and make keys for it, with separate requests. It
    belongs to an organization, whose admins manage it; the answer is 404 if that organization is not visible to you.
    A principal of kind `person` can name the person it stands for, who must be visible to you (422) and must not have
    another principal (409).
    """
    return await write_and_read(context, queries.get_principal, service.create, body)


@router.get("/{principal_id}", response_model=PrincipalRead)
async def get_principal(context: ContextDep, principal_id: UUID) -> Response:
    """Read one principal.

    Use it to show a principal, or to get the `ETag` that a change needs. The answer is 404 if it does not exist or its
    organization is not visible to you.
    """
    return show(context, await queries.get_principal(context, principal_id))


@router.patch(
    "/{principal_id}",
    response_model=PrincipalRead,
    responses=problems(
        BeyondOwnRights, LastAdmin, PersonErased, PersonHasPrincipal, PersonOfMachine, PersonSignsIn, UnknownPerson
    ),
    openapi_extra=IF_MATCH,
)
async def update_principal(context: ContextDep, principal_id: UUID, body: PrincipalPatch) -> Response:
    """Change a principal's name or person.

    Send only the fields to change, with the `ETag` you read in `If-Match`. A person to stand for must be visible
    to you (422) and must not have another principal (409); while the present person can sign in, the person stays
    (409). The person gets what the principal may do, so you must be able to grant all of that (403
    `beyond_own_rights`). The principal of an erased person stays as it is (409 `person_erased`), and the last admin of
    the tenant does not pass to a person who has left (409 `last_admin`). The audit trail keeps
    the former name. When the principal passes from one person to another or to nobody, the names of its keys, and its
    names from before it had a person, are erased from the trail.
    """
    return await write_and_read(context, queries.get_principal, service.patch, principal_id, body)


@router.post(
    "/{principal_id}/transitions",
    response_model=PrincipalRead,
    responses=problems(BeyondOwnRights, InvalidTransition, LastAdmin, PersonErased),
    openapi_extra=IF_MATCH,
)
async def transition_principal(context: ContextDep, principal_id: UUID, body: PrincipalTransition) -> Response:
    """Deactivate a principal, or reactivate it.

    Deactivate a principal when a person leaves or a machine is retired. Within a second every process refuses all of
    its keys. Roles and keys stay, and work again after a reactivation, unless they have ended meanwhile. To
    reactivate a principal you must be able to grant all of its roles (403 `beyond_own_rights`). The last
    principal that is an admin of the whole tenant cannot be deactivated (409 `last_admin`). The principal of an
    erased person stays deactivated (409 `person_erased`).
    """
    return await write_and_read(context, queries.get_principal, service.transition, principal_id, body)
