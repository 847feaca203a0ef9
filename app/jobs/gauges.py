"""The gauges of background work."""

from typing import Final

from sqlalchemy import text

from app.db.statement import Read
from app.telemetry.gauges import DatabaseGauge

_LAG = Read(
    text("select name as task, greatest(extract(epoch from now() - due_at), 0)::float8 as value from schedules")
)
_COUNTS = Read(text("select state, value from job_counts()"))
_WAIT = Read(text("select longest_job_wait() as value"))
_UNSEALED = Read(text("select task, value from oldest_unsealed()"))
GAUGES: Final = (
    DatabaseGauge(
        "periodic_task_lag_seconds", "How long a periodic task has been due and has not ended.", _LAG, labels=("task",)
    ),
    DatabaseGauge(
        "jobs",
        "Jobs that wait and run, and those that finished within the last hour.",
        _COUNTS,
        labels=("state",),
    ),
    DatabaseGauge("job_wait_seconds", "How long the job that has been due for longest waits.", _WAIT),
    DatabaseGauge(
        "unsealed_age_seconds",
        "How long the oldest event waits for its position, and the oldest audit row for its seal.",
        _UNSEALED,
        labels=("task",),
    ),
)
