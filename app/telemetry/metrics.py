"""The metrics of a process: its requests, its database connections, and what other parts register."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from app.db.engine import Database
from app.db.pool import Pool
from app.telemetry.gauges import DatabaseGauge, DatabaseGauges
from app.telemetry.requests import RequestCounts

Source = Callable[[], Iterable[Metric]]
_Family = GaugeMetricFamily | CounterMetricFamily


class Metrics:
    """All metrics of a process. Nothing is registered globally, so several apps in a process stay apart.

    Args:
        version: of the release.
        gauges: figures to read from the database now and then.

    Attributes:
        requests: counts each request.
        gauges: reads the gauges, while its `run` runs.
    """

    def __init__(self, version: str, database: Database, gauges: Sequence[DatabaseGauge]) -> None:
        self.requests = RequestCounts()
        self.gauges = DatabaseGauges(database, gauges)
        self._registry = CollectorRegistry()
        self.add_source(self.requests.collect)
        self.add_source(lambda: [InfoMetricFamily("fa_build", "The release that runs.", {"version": version})])
        self.add_source(_database_source(database))
        self.add_source(self.gauges.collect)
        ProcessCollector(namespace="fa", registry=self._registry)

    def add_source(self, source: Source) -> None:
        """Add a function that returns metrics. It is called at each scrape, in a thread, and must not wait."""
        self._registry.register(_Collector(source))

    def render(self) -> bytes:
        """Return the metrics in the text format of Prometheus. Another thread than the event loop may call this."""
        return generate_latest(self._registry)


class _Collector:
    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterable[Metric]:
        return self._source()


#: The figures of a pool: name, description, kind of metric, and how to read it.
_POOL_FIGURES: Final[tuple[tuple[str, str, type[_Family], Callable[[Pool], float]], ...]] = (
    ("connections_max", "The most connections of the pool.", GaugeMetricFamily, lambda pool: pool.size),
    ("connections_in_use", "Connections in use.", GaugeMetricFamily, lambda pool: pool.in_use),
    ("pool_waits", "Uses that waited for a connection.", CounterMetricFamily, lambda pool: pool.waits.count),
    ("pool_wait_seconds", "Time that uses waited.", CounterMetricFamily, lambda pool: pool.waits.seconds),
    ("pool_timeouts", "Uses that got no connection in time.", CounterMetricFamily, lambda pool: pool.waits.timeouts),
)


def _database_source(database: Database) -> Source:
    """Return a source of the metrics of the connections to the database."""
    pools = {"reads": database.reads, "writes": database.writes, "jobs": database.jobs}

    def collect() -> Iterable[Metric]:
        for name, documentation, kind, figure in _POOL_FIGURES:
            family = kind(f"fa_database_{name}", documentation, labels=["pool"])
            for label, pool in pools.items():
                family.add_metric([label], figure(pool))
            yield family
        failures = CounterMetricFamily(
            "fa_database_failures", "Failures of the database that requests met, by reason.", labels=["reason"]
        )
        for reason, count in database.failures.counts.copy().items():
            failures.add_metric([reason.value], count)
        yield failures

    return collect
