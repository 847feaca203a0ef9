"""The gauges of background work."""

from typing import Final

from sqlalchemy import text

from app.db.statement import Read
from app.telemetry.gauges import DatabaseGauge

_LAG = Read(
    text("select name as task, greatest(extract(epoch from now() - due_at), 0)::float8 as value from schedules")
)
GAUGES: Final = (
    DatabaseGauge(
        "periodic_task_lag_seconds", "How long a periodic task has been due and has not ended.", _LAG, labels=("task",)
    ),
)
