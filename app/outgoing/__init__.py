"""Requests that the service itself sends: to the issuers of sign-ins, to webhooks and to the sources of connectors."""
