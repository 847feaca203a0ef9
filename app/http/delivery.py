"""Delivering a response: the headers that every response has, and one write to the connection where that is possible.

uvicorn writes the head and the body of a response separately, and searches every header for what must not be in it.
That costs a sixth of a read by id. So where the server is uvicorn and nothing wraps its `send`, the whole response is
written at once; anywhere else it is sent as ASGI messages. `tests/server/test_delivery.py` compares the two ways byte
by byte on a socket. `app/server/protocol.py` has the other private parts of uvicorn that the service uses.
"""

from collections.abc import Iterable
from functools import lru_cache

from fastapi import Response
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.types import Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from app.errors import AppError
from app.http import problems

RawHeaders = list[tuple[bytes, bytes]]

#: The headers of every response that does not set them itself. No cache stores the data of tenants.
SECURITY: RawHeaders = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"vary", b"Authorization"),
]
#: The header of a response with an ETag: the caller may keep the response and revalidate it.
REVALIDATED = (b"cache-control", b"private, no-cache")
CLOSE = (b"connection", b"close")
_JSON = (b"content-type", b"application/json")
_WHOLE = frozenset({Response, JSONResponse, HTMLResponse, PlainTextResponse})


class JSONBytes(Response):
    """A response of encoded JSON with further headers. A response with status 304 has no body."""

    def __init__(self, body: bytes, headers: Iterable[tuple[bytes, bytes]] = (), *, status_code: int = 200) -> None:
        self.status_code = status_code
        self.background = None
        self.body = body
        own = (_JSON, (b"content-length", b"%d" % len(body))) if status_code == 200 else ()
        self.raw_headers = [*own, *headers]


def is_whole(response: Response) -> bool:
    """Return whether the response is its status, headers and body, and nothing runs after it."""
    kind = type(response)
    return kind is JSONBytes or (kind in _WHOLE and response.background is None)


def complete_headers(headers: RawHeaders, request_id: str, more: Iterable[tuple[bytes, bytes]] = ()) -> RawHeaders:
    """Return these headers with those that every response has, and more."""
    missing = _missing(tuple([name for name, _ in headers]))
    return [*headers, (b"x-request-id", request_id.encode("ascii")), *missing, *more]


@lru_cache(maxsize=256)
def _missing(names: tuple[bytes, ...]) -> RawHeaders:
    return [header for header in SECURITY if header[0] not in names]


async def deliver(response: Response, request_id: str, send: Send, more: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send a response that `is_whole`, with more headers. The server leaves out the body that answers a HEAD."""
    headers = complete_headers(response.raw_headers, request_id, more)
    cycle = getattr(send, "__self__", None)
    if type(cycle) is RequestResponseCycle and CLOSE not in response.raw_headers and _is_free(cycle):
        _write_whole(cycle, response, headers)
        return
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _is_free(cycle: RequestResponseCycle) -> bool:
    """Return whether the connection needs nothing but the bytes of the response."""
    return (
        cycle.keep_alive
        and not cycle.disconnected
        and not cycle.response_started
        and not cycle.waiting_for_100_continue
        and not cycle.flow.write_paused
    )


def _write_whole(cycle: RequestResponseCycle, response: Response, headers: RawHeaders) -> None:
    lines = [b"%b: %b\r\n" % pair for pair in (*cycle.default_headers, *headers)]
    body = b"" if cycle.scope["method"] == "HEAD" else response.body
    cycle.response_started = True
    cycle.chunked_encoding = False
    cycle.transport.write(b"".join((STATUS_LINE[response.status_code], *lines, b"\r\n", body)))
    cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()


def refusal(error: AppError, default_headers: RawHeaders, request_id: str) -> bytes:
    """Return a whole response as bytes, which the server writes before it closes the connection.

    The gateway never sees a request that the server refuses.

    Args:
        default_headers: the headers that the server adds to every response.
        request_id: the caller's, or a new one.
    """
    response = problems.render(error, instance="", request_id=request_id)
    headers = [*default_headers, *complete_headers(response.raw_headers, request_id), CLOSE]
    return b"".join((STATUS_LINE[error.status], *(b"%b: %b\r\n" % pair for pair in headers), b"\r\n", response.body))
