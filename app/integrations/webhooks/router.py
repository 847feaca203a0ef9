"""The webhooks' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.accounts.scope import managed_paths
from app.errors import NotFound
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.integrations.webhooks import queries, service
from app.integrations.webhooks.errors import RightNotStored, TooManyWebhooks, WebhookAddressRefused
from app.integrations.webhooks.schemas import (
    WebhookCreate,
    WebhookDeliveryQuery,
    WebhookDeliveryRead,
    WebhookIssued,
    WebhookPatch,
    WebhookQuery,
    WebhookRead,
)
from app.schemas import Page
from app.tree.archived import OrganizationArchived

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


@router.get("", response_model=Page[WebhookRead], responses=problems(NotFound))
async def list_webhooks(context: ContextDep, query: Annotated[WebhookQuery, Query()]) -> Response:
    """List webhooks.

    Use it to see which endpoints get events, and which of them fail. Only webhooks of organizations where you may
    create one are listed; secrets are never shown again. With `subtree` it lists those of one organization and
    everything below it; the answer is 404 if that organization is not visible to you, and 403 if you may create none
    there.
    """
    within = await managed_paths(context, context.principal, "listWebhooks", query.subtree)
    return await page(context, queries.LIST, query, visible=within)


@router.post(
    "",
    status_code=201,
    response_model=WebhookIssued,
    responses=problems(NotFound, OrganizationArchived, RightNotStored, TooManyWebhooks, WebhookAddressRefused),
)
async def create_webhook(context: ContextDep, body: WebhookCreate) -> Response:
    """Create a webhook.

    Events of the organization and of everything below it are then sent to your endpoint by POST, in the form of the
    feed, from now on. The answer shows the secret that signs them, this once. The endpoint never gets more than you
    can read: your roles, and the key you call with, are checked again whenever something is sent, and the webhook is
    disabled when you may no longer have it. So the role must be granted here and not come from a sign-in (403
    `right_not_stored`). The answer is 404 if the organization is not visible to you, 409 if it is archived, and 422 if
    the service does not send to the address. If the answer is lost, repeating the request with its `Idempotency-Key`
    does not show the secret again; give the webhook a new one.
    """
    return await write(context, service.create, body, context.app_state.settings.outgoing_networks)


@router.get("/{webhook_id}", response_model=WebhookRead)
async def get_webhook(context: ContextDep, webhook_id: UUID) -> Response:
    """Read one webhook.

    Use it to see whether it is enabled and works, or to get the `ETag` that a change needs. The answer is 404 if it
    does not exist or its organization is not visible to you.
    """
    return show(context, await queries.get_webhook(context, webhook_id))


@router.patch(
    "/{webhook_id}", response_model=WebhookRead, responses=problems(WebhookAddressRefused), openapi_extra=IF_MATCH
)
async def update_webhook(context: ContextDep, webhook_id: UUID, body: WebhookPatch) -> Response:
    """Change a webhook.

    Use it to send events to another URL, to choose other types, or to disable it for a while. While it is disabled
    nothing is sent; what happened meanwhile is sent when it is enabled again, as far as the feed still has it. The same
    enables a webhook that was disabled because the endpoint was gone or failed for days. The principal that created it
    may change it as long as it could create one there; others need the role. Send the `ETag` you read in `If-Match`.
    """
    networks = context.app_state.settings.outgoing_networks
    return await write_and_read(context, queries.get_webhook, service.patch, webhook_id, body, networks)


@router.delete("/{webhook_id}", status_code=204, response_class=Response, openapi_extra=IF_MATCH)
async def delete_webhook(context: ContextDep, webhook_id: UUID) -> Response:
    """Delete a webhook.

    Its secrets, its log and what waits to be sent are deleted with it. An event that is being sent at this moment may
    still arrive. To stop it for a while, disable it. Send the `ETag` you read in `If-Match`, or `*`.
    """
    return await write(context, service.remove, webhook_id)


@router.get("/{webhook_id}/deliveries", response_model=Page[WebhookDeliveryRead])
async def list_webhook_deliveries(
    context: ContextDep, webhook_id: UUID, query: Annotated[WebhookDeliveryQuery, Query()]
) -> Response:
    """List the attempts to deliver events.

    Use it to find out why an endpoint did not get an event: each attempt is listed with its outcome, the newest first.
    The bodies that were sent and answered are not kept. Attempts are listed for as long as `FA_WEBHOOK_LOG_DAYS` says.
    The answer is 404 if the webhook does not exist or its organization is not visible to you.
    """
    await queries.require_for_deliveries(context, webhook_id)
    return await page(context, queries.DELIVERIES, query, webhook_id=webhook_id)
