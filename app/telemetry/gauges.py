"""Figures that are read from the database now and then, never during a scrape."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from app.db.connection import transaction
from app.db.engine import Database
from app.db.errors import DATABASE_ERRORS, Reason, get_reason
from app.db.statement import Read, Row

_log = logging.getLogger("fa.telemetry")
_MOST_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class DatabaseGauge:
    """A figure that the database knows: a lag or the length of a queue.

    Attributes:
        name: the metric's name without `fa_`, with its unit.
        documentation: a sentence for operators.
        read: a cheap statement without parameters, with a row for each set of labels. Gauges that share one cost one.
            It runs outside of all tenants: what concerns their rows comes from a function that runs as the owner.
        labels: the columns that are labels. Their values must be few, and never come from a caller.
        column: the column with the figure.
    """

    name: str
    documentation: str
    read: Read
    labels: tuple[str, ...] = ()
    column: str = "value"


class DatabaseGauges:
    """Reads gauges every few seconds and keeps what they were.

    A gauge that could not be read has no value, so that an alert on its absence notices.

    Args:
        seconds: from one reading to the next.
        timeout: seconds that a reading of all gauges may take, the connection included.
    """

    def __init__(
        self, database: Database, gauges: Sequence[DatabaseGauge], *, seconds: float = 15.0, timeout: float = 2.0
    ) -> None:
        self._database = database
        self._gauges = gauges
        self._seconds = seconds
        self._timeout = timeout
        self._rows: Mapping[str, Sequence[Row]] = {}

    async def run(self) -> None:
        """Read the gauges again and again, for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._seconds)

    async def refresh(self) -> None:
        """Read each gauge once."""
        rows: dict[str, Sequence[Row]] = {}
        try:
            # A separate connection: a busy pool does not delay it, and it takes none from a request.
            async with asyncio.timeout(self._timeout), transaction(self._database.engine) as connection:
                for sql, read in {gauge.read.sql: gauge.read for gauge in self._gauges}.items():
                    rows[sql] = await connection.fetch(sql, read.arguments({}))
        except (TimeoutError, *DATABASE_ERRORS) as error:
            self._database.failures.record(error, get_reason(error) or Reason.FAILING)
        except Exception:
            _log.exception("gauges were not read")
        self._rows = rows

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they were read last."""
        rows = self._rows
        for gauge in self._gauges:
            family = GaugeMetricFamily(f"fa_{gauge.name}", gauge.documentation, labels=gauge.labels)
            for row in rows.get(gauge.read.sql, ())[:_MOST_ROWS]:
                family.add_metric([str(row[label]) for label in gauge.labels], float(row[gauge.column]))
            yield family
