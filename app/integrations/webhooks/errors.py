"""Errors of webhooks."""

from app.errors import Conflict, Invalid


class TooManyWebhooks(Conflict):
    code = "too_many_webhooks"
    title = "The tenant has as many webhooks as are allowed"


class WebhookIsDisabled(Conflict):
    code = "webhook_disabled"
    title = "The webhook is disabled"


class ReplayRunning(Conflict):
    code = "replay_running"
    title = "A replay of this webhook has not ended"


class WebhookAddressRefused(Invalid):
    code = "webhook_address_refused"
    title = "The service does not send requests to this address"
