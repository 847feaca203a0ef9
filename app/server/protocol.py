"""The HTTP protocol: uvicorn's, with bounds and a stricter reading of requests."""

import asyncio
import logging
from typing import Any, NoReturn

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.errors import AppError, BadRequest, TransferCodingUnsupported, Unavailable
from app.http.delivery import refusal
from app.http.head import request_id_of
from app.server.connections import WRITE_BUFFER, Connections

_FIELD_OVERHEAD = 32
_QUEUED_BYTES = 4_096
_log = logging.getLogger("fa.http")


class _Refused(Exception):
    """Stops the parser at a request that must not be served."""


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with deadlines and bounds, and stricter about requests.

    uvicorn sets no deadline for the headers, no bound on their size, and no deadline for a client that does not read
    its response. It serves requests of unknown HTTP versions and requests without a Host or with two. It adds the
    trailers of a chunked body to the headers. This class refuses or bounds all of these.

    Args:
        registry: every connection of the server, with its bounds.
    """

    _deadline: asyncio.TimerHandle | None = None
    #: The request before the one whose body is arriving.
    _before: RequestResponseCycle | None = None
    _in_headers = False
    _in_body = False
    _has_seen_body = False
    #: Bytes that arrived together with the beginning of a request.
    _begun_with = 0
    #: Bytes of a header or a trailer that the parser has not reported yet.
    _unreported = 0
    #: Bytes of the head that the parser has reported.
    _parsed_size = 0
    _error: AppError | None = None
    _is_counted = False

    def __init__(self, *args: Any, registry: Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.registry = registry
        self.limits = registry.limits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        if self.registry.add(self):
            self._start_deadline()
        else:
            self.shed()

    def data_received(self, data: bytes) -> None:
        was_in_headers, was_in_body = self._in_headers, self._in_body
        self._has_seen_body = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        self._begun_with = 0 if was_in_headers or was_in_body else len(data)
        if (was_in_headers and self._in_headers) or (was_in_body and self._in_body and not self._has_seen_body):
            # The parser reports a header or a trailer only when it is complete. This bounds one that never ends.
            self._unreported += len(data)
            if self._unreported > self.limits.header_bytes:
                self._refuse(_too_large())
                return
        is_answered = self.cycle is None or self.cycle.response_complete
        if self._in_headers or self._in_body or self.cycle is None:
            self.registry.mark_receiving(self)
        elif not is_answered:
            self.registry.mark_busy(self)
        elif was_in_body:
            # This is the rest of a body whose request has been answered.
            self._end_deadline()
            self.registry.mark_idle(self)
            return
        if self._deadline is None and (self._in_headers or is_answered):
            self._start_deadline()
        self._count_received()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        self._unreported = self._parsed_size = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + _FIELD_OVERHEAD)
        # A trailer follows the body. The request was admitted by its headers, so a trailer must not add to them.
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._before = self.cycle
        self._end_deadline()
        self._check_head()
        super().on_headers_complete()
        self._in_body = True
        if self.registry.is_draining:
            self.scope["state"]["draining"] = True
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._has_seen_body = True
        self._unreported = 0

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_body and self._deadline is None:
            # The answer was sent before the whole body arrived. The rest is read and dropped until the deadline.
            self._start_deadline()
        if self.cycle.response_complete and not (self._in_headers or self._in_body):
            self.registry.mark_idle(self)
        if self._is_counted:
            self._count_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_deadline()
        self.registry.discard(self)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be parsed or must not be served, with a problem document."""
        self._refuse(self._error or BadRequest(msg))

    def begin_drain(self) -> None:
        """Let the answer to the last request that has arrived be the last one on this connection."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            # A request that waits for events stops waiting.
            self.cycle.scope["state"]["draining"] = True

    def received_bytes(self) -> int:
        """Count the bytes of requests that the application has not read."""
        size = len(self.pipeline) * _QUEUED_BYTES
        if self._in_headers:
            size += max(self._parsed_size, self._begun_with) + self._unreported
        if self._in_body:
            size += self._parsed_size + self._unreported
            if self.cycle.body or not self._has_seen_body:
                # The parser keeps an incomplete trailer, so the body alone is not the whole size.
                size += max(len(self.cycle.body), self._begun_with)
        return size

    def shed(self) -> None:
        """Refuse the request that is arriving, and close."""
        self._refuse(Unavailable("The service holds as many connections as it can."))

    def _check_head(self) -> None:
        version = self.parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            self._fail(BadRequest("Send HTTP/1.1 or HTTP/1.0."))
        hosts = 0
        for name, value in self.headers:
            if name == b"host":
                hosts += 1
            elif name == b"transfer-encoding":
                if version == "1.0":
                    self._fail(BadRequest("HTTP/1.0 has no transfer coding."))
                if value.lower() != b"chunked":
                    self._fail(TransferCodingUnsupported())
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            self._fail(BadRequest("A request names one Host."))
        if len(self.pipeline) >= self.limits.pipelined:
            self._fail(Unavailable("Too many requests wait on this connection."))

    def _count(self, size: int) -> None:
        self._parsed_size += size
        if self._parsed_size > self.limits.header_bytes:
            self._fail(_too_large())

    def _count_received(self) -> None:
        size = self.received_bytes() if self._in_headers or self._in_body or self.pipeline else 0
        if size or self._is_counted:
            self._is_counted = size > 0
            self.registry.set_received(self, size)

    def _fail(self, error: AppError) -> NoReturn:
        # The parser stops at any exception of its callbacks, and reports an invalid request.
        self._error = error
        raise _Refused

    def _refuse(self, error: AppError) -> None:
        if self._in_body and self.pipeline and self._before is not None:
            # The request with the bad body waits behind another one and has not begun. Forget it.
            self.pipeline.popleft()
            self._in_body, self.cycle = False, self._before
        if not self._in_body and self.cycle is not None and not self.cycle.response_complete:
            # A refusal sent now would be read as the answer to an earlier request. That request is answered first, and
            # then the connection is closed.
            self.cycle.keep_alive = False
            return
        if self._in_body:
            if self.cycle.response_started:
                self.transport.close()
                return
            # The application must not answer after this refusal.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        request_id = self._request_id()
        _log.info("refused with %d: %s", error.status, error.detail, extra={"request_id": request_id})
        self.transport.write(refusal(error, self.server_state.default_headers, request_id))
        self.transport.close()

    def _request_id(self) -> str:
        """Return the id that the refused request brought, or a new one."""
        has_begun = self._in_headers or self._in_body or self._error is not None
        return request_id_of({"headers": self.headers if has_begun else []})

    def _start_deadline(self) -> None:
        # `shutdown` closes the connection, or lets a running request finish and closes it then.
        self._deadline = self.loop.call_later(self.limits.header_seconds, self.shutdown)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _too_large() -> AppError:
    return BadRequest("The headers are too large.")
