"""The operations listener: a separate port for metrics and for the reason why the service is not ready."""

import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from app.http.context import AppState
from app.server.connections import Connections, Limits
from app.server.listening import OPERATIONS_SETTINGS, bind
from app.server.web_server import Companion, Stopping, create_server
from app.settings import Settings
from app.telemetry.metrics import Source
from app.telemetry.operations import operations_app

#: A few scrapers, each with a connection that it keeps.
_LIMITS = Limits(connections=50, received_bytes=1_048_576, unsent_bytes=8_388_608)
_STOPPING = Stopping(drain_seconds=0.0, grace_seconds=1.0)


@contextmanager
def bound_operations(settings: Settings) -> Iterator[Sequence[socket.socket]]:
    """Take the ports of the operations listeners, one for each process; none where the settings name none.

    Raises:
        OperatorError: one cannot be had.
    """
    first = settings.metrics_port
    with ExitStack() as stack:
        if first is None:
            yield ()
            return
        ports = [first + number if first else 0 for number in range(settings.workers)]
        yield [stack.enter_context(bind(settings.metrics_host, port, settings=OPERATIONS_SETTINGS)) for port in ports]


def create_companion(
    app_state: AppState, listener: socket.socket | None, *, is_stopping: Callable[[], bool]
) -> Companion | None:
    """Make the server of the operations listener; None where there is no listener.

    Args:
        is_stopping: whether the service drains.
    """
    if listener is None or app_state.metrics is None:
        return None
    app = operations_app(app_state.metrics, app_state.database.health, is_stopping)
    server = create_server(app, limits=_LIMITS, stopping=_STOPPING, port_settings=OPERATIONS_SETTINGS)
    return Companion(server, listener)


def connections_source(registry: Connections) -> Source:
    """Return a source of the metrics of the connections of clients."""

    def collect() -> Iterable[Metric]:
        yield GaugeMetricFamily("fa_http_connections", "Open connections of clients.", value=len(registry))
        refused = CounterMetricFamily(
            "fa_http_connections_refused", "Connections that a bound closed, by the bound.", labels=["bound"]
        )
        for bound, count in registry.refusals.copy().items():
            refused.add_metric([bound], count)
        yield refused

    return collect
