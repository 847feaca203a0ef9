"""Make, change and delete webhooks."""

from collections.abc import Collection
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import func, or_, update
from sqlmodel import col, select

from app.access.policy import load_organization_for
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.errors import FieldError
from app.events.record import record_event
from app.feed.queries import read_end
from app.integrations.creators import require_stored_right
from app.integrations.owned import load_owned, note_switch
from app.integrations.webhooks import queries
from app.integrations.webhooks.errors import TooManyWebhooks, WebhookAddressRefused
from app.integrations.webhooks.models import (
    DisabledReason,
    Webhook,
    WebhookCursor,
    WebhookLeftover,
    WebhookQueue,
    WebhookSecret,
)
from app.integrations.webhooks.schemas import WebhookCreate, WebhookIssued, WebhookPatch, WebhookRead
from app.integrations.webhooks.signing import new_secret, show_secret
from app.outgoing.addresses import Network, is_allowed, is_spelled_otherwise
from app.tree.archived import check_archived

#: The webhooks that a tenant may have.
MOST_WEBHOOKS: Final = 100


async def create(tx: Tx, body: WebhookCreate, networks: Collection[Network]) -> WebhookIssued:
    """Add a webhook. It gets the events from now on.

    Args:
        networks: the networks that the operator allows in addition to public addresses.

    Raises:
        NotFound: The organization does not exist, or the caller cannot see it.
        Forbidden: the caller may not create there.
        RightNotStored: the caller's role is not stored, so that it could not be checked when events are sent.
        OrganizationArchived: the organization is archived.
        WebhookAddressRefused: the service does not send to this address.
        TooManyWebhooks: the tenant has as many as are allowed.
    """
    organization = await load_organization_for(tx, body.organization_id, "createWebhook")
    check_archived(organization, "createWebhook")
    _check_address(body.url, networks)
    creator = await require_stored_right(tx, "createWebhook", organization.path)
    count = select(func.count()).select_from(Webhook).where(col(Webhook.tenant_id) == tx.tenant_id)
    if (await tx.session.scalar(count) or 0) >= MOST_WEBHOOKS:
        raise TooManyWebhooks(f"Delete one of the {MOST_WEBHOOKS} first.")
    made = Webhook(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        created_at=tx.now,
        updated_at=tx.now,
        principal_id=tx.principal.id,
        key_id=None if tx.principal.key is None else tx.principal.key.id,
        **body.model_dump(),
    )
    tx.session.add(made)
    await tx.session.flush()
    position = await read_end(tx, creator)
    tx.session.add(WebhookCursor(tenant_id=tx.tenant_id, webhook_id=made.id, position=position))
    secret = add_secret(tx, made.id)
    record_event(tx, "webhook.created", made.id, organization_id=organization.id)
    return await present_with_secret(tx, made.id, secret)


async def patch(tx: Tx, webhook_id: UUID, body: WebhookPatch, networks: Collection[Network]) -> UUID:
    """Change a webhook. Return its id.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there and did not create it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        WebhookAddressRefused: the service does not send to this address.
    """
    webhook = await load_webhook_for(tx, webhook_id, "updateWebhook")
    tx.expect(webhook)
    changes = body.changes()
    if "url" in changes:
        _check_address(changes["url"], networks)
    was_enabled = webhook.enabled
    for name, value in changes.items():
        setattr(webhook, name, value)
    if "url" in changes and webhook.enabled and was_enabled:
        # The failures were those of the former address.
        await _begin_anew(tx, webhook.id)
    note_switch(webhook, DisabledReason.PAUSED, tx.now, was_enabled=was_enabled)
    if webhook.enabled and not was_enabled:
        await _begin_anew(tx, webhook.id)
    if tx.touch(webhook):
        record_event(
            tx,
            "webhook.updated",
            webhook.id,
            organization_id=webhook.organization_id,
            data={"fields": sorted(body.model_fields_set)},
        )
    return webhook.id


async def remove(tx: Tx, webhook_id: UUID) -> None:
    """Delete a webhook with its secrets and what waits to be sent. Its log is hidden, and purged in batches.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there and did not create it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
    """
    webhook = await load_webhook_for(tx, webhook_id, "deleteWebhook")
    tx.expect(webhook)
    await tx.session.delete(webhook)
    tx.session.add(WebhookLeftover(tenant_id=tx.tenant_id, webhook_id=webhook_id))
    record_event(tx, "webhook.deleted", webhook.id, organization_id=webhook.organization_id)


async def load_webhook_for(tx: Tx, webhook_id: UUID, operation: str) -> Webhook:
    """Load a webhook for an operation, and lock it.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
        Forbidden: the caller is no admin there and did not create it.
    """
    return await load_owned(tx, Webhook, webhook_id, operation, create="createWebhook")


def add_secret(tx: Tx, webhook_id: UUID) -> bytes:
    """Add the present secret of a webhook that has none, and return it."""
    secret = new_secret()
    tx.session.add(WebhookSecret(tenant_id=tx.tenant_id, created_at=tx.now, webhook_id=webhook_id, secret=secret))
    return secret


async def present_with_secret(tx: Tx, webhook_id: UUID, secret: bytes) -> WebhookIssued:
    """Return a webhook as it is now, with its new secret."""
    await tx.flush()
    rendered = await queries.get_webhook(tx, webhook_id)
    stored = WebhookRead.model_validate_json(rendered.body)
    return WebhookIssued(**stored.model_dump(), secret=show_secret(secret), secret_reason=None)


async def _begin_anew(tx: Tx, webhook_id: UUID) -> None:
    """Let everything that waits be sent at once, as if nothing had failed."""
    await tx.session.flush()
    cursor: tuple[Any, ...] = (
        col(WebhookCursor.tenant_id) == tx.tenant_id,
        col(WebhookCursor.webhook_id) == webhook_id,
    )
    queue: tuple[Any, ...] = (col(WebhookQueue.tenant_id) == tx.tenant_id, col(WebhookQueue.webhook_id) == webhook_id)
    await tx.session.execute(update(WebhookCursor).where(*cursor).values(failing_since=None, failed_at=None))
    await tx.session.execute(update(WebhookQueue).where(*queue).values(due_at=func.now()))
    # What is on its way now keeps its number, by which its outcome is known.
    held = col(WebhookQueue.held_until) > func.now()
    idle = or_(col(WebhookQueue.held_until).is_(None), ~held)
    await tx.session.execute(update(WebhookQueue).where(*queue, idle).values(attempt=0))


def _check_address(url: str, networks: Collection[Network]) -> None:
    """Refuse what the service would never send to. A name is looked up, and its addresses are checked, when it sends.

    Raises:
        WebhookAddressRefused: it is plain HTTP or a private address, and the operator has allowed no such network; or
            it is an address in an unusual form.
    """
    parts = urlsplit(url)
    try:
        ip_address(parts.hostname or "")
    except ValueError:
        refused = is_spelled_otherwise(parts.hostname or "")
    else:
        refused = not is_allowed(parts.hostname or "", networks)
    if refused or (parts.scheme == "http" and not networks):
        error = FieldError("/body/url", WebhookAddressRefused.code, WebhookAddressRefused.title)
        raise WebhookAddressRefused(errors=[error])
