"""Send a test event to a webhook, and events that it got before."""

from uuid import UUID

from sqlmodel import col, select

from app.db.transaction import Tx
from app.errors import InvalidCursor
from app.events.models import EventFeed
from app.events.record import record_event
from app.feed.cursors import open_position
from app.feed.errors import EventsExpired
from app.integrations.webhooks.errors import ReplayRunning, WebhookIsDisabled
from app.integrations.webhooks.models import Webhook, WebhookCursor
from app.integrations.webhooks.schemas import WebhookReplay, WebhookTest
from app.integrations.webhooks.service import load_webhook_for


async def test(tx: Tx, webhook_id: UUID) -> WebhookTest:
    """Record an event that only this webhook gets.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there and did not create it.
        WebhookIsDisabled: it is disabled.
    """
    webhook = await _load_enabled(tx, webhook_id, "testWebhook")
    event_id = record_event(tx, "webhook.tested", webhook_id, organization_id=webhook.organization_id)
    assert event_id is not None  # noqa: S101  # the type is registered
    return WebhookTest(event_id=event_id)


async def replay(tx: Tx, webhook_id: UUID, body: WebhookReplay) -> UUID:
    """Let events of a part of the feed be sent again. Return the id of the webhook.

    What the webhook has not reached yet is sent anyway, so the part ends there at the latest.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there and did not create it.
        WebhookIsDisabled: it is disabled.
        ReplayRunning: a replay has not ended.
        InvalidCursor: a place is none of this feed, or the second lies before the first.
        EventsExpired: events behind the first place are no longer kept.
    """
    webhook = await _load_enabled(tx, webhook_id, "replayWebhook")
    cursor, feed = await _load_places(tx, webhook_id)
    if cursor.replay_until is not None:
        raise ReplayRunning("Wait until `replaying` is false.")
    purged, last = (0, 0) if feed is None else (feed.purged, feed.position)
    secret = tx.principal.tenant_secret
    after = purged if body.after is None else open_position(body.after, secret)
    until = last if body.until is None else open_position(body.until, secret)
    if not purged <= after <= last:
        raise EventsExpired("Begin at a later place of the feed.")
    if until < after:
        raise InvalidCursor("`until` lies before `after`.")
    until = min(until, cursor.position)
    if until > after:
        cursor.replay_position, cursor.replay_until = after, until
    record_event(tx, "webhook.replayed", webhook_id, organization_id=webhook.organization_id)
    return webhook_id


async def _load_enabled(tx: Tx, webhook_id: UUID, operation: str) -> Webhook:
    webhook = await load_webhook_for(tx, webhook_id, operation)
    if not webhook.enabled:
        raise WebhookIsDisabled("Enable it first.")
    return webhook


async def _load_places(tx: Tx, webhook_id: UUID) -> tuple[WebhookCursor, EventFeed | None]:
    of_webhook = col(WebhookCursor.tenant_id) == tx.tenant_id, col(WebhookCursor.webhook_id) == webhook_id
    cursor = (await tx.session.scalars(select(WebhookCursor).where(*of_webhook).with_for_update())).one()
    feed = await tx.session.get(EventFeed, tx.tenant_id)
    return cursor, feed
