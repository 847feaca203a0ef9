"""Errors that webhooks and connectors share."""

from app.errors import Forbidden


class RightNotStored(Forbidden):
    code = "right_not_stored"
    title = "This needs a role that was granted here, not one that a sign-in carries"
