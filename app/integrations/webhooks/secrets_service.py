"""Give a webhook a new secret, and end the former one."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update
from sqlmodel import col

from app.db.transaction import Tx
from app.events.record import record_event
from app.integrations.webhooks.models import WebhookSecret
from app.integrations.webhooks.schemas import WebhookIssued, WebhookRotation
from app.integrations.webhooks.service import add_secret, load_webhook_for, present_with_secret


async def rotate(tx: Tx, webhook_id: UUID, body: WebhookRotation) -> WebhookIssued:
    """Give a webhook a new secret. The present one signs as well until the overlap ends, an earlier one no more.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there and did not create it.
    """
    webhook = await load_webhook_for(tx, webhook_id, "rotateWebhookSecret")
    of_webhook = _secrets_of(tx, webhook_id)
    await tx.session.execute(delete(WebhookSecret).where(*of_webhook, col(WebhookSecret.ends_at).is_not(None)))
    if body.overlap_seconds:
        ends_at = tx.now + timedelta(seconds=body.overlap_seconds)
        await tx.session.execute(update(WebhookSecret).where(*of_webhook).values(ends_at=ends_at))
    else:
        await tx.session.execute(delete(WebhookSecret).where(*of_webhook))
    secret = add_secret(tx, webhook_id)
    tx.touch(webhook, also=True)
    record_event(
        tx,
        "webhook.secret_rotated",
        webhook_id,
        organization_id=webhook.organization_id,
        data={"overlap_seconds": body.overlap_seconds},
    )
    return await present_with_secret(tx, webhook_id, secret)


async def revoke_former(tx: Tx, webhook_id: UUID) -> None:
    """End the former secret of a webhook at once. Where there is none, this changes nothing.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there and did not create it.
    """
    webhook = await load_webhook_for(tx, webhook_id, "revokeFormerWebhookSecret")
    former = delete(WebhookSecret).where(*_secrets_of(tx, webhook_id), col(WebhookSecret.ends_at).is_not(None))
    ended = (await tx.session.execute(former.returning(col(WebhookSecret.id)))).all()
    if ended:
        tx.touch(webhook, also=True)
        record_event(tx, "webhook.secret_revoked", webhook_id, organization_id=webhook.organization_id)


def _secrets_of(tx: Tx, webhook_id: UUID) -> tuple[Any, ...]:
    return col(WebhookSecret.tenant_id) == tx.tenant_id, col(WebhookSecret.webhook_id) == webhook_id
