"""Webhooks: the events of the feed, sent to the endpoints that callers name."""
