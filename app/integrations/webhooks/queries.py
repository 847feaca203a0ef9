"""Reads of webhooks and of the log of deliveries, rendered by PostgreSQL."""

from uuid import UUID

from sqlalchemy import Boolean, DateTime, Text, Uuid, and_, bindparam, func, select, true
from sqlmodel import col

from app.access.policy import require
from app.db.keyset import Listing
from app.db.sql_json import Rendered, render
from app.db.statement import Read
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.integrations.owned import require_for_owned
from app.integrations.webhooks.models import Webhook, WebhookCursor, WebhookDelivery, WebhookSecret
from app.integrations.webhooks.schemas import WebhookDeliveryRead, WebhookRead
from app.tree.models import OrganizationPlace
from app.tree.paths import in_ranges

_TENANT, _ID = bindparam("tenant_id", type_=Uuid()), bindparam("id", type_=Uuid())
_WEBHOOKS = (
    select(col(Webhook.id))
    .select_from(Webhook)
    .join(
        OrganizationPlace,
        and_(
            col(OrganizationPlace.tenant_id) == col(Webhook.tenant_id),
            col(OrganizationPlace.organization_id) == col(Webhook.organization_id),
        ),
    )
    .join(
        WebhookCursor,
        and_(col(WebhookCursor.tenant_id) == col(Webhook.tenant_id), col(WebhookCursor.webhook_id) == col(Webhook.id)),
    )
    .where(col(Webhook.tenant_id) == _TENANT)
)
_FORMER_UNTIL = (
    select(func.max(col(WebhookSecret.ends_at)))
    .where(
        col(WebhookSecret.tenant_id) == col(Webhook.tenant_id),
        col(WebhookSecret.webhook_id) == col(Webhook.id),
        col(WebhookSecret.ends_at) > func.now(),
    )
    .correlate(Webhook)
    .scalar_subquery()
)
_RENDERED = render(
    _WEBHOOKS,
    Webhook,
    WebhookRead,
    col(Webhook.id),
    col(Webhook.version),
    col(OrganizationPlace.path),
    created_by=col(Webhook.principal_id),
    failing_since=col(WebhookCursor.failing_since),
    replaying=col(WebhookCursor.replay_until).is_not(None),
    former_secret_until=_FORMER_UNTIL,
)
_BY_ID = Read(_RENDERED.where(col(Webhook.id) == _ID))
_PLACE = Read(
    _WEBHOOKS.with_only_columns(col(OrganizationPlace.path), col(Webhook.principal_id)).where(col(Webhook.id) == _ID)
)
LIST = Listing(
    "webhooks",
    _RENDERED,
    key=col(Webhook.id),
    orders={"id": col(Webhook.id), "updated_at": col(Webhook.updated_at)},
    filters={
        "organization_id": col(Webhook.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `app.accounts.scope`
        "enabled": col(Webhook.enabled) == bindparam("enabled", type_=Boolean()),
        "updated_since": col(Webhook.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
    scope=lambda count: in_ranges(col(OrganizationPlace.path), count),
)
DELIVERIES = Listing(
    "webhook-deliveries",
    render(
        select(col(WebhookDelivery.id)).where(
            col(WebhookDelivery.tenant_id) == _TENANT,
            col(WebhookDelivery.webhook_id) == bindparam("webhook_id", type_=Uuid()),
        ),
        WebhookDelivery,
        WebhookDeliveryRead,
        col(WebhookDelivery.id),
    ),
    key=col(WebhookDelivery.id),
    orders={"id": col(WebhookDelivery.id)},
    filters={
        "event_id": col(WebhookDelivery.event_id) == bindparam("event_id", type_=Uuid()),
        "outcome": col(WebhookDelivery.outcome) == bindparam("outcome", type_=Text()),
        "updated_since": col(WebhookDelivery.created_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
)


async def get_webhook(reader: CallerReader, webhook_id: UUID) -> Rendered:
    """Return one webhook.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
        Forbidden: no role of the caller there allows it.
    """
    row = await reader.fetch_one(_BY_ID, tenant_id=reader.principal.tenant_id, id=webhook_id)
    if row is None:
        raise NotFound
    require(reader.principal, "getWebhook", row["path"])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


async def require_for_deliveries(reader: CallerReader, webhook_id: UUID) -> None:
    """Check that the caller may read the log of a webhook.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
        Forbidden: the caller is no admin there and did not create it.
    """
    row = await reader.fetch_one(_PLACE, tenant_id=reader.principal.tenant_id, id=webhook_id)
    if row is None:
        raise NotFound
    require_for_owned(reader.principal, "listWebhookDeliveries", row, create="createWebhook")
