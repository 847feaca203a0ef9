"""The gauges of background work."""

from typing import Final

from sqlalchemy import text

from app.db.statement import Read
from app.telemetry.gauges import DatabaseGauge

_LAG = Read(
    text("select name as task, greatest(extract(epoch from now() - due_at), 0)::float8 as value from schedules")
)
_UNSEALED = Read(text("select task, value from oldest_unsealed()"))
GAUGES: Final = (
    DatabaseGauge(
        "periodic_task_lag_seconds", "How long a periodic task has been due and has not ended.", _LAG, labels=("task",)
    ),
    DatabaseGauge(
        "unsealed_age_seconds",
        "How long the oldest event waits for its position, and the oldest audit row for its seal.",
        _UNSEALED,
        labels=("task",),
    ),
)
