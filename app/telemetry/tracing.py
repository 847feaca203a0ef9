"""Traces of requests, sent to a collector by OTLP over HTTP where `FA_OTEL_ENDPOINT` names one.

A trace has a span for a request, one for each of its statements, and one for each request that it causes elsewhere.
Spans hold templates of routes, statements without their arguments, numbers and the tenant's id. They never hold a path,
a query, a header, a body, an address of a client or the message of an error.

The API of OpenTelemetry is always installed. The SDK and the exporter come with the extra `otel`, and are loaded only
where they are used.
"""

import asyncio
import importlib
import threading
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from contextvars import Token
from typing import Any, Final
from uuid import UUID

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app import __version__
from app.db.statement_reports import Statement
from app.errors import OperatorError
from app.settings import Settings

TRACEPARENT: Final = b"traceparent"
#: How long the last spans may take to be sent when the service stops.
_CLOSE_SECONDS: Final = 5.0
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_EXPORTER: Final = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
# Only the trace and the parent are taken from a caller. A `tracestate` holds what the caller likes.
_PROPAGATOR: Final = TraceContextTextMapPropagator()


def read_trace_id(traceparent: bytes | None) -> str | None:
    """Return the trace id of a `traceparent` header as 32 hexadecimal digits; None where it is absent or invalid."""
    if traceparent is None:
        return None
    found = trace.get_current_span(_extract(traceparent)).get_span_context()
    return trace.format_trace_id(found.trace_id) if found.is_valid else None


def _extract(traceparent: bytes) -> Context:
    return _PROPAGATOR.extract({"traceparent": traceparent.decode("latin-1")}, Context())


class RequestSpan:
    """The span of one request. It is the current one until it ends.

    Attributes:
        trace_id: 32 hexadecimal digits; zeros where the SDK is disabled.
    """

    __slots__ = ("_method", "_span", "_token", "trace_id")

    def __init__(self, span: Span, method: str) -> None:
        self._span = span
        self._method = method
        self._token: Token[Context] = context.attach(trace.set_span_in_context(span))
        self.trace_id = trace.format_trace_id(span.get_span_context().trace_id)

    def end(self, *, route: str | None, status: int, problem: str | None, tenant_id: UUID | None) -> None:
        """End the span.

        Args:
            route: the template of the path; None where it matched no route.
            status: 0 where the caller went away before the answer.
            problem: the code of the problem that was answered.
            tenant_id: of the caller; None where the caller is unknown.
        """
        context.detach(self._token)
        span = self._span
        if span.is_recording():
            if route is not None:
                span.update_name(f"{self._method} {route}")
                span.set_attribute("http.route", route)
            if status:
                span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_attribute("error.type", str(status))
                span.set_status(Status(StatusCode.ERROR))
            if problem is not None:
                span.set_attribute("fa.problem", problem)
            if tenant_id is not None:
                span.set_attribute("fa.tenant_id", str(tenant_id))
        span.end()


class Tracing:
    """Makes the spans of a process.

    Args:
        tracer: makes spans.
        shut_down: sends what is left and ends. It blocks.
    """

    def __init__(self, tracer: Tracer, shut_down: Callable[[], None]) -> None:
        self.tracer = tracer
        self._shut_down = shut_down

    def begin(self, scope: MutableMapping[str, Any]) -> RequestSpan:
        """Begin the span of a request, in the caller's trace where its `traceparent` names one."""
        # The caller chooses the method freely.
        method = scope["method"] if scope["method"] in _METHODS else "HTTP"
        given = [value for name, value in scope["headers"] if name == TRACEPARENT]
        span = self.tracer.start_span(
            method,
            _extract(given[0]) if len(given) == 1 else Context(),
            SpanKind.SERVER,
            {"http.request.method": method if method != "HTTP" else "_OTHER"},
        )
        return RequestSpan(span, method)

    def record_statement(self, statement: Statement) -> None:
        """Add a span for a statement that has ended, where the current request is traced."""
        parent = trace.get_current_span().get_span_context()
        if not (parent.is_valid and parent.trace_flags.sampled):
            return
        end = time.time_ns()
        operation = (statement.query.split(None, 1) or ("",))[0].rstrip(";").upper()
        span = self.tracer.start_span(
            operation,
            kind=SpanKind.CLIENT,
            attributes={
                "db.system.name": "postgresql",
                "db.operation.name": operation,
                "db.query.text": statement.query,
            },
            start_time=end - int(statement.elapsed * 1e9),
        )
        if statement.exception is not None:
            span.set_attribute("error.type", type(statement.exception).__name__)
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)

    async def close(self) -> None:
        """Send the spans that are left, unless that takes too long."""
        # asyncpg reports a statement that has just ended in the next round of the loop.
        await asyncio.sleep(0)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def end() -> None:
            self._shut_down()
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(ended.set)

        # A collector that does not answer must not keep the process, so no one waits for this thread.
        threading.Thread(target=end, name="traces", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await ended.wait()


def check_installed(settings: Settings) -> None:
    """Check that traces can be sent, where the settings ask for them.

    Raises:
        OperatorError: the extra is not installed.
    """
    if settings.otel_endpoint is None:
        return
    try:
        importlib.import_module(_EXPORTER)
    except ImportError:
        raise OperatorError(
            "FA_OTEL_ENDPOINT needs the packages of the extra otel: install constraints-otel.lock, or unset it."
        ) from None


def start_tracing(settings: Settings) -> Tracing | None:
    """Start sending traces to the collector of the settings; None where they name none.

    The `OTEL_*` variables of the SDK tune the rest: sampling, batches, headers, the resource.

    Raises:
        OperatorError: the extra is not installed.
    """
    if settings.otel_endpoint is None:
        return None
    check_installed(settings)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415  # an extra
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415  # an extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  # an extra
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  # an extra

    ours = Resource.create({"service.name": "fa-readiness", "service.version": __version__})
    # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes first.
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    endpoint = f"{settings.otel_endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return Tracing(provider.get_tracer("fa-readiness", __version__), provider.shutdown)
