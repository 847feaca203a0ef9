"""The webhooks' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.accounts.scope import managed_paths
from app.errors import InvalidCursor, NotFound
from app.feed.errors import EventsExpired
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.integrations.errors import RightNotStored
from app.integrations.webhooks import queries, resending_service, secrets_service, service
from app.integrations.webhooks.errors import (
    ReplayRunning,
    TooManyWebhooks,
    WebhookAddressRefused,
    WebhookIsDisabled,
)
from app.integrations.webhooks.schemas import (
    WebhookCreate,
    WebhookDeliveryQuery,
    WebhookDeliveryRead,
    WebhookIssued,
    WebhookPatch,
    WebhookQuery,
    WebhookRead,
    WebhookReplay,
    WebhookRotation,
    WebhookTest,
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

    Its secrets and what waits to be sent are deleted with it. Its log can no longer be read, and is deleted within
    hours. An event that is being sent at this moment may
    still arrive. To stop it for a while, disable it. Send the `ETag` you read in `If-Match`, or `*`.
    """
    return await write(context, service.remove, webhook_id)


@router.post("/{webhook_id}/secret", response_model=WebhookIssued)
async def rotate_webhook_secret(context: ContextDep, webhook_id: UUID, body: WebhookRotation) -> Response:
    """Give a webhook a new secret.

    The answer shows the new secret, this once. Until the overlap ends messages carry a signature of each secret, so
    that the receiver has time to change. At most two secrets sign: an earlier one ends at once. With an overlap of 0
    the present one does too, which is right where it may have leaked. The principal that created the webhook may do
    this as long as it could create one there; others need the role.
    """
    return await write(context, secrets_service.rotate, webhook_id, body)


@router.delete("/{webhook_id}/former-secret", status_code=204, response_class=Response)
async def revoke_former_webhook_secret(context: ContextDep, webhook_id: UUID) -> Response:
    """Revoke the former secret of a webhook.

    Use it after a rotation, when the receiver knows the new secret: messages are then signed with that alone, before
    the overlap ends. Where there is no former secret, nothing changes. A message that is being sent at this moment may
    still carry both signatures.
    """
    return await write(context, secrets_service.revoke_former, webhook_id)


@router.post("/{webhook_id}/test", status_code=202, response_model=WebhookTest, responses=problems(WebhookIsDisabled))
async def test_webhook(context: ContextDep, webhook_id: UUID) -> Response:
    """Send a test event to a webhook.

    Use it to try an endpoint: an event of the type `webhook.tested` is recorded, and sent to this webhook alone,
    whatever types it chose. The answer names the event; the log of deliveries shows within seconds what came of it. The
    answer is 409 if the webhook is disabled.
    """
    return await write(context, resending_service.test, webhook_id)


@router.post(
    "/{webhook_id}/replay",
    status_code=202,
    response_model=WebhookRead,
    responses=problems(WebhookIsDisabled, ReplayRunning, InvalidCursor, EventsExpired),
)
async def replay_webhook(context: ContextDep, webhook_id: UUID, body: WebhookReplay) -> Response:
    """Send events to a webhook again.

    Use it after the receiver lost events, or when messages were given up. Events of the part of the feed that you name
    are sent under the ids they had, so that a receiver can drop those it knows; the webhook's types, its subtree and
    what its creator can read now decide which. Events about one thing keep their order among themselves, and come
    before later ones that still wait. The answer is 409 if the webhook is disabled or a replay has not ended, and 410
    if events behind `after` are no longer kept.
    """
    return await write_and_read(context, queries.get_webhook, resending_service.replay, webhook_id, body)


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
