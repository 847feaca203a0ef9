"""The HTTP protocol: uvicorn's, with bounds and a stricter reading of requests."""

import asyncio
from typing import NoReturn

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.errors import BadRequest
from app.http import problems

_TOO_LARGE = "The headers are too large."


class _Refused(Exception):
    """A request that must not be served; its text is what the caller is told."""


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with a deadline and a bound for a request's headers, and stricter about them.

    uvicorn waits for headers for ever and keeps whatever comes. Here a connection that shows no complete headers in
    time is closed, whether it is new, slow, or sends after its last answer what never becomes a request. And uvicorn
    serves requests of versions it does not speak, and of no host or of two.
    """

    header_seconds = 10.0
    header_bytes = 65_536

    _deadline: asyncio.TimerHandle | None = None
    _before: RequestResponseCycle | None = None
    _in_headers = False
    _in_body = False
    _header_size = 0
    _parsed_size = 0
    _reason = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_deadline()

    def data_received(self, data: bytes) -> None:
        waited = self._in_headers
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_headers and waited:
            # A header is parsed when it is whole; this bounds one that has no end.
            self._header_size += len(data)
            if self._header_size > self.header_bytes:
                self._refuse(_TOO_LARGE)
                return
        if self._deadline is None and (self._in_headers or self.cycle is None or self.cycle.response_complete):
            self._start_deadline()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        self._header_size = self._parsed_size = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value) + len(": \r\n"))

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._before = self.cycle
        self._end_deadline()
        version = self.parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            self._fail("HTTP/1.1 and HTTP/1.0 are spoken here.")
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            self._fail("A request names one Host.")
        super().on_headers_complete()
        self._in_body = True

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._parsed_size += size
        if self._parsed_size > self.header_bytes:
            self._fail(_TOO_LARGE)

    def _fail(self, reason: str) -> NoReturn:
        # The parser stops at whatever its callbacks raise, and calls it a request that is not valid.
        self._reason = reason
        raise _Refused(reason)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_deadline()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be parsed or must not be served, in the one shape of failures."""
        self._refuse(self._reason or msg)

    def _refuse(self, detail: str) -> None:
        if self._in_body and self.pipeline and self._before is not None:
            # The request with the bad body waits behind another and has not begun: as if it had not come.
            self.pipeline.popleft()
            self._in_body, self.cycle = False, self._before
        if not self._in_body and self.cycle is not None and not self.cycle.response_complete:
            # Sent now, this would be read as the answer to an earlier request, which is served all the same. That one
            # is answered, and the connection then closed.
            self.cycle.keep_alive = False
            return
        answer = problems.render(BadRequest(detail), instance="", request_id="")
        headers = [*self.server_state.default_headers, *answer.raw_headers, (b"connection", b"close")]
        lines = [b"HTTP/1.1 400 Bad Request", *(name + b": " + value for name, value in headers), b"", b""]
        self.transport.write(b"\r\n".join(lines) + bytes(answer.body))
        self.transport.close()

    def _start_deadline(self) -> None:
        # `shutdown` closes the connection, or lets a running request finish and closes it then.
        self._deadline = self.loop.call_later(self.header_seconds, self.shutdown)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
