"""A collector of traces on loopback, which speaks OTLP over HTTP."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_SECONDS = 300.0


@dataclass(frozen=True)
class Received:
    """One span as it arrived."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    is_error: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass
class Collector:
    """What was received.

    Attributes:
        url: the base of its address.
        bodies: the bodies of all exports.
        paths: the paths that they were sent to.
    """

    url: str
    bodies: list[bytes] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    @property
    def spans(self) -> list[Received]:
        """All spans, in the order in which they ended."""
        return [span for body in list(self.bodies) for span in _parse(body)]

    def wait_for(self, is_wanted: Callable[[Received], bool]) -> Received:
        """Return the first span of this kind; wait until it has arrived."""
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            if found := [span for span in self.spans if is_wanted(span)]:
                return found[0]
            time.sleep(0.05)
        raise AssertionError("no such span arrived")

    def requests(self) -> list[Received]:
        """The spans of requests that were served."""
        return [span for span in self.spans if span.kind == 2]

    def below(self, parent: Received) -> list[Received]:
        """The spans whose parent is this one."""
        return [span for span in self.spans if (span.trace_id, span.parent_id) == (parent.trace_id, parent.span_id)]


def _values(attributes: Sequence[Any]) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def _parse(body: bytes) -> Iterator[Received]:
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _values(group.resource.attributes)
        for span in (span for scope in group.scope_spans for span in scope.spans):
            yield Received(
                name=span.name,
                kind=span.kind,
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                is_error=span.status.code == 2,
                attributes=_values(span.attributes),
                resource=resource,
            )


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.paths.add(self.path)
            collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
