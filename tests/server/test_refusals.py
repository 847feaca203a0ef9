"""Requests that end before the application: what is refused, what the refusal looks like, and trailers."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.threads import Served, rest, serving_app

CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


async def headers_after_body(scope: Any, receive: Any, send: Any) -> None:
    """An app that reads the body and answers with the names of the headers that it knows then."""
    if scope["type"] == "lifespan":
        for answer in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{answer}.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    body = b" ".join(name for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving_app(headers_after_body) as running:
        yield running


@pytest.fixture
def connection(served: Served) -> Iterator[socket.socket]:
    with served.connect() as made:
        yield made


def exchange(connection: socket.socket, sent: bytes) -> bytes:
    """Send one request and return the body of its answer."""
    connection.sendall(sent)
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65_536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65_536)
    return body


@pytest.mark.parametrize("trailers", [b"", b"Authorization: Bearer x\r\n", b"If-Match: *\r\nHost: y\r\n"])
def test_a_trailer_is_a_header_of_no_request(connection: socket.socket, trailers: bytes) -> None:
    sent = CHUNKED + b"2\r\n{}\r\n0\r\n" + trailers + b"\r\n"
    assert exchange(connection, sent) == b"host transfer-encoding"
    assert exchange(connection, b"GET / HTTP/1.1\r\nHost: x\r\nX-Own: y\r\n\r\n") == b"host x-own"


def test_a_trailer_in_pieces_is_no_header_either(connection: socket.socket) -> None:
    connection.sendall(CHUNKED + b"2\r\n{}\r\n0\r\nAuthori")
    assert exchange(connection, b"zation: Bearer x\r\n\r\n") == b"host transfer-encoding"


def test_a_trailer_without_end_is_refused(connection: socket.socket) -> None:
    connection.sendall(CHUNKED + b"0\r\nX-Long: ")
    with pytest.raises(OSError, match=r"reset|Broken pipe"):
        while True:
            connection.sendall(b"y" * 4_096)


@pytest.mark.parametrize("coding", [b"gzip", b"identity", b"gzip, chunked", b"deflate", b"xchunked"])
def test_a_transfer_coding_other_than_chunked_is_not_implemented(connection: socket.socket, coding: bytes) -> None:
    connection.sendall(CHUNKED.replace(b"chunked", coding) + b"0\r\n\r\n")
    answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 501 Not Implemented\r\n")
    assert b'"code": "transfer_coding_unsupported"' in answer


REFUSED = {
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "no HTTP": b"\x16\x03\x01 \r\n\r\n",
    "a chunk of no size": CHUNKED + b"zz\r\n",
    "another coding": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_before_the_application_has_the_headers_of_every_other(connection: socket.socket, case: str) -> None:
    connection.sendall(REFUSED[case])
    head, _, body = rest(connection).partition(b"\r\n\r\n")
    headers = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n")[1:])
    assert headers["content-type"] == "application/problem+json"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["connection"] == "close"
    assert headers["content-length"] == str(len(body))
    assert re.fullmatch(r"[0-9a-f]{16}", headers["x-request-id"])
    assert json.loads(body)["request_id"] == headers["x-request-id"]


def test_a_refusal_repeats_the_request_id_that_came_with_the_request(connection: socket.socket) -> None:
    connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\nTransfer-Encoding: gzip\r\n\r\n")
    assert b"\r\nx-request-id: mine\r\n" in rest(connection)
