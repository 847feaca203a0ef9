"""Requests that the service itself sends: to the issuers of sign-ins, and later to webhooks and connectors."""
