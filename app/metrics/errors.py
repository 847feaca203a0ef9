"""Errors of recording figures of metrics."""

from app.errors import Conflict, Invalid


class MetricsRefused(Invalid):
    code = "metrics_refused"
    title = "Some of the figures cannot be recorded; nothing was"


class UnreadableCsv(Invalid):
    code = "unreadable_csv"
    title = "The body is not a CSV file of figures"


class MetricNotCurrent(Conflict):
    code = "metric_not_current"
    title = "The figure was superseded or withdrawn already"
