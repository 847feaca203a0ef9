"""The API keys' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.keys import KeyEnded
from app.access.last_admin import LastAdmin
from app.accounts.api_keys import queries, service
from app.accounts.api_keys.schemas import (
    ApiKeyCreate,
    ApiKeyIssued,
    ApiKeyQuery,
    ApiKeyRead,
    ApiKeyRotation,
    PrincipalKeyCreate,
)
from app.accounts.errors import BeyondOwnRights, InvalidPeriod, PrincipalInactive
from app.accounts.scope import managed_paths
from app.errors import NotFound
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.schemas import Page

_PATH = "/v1/api-keys"
router = APIRouter(prefix=_PATH, tags=["accounts"])
principal_keys = APIRouter(prefix="/v1/principals", tags=["accounts"])


@router.get("", response_model=Page[ApiKeyRead], responses=problems(NotFound))
async def list_api_keys(context: ContextDep, query: Annotated[ApiKeyQuery, Query()]) -> Response:
    """List API keys.

    Use it to find keys to rotate, revoke or take over: those that were not used for long, that expire soon, or that
    somebody made who is about to leave (`maker_id`). Revoked and expired
    keys are included. Only keys whose principal belongs to an organization where you are an admin are listed; secrets
    are not stored. With `subtree` it lists those of one organization and everything below it; the answer is 404 if that
    organization is not visible to you, and 403 if you are no admin there.
    """
    within = await managed_paths(context, context.principal, "listApiKeys", query.subtree)
    return await page(context, queries.LIST, query, visible=within)


@router.post(
    "",
    status_code=201,
    response_model=ApiKeyIssued,
    responses=problems(NotFound, BeyondOwnRights, InvalidPeriod),
)
async def create_api_key(context: ContextDep, body: ApiKeyCreate) -> Response:
    """Create an API key for a role on an organization.

    The answer shows the key, this once: keep it, because only its hash is stored. You are its maker: it is refused
    when you leave, unless another admin takes it over. A machine that belongs to the
    organization is made with it and gets the role. You need to be an admin there. The key may not outlast your own
    role, and if you call with a key, it may not outlast that key or work outside of its networks (403
    `beyond_own_rights`). The answer is 404 if the organization is not visible to you. If the answer is lost, repeating
    the request with its `Idempotency-Key` does not show the key again; rotate it.
    """
    return await write(context, service.create, body)


@router.get("/{api_key_id}", response_model=ApiKeyRead)
async def get_api_key(context: ContextDep, api_key_id: UUID) -> Response:
    """Read one API key.

    Use it to show when a key was used or rotated, or to get the `ETag` that revoking needs. The answer is 404 if it
    does not exist or the organization of its principal is not visible to you.
    """
    return show(context, await queries.get_api_key(context, api_key_id))


@router.post(
    "/{api_key_id}/rotation",
    response_model=ApiKeyIssued,
    responses=problems(BeyondOwnRights, KeyEnded, PrincipalInactive),
)
async def rotate_api_key(context: ContextDep, api_key_id: UUID, body: ApiKeyRotation) -> Response:
    """Give an API key a new secret.

    The answer shows the new key, this once. The present secret works until the overlap ends, so that its holder has
    time to change it; with an overlap of 0 all former secrets end at once. Id, roles, expiry and networks
    stay. You become the maker of the new secret; the former one keeps its maker, and is refused if that person has
    left. You need to be an admin of everything that the principal may do, and the key may neither outlast your own role
    nor be better than the key you call with; a former secret cannot rotate its own key (403 `beyond_own_rights`). A
    revoked or expired key cannot be rotated (409).
    """
    return await write(context, service.rotate, api_key_id, body)


@router.post(
    "/{api_key_id}/adoption",
    response_model=ApiKeyRead,
    responses=problems(BeyondOwnRights, KeyEnded, PrincipalInactive),
)
async def adopt_api_key(context: ContextDep, api_key_id: UUID) -> Response:
    """Take over an API key that somebody else made.

    Use it when the maker of a key leaves, so that the machines which use the key can go on: a key is refused with 401
    `key_maker_left` as soon as its maker has left. You become its maker, and the key, its roles and its networks stay.
    If you call with the key of a machine, its maker becomes the maker of this one too. Former secrets of a rotation
    keep their makers. Who left may still know the secret: rotate the key, or revoke it if nobody needs it. You need to
    be able to rotate the key (403 `beyond_own_rights`). A revoked or expired key cannot be taken over (409). A second
    call changes nothing.
    """
    return await write_and_read(context, queries.get_api_key, service.adopt, api_key_id)


@router.delete(
    "/{api_key_id}", status_code=204, response_class=Response, responses=problems(LastAdmin), openapi_extra=IF_MATCH
)
async def revoke_api_key(context: ContextDep, api_key_id: UUID) -> Response:
    """Revoke an API key.

    Use it when a key is no longer needed or may have leaked. Within a second every process refuses all of its secrets;
    this cannot be undone. The key stays in the list. Send the `ETag` you read in `If-Match`, or `*`. You may revoke the
    key you call with. The last working key of the last admin of the whole tenant cannot be revoked (409 `last_admin`).
    """
    return await write(context, service.revoke, api_key_id)


@principal_keys.post(
    "/{principal_id}/api-keys",
    status_code=201,
    response_model=ApiKeyIssued,
    responses=problems(BeyondOwnRights, InvalidPeriod, PrincipalInactive),
    openapi_extra={"x-created-in": _PATH},
)
async def create_principal_key(context: ContextDep, principal_id: UUID, body: PrincipalKeyCreate) -> Response:
    """Create a further API key for a principal.

    Use it for a person, or for a machine with several roles or several instances. The answer shows the key, this once.
    The key opens everything that the principal may do, now and later. So you need to be an admin of all that, and the
    key may not outlast your own role or be better than the key you call with (403 `beyond_own_rights`). The answer is
    404 if the principal does not exist or its organization is not visible to you, and 409 if it is deactivated.
    """
    return await write(context, service.create_for_principal, principal_id, body)
