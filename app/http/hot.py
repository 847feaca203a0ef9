"""Answering on the hot way: headers that are ready-made, and one write to the connection.

uvicorn writes the head and the body of a response apart, and searches every header for what must not be in it. Behind
a read that takes less than that, both matter: a write that wakes its reader costs more than all of our own code. So
where the server is uvicorn itself, with nothing in between, the whole response is written at once; anywhere else it
goes the way every ASGI response goes. A test compares the two byte by byte.
"""

import re
import secrets
from collections.abc import Iterable
from itertools import count

from fastapi import Response
from starlette.types import Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

RawHeaders = list[tuple[bytes, bytes]]

#: What every response carries unless the route says otherwise.
SECURITY: RawHeaders = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization"),
]
_JSON = (b"content-type", b"application/json")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
# An id of ours names the process and counts its requests: sixteen hexadecimal digits.
_PROCESS = secrets.token_hex(4)
_next_number = count(1).__next__


def request_id_of(asked: str | None) -> str:
    """The caller's own id of a request, where it is fit to be logged; else a new one."""
    if asked is not None and _REQUEST_ID.fullmatch(asked):
        return asked
    return f"{_PROCESS}{_next_number():08x}"


class JSONBytes(Response):
    """A JSON body with the headers given, encoded already; or, without a body, what a 304 says."""

    def __init__(self, body: bytes, headers: Iterable[tuple[bytes, bytes]] = (), *, status_code: int = 200) -> None:
        self.status_code = status_code
        self.background = None
        self.body = body
        own = (_JSON, (b"content-length", b"%d" % len(body))) if status_code == 200 else ()
        self.raw_headers = [*own, *headers]


def completed(headers: RawHeaders, request_id: str) -> RawHeaders:
    """These headers with those that every response has."""
    names = {name for name, _ in headers}
    return [*headers, (b"x-request-id", request_id.encode("ascii")), *(one for one in SECURITY if one[0] not in names)]


async def deliver(response: Response, request_id: str, send: Send) -> None:
    """Send a response that has its whole body, to a GET or to a request whose body was read."""
    cycle = getattr(send, "__self__", None)
    if type(cycle) is RequestResponseCycle and _is_free(cycle):
        _write_whole(cycle, response, request_id)
        return
    headers = completed(response.raw_headers, request_id)
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _is_free(cycle: RequestResponseCycle) -> bool:
    """Whether nothing about this connection asks for more than bytes being written to it."""
    return (
        cycle.keep_alive
        and not cycle.disconnected
        and not cycle.response_started
        and not cycle.waiting_for_100_continue
        and not cycle.flow.write_paused
    )


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


_SECURITY_LINES = _lines(SECURITY)


def _write_whole(cycle: RequestResponseCycle, response: Response, request_id: str) -> None:
    if type(response) is JSONBytes:
        own = b"%bx-request-id: %b\r\n%b" % (_lines(response.raw_headers), request_id.encode("ascii"), _SECURITY_LINES)
    else:
        own = _lines(completed(response.raw_headers, request_id))
    cycle.response_started = True
    cycle.chunked_encoding = False
    cycle.transport.write(
        b"".join((STATUS_LINE[response.status_code], _lines(cycle.default_headers), own, b"\r\n", response.body))
    )
    cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()
