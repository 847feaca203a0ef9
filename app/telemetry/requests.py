"""Counts and durations of requests, counted in plain integers and rendered when they are scraped.

Each request passes here. The counters of prometheus-client take a lock and search the buckets in Python, which costs
several times as much. Only the event loop writes, so the counts need no lock.
"""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

#: Upper bounds of the histogram's buckets, in seconds.
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: The route of a request that matches none. A caller cannot add labels by asking for paths that do not exist.
NO_ROUTE: Final = "none"
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_OTHER_METHOD = "other"
_LABELS = ("method", "route")
_EDGES = (*(str(bound) for bound in BUCKETS), "+Inf")


class _Series:
    """The requests of one method, route and class of statuses."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0


class RequestCounts:
    """The requests that a process has answered and is answering.

    Attributes:
        in_flight: how many requests are being answered.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self._series: dict[tuple[str, str | None, int], _Series] = {}
        self._problems: dict[str, int] = {}

    def add(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count a request that was answered.

        Args:
            route: the template of its path, or None where it matched no route.
            status: 0 where the caller went away before the answer.
            seconds: how long it took.
        """
        series = self._series.get((method, route, status // 100))
        if series is None:
            series = self._new_series(method, route, status // 100)
        series.counts[bisect_left(BUCKETS, seconds)] += 1
        series.seconds += seconds

    def add_problem(self, code: str) -> None:
        """Count a problem document that was answered."""
        self._problems[code] = self._problems.get(code, 0) + 1

    def _new_series(self, method: str, route: str | None, status_class: int) -> _Series:
        # The caller chooses the method freely, so the others share one series.
        known = method if method in _METHODS else _OTHER_METHOD
        return self._series.setdefault((known, route, status_class), _Series())

    def collect(self) -> Iterable[Metric]:
        """Return the metrics; another thread than the event loop may call this."""
        in_flight = Metric("fa_http_requests_in_flight", "Requests that are being answered.", "gauge")
        in_flight.add_sample(in_flight.name, {}, self.in_flight)
        requests = CounterMetricFamily(
            "fa_http_requests", "Answered requests, by the class of the status.", labels=[*_LABELS, "status"]
        )
        durations: dict[tuple[str, str], tuple[list[int], float]] = {}
        for (method, route, status_class), series in sorted(self._series.copy().items(), key=str):
            key, counts = (method, route or NO_ROUTE), series.counts.copy()
            status = f"{status_class}xx" if status_class else "none"
            requests.add_metric([*key, status], sum(counts))
            known, seconds = durations.get(key, ([0] * len(counts), 0.0))
            durations[key] = ([a + b for a, b in zip(known, counts, strict=True)], seconds + series.seconds)
        return [in_flight, requests, _histogram(durations), self._collect_problems()]

    def _collect_problems(self) -> Metric:
        problems = CounterMetricFamily(
            "fa_http_problems", "Refusals and failures, by the code of the problem document.", labels=["code"]
        )
        for code, count in sorted(self._problems.copy().items()):
            problems.add_metric([code], count)
        return problems


def _histogram(durations: dict[tuple[str, str], tuple[list[int], float]]) -> Metric:
    made = HistogramMetricFamily(
        "fa_http_request_duration_seconds", "Time from the head of a request to the end of its answer.", labels=_LABELS
    )
    for key, (counts, seconds) in durations.items():
        made.add_metric(key, list(zip(_EDGES, accumulate(counts), strict=True)), seconds)
    return made
