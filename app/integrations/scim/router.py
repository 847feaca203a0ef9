"""The routes of SCIM tokens."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.policy import require_everywhere
from app.accounts.errors import BeyondOwnRights, InvalidPeriod
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write
from app.integrations.scim import queries, service
from app.integrations.scim.errors import TooManyScimTokens
from app.integrations.scim.schemas import ScimTokenCreate, ScimTokenIssued, ScimTokenQuery, ScimTokenRead
from app.schemas import Page

router = APIRouter(prefix="/v1/scim-tokens", tags=["accounts"])


@router.get("", response_model=Page[ScimTokenRead])
async def list_scim_tokens(context: ContextDep, query: Annotated[ScimTokenQuery, Query()]) -> Response:
    """List SCIM tokens.

    Use it to find the token to revoke after a rotation, the one whose `last_used_at` stands still, or one that expires
    soon. Revoked and expired tokens are
    included; secrets are not stored. You need the admin role on the root organization.
    """
    require_everywhere(context.principal, "listScimTokens")
    return await page(context, queries.LIST, query)


@router.post(
    "",
    status_code=201,
    response_model=ScimTokenIssued,
    responses=problems(BeyondOwnRights, InvalidPeriod, TooManyScimTokens),
)
async def create_scim_token(context: ContextDep, body: ScimTokenCreate) -> Response:
    """Create a SCIM token.

    Paste it into your identity provider, which then calls `/scim/v2` with it: it creates, changes and deactivates
    people of the whole tenant, and can do nothing else. The answer shows the token, this once: only its hash is stored.
    Two tokens can work at the same time, so that you can replace one without a pause: create the second, paste it, wait
    until `last_used_at` of the first stands still, and revoke the first (409 where two work already). You need the
    admin role on the root organization, and the token may not outlast your own role or key, nor work from elsewhere
    (403 `beyond_own_rights`).
    """
    return await write(context, service.create, body)


@router.get("/{scim_token_id}", response_model=ScimTokenRead)
async def get_scim_token(context: ContextDep, scim_token_id: UUID) -> Response:
    """Read one SCIM token.

    Use it to see when a token expires, or to get the `ETag` that revoking needs. The answer is 404 if it does not
    exist. You need the admin role on the root organization.
    """
    return show(context, await queries.get_scim_token(context, scim_token_id))


@router.delete("/{scim_token_id}", status_code=204, response_class=Response, openapi_extra=IF_MATCH)
async def revoke_scim_token(context: ContextDep, scim_token_id: UUID) -> Response:
    """Revoke a SCIM token.

    Use it when another token is in place, or when this one may have leaked. Within a second every process refuses it;
    this cannot be undone. People stay as they are. The token stays in the list. Send the `ETag` you read in `If-Match`,
    or `*`. You need the admin role on the root organization.
    """
    return await write(context, service.revoke, scim_token_id)
