"""The server's patience with a connection, on raw sockets."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.server.connections import Limits
from app.server.listening import bind
from app.server.web_server import create_server

DEADLINE = 0.4
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """An app that reads the body and answers with it."""
    if scope["type"] == "lifespan":
        for answer in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{answer}.complete"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    listening = threading.Event()
    server = create_server(echo, limits=Limits(header_seconds=DEADLINE), announce=listening.set)
    listener = bind("127.0.0.1", 0)
    number: int = listener.getsockname()[1]
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    assert listening.wait(60)
    yield number
    server.should_exit = True
    thread.join(60)
    assert not thread.is_alive()


@pytest.fixture
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=300) as made:
        yield made


def rest(connection: socket.socket) -> bytes:
    """Read until the server closes, and return the bytes."""
    got = b""
    while part := connection.recv(65_536):
        got += part
    return got


def test_a_silent_connection_is_closed(connection: socket.socket) -> None:
    assert rest(connection) == b""


def test_headers_that_trickle_are_cut_off(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\n")
    with pytest.raises(OSError, match=r"reset|Broken pipe"):
        for number in range(200):
            connection.sendall(b"X-%d: y\r\n" % number)
            time.sleep(0.05)


def test_half_a_second_request_is_cut_off(connection: socket.socket) -> None:
    connection.sendall(REQUEST)
    assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
    connection.sendall(REQUEST[:10])
    assert rest(connection) == b""


def test_line_ends_after_an_answer_do_not_hold_a_connection(connection: socket.socket) -> None:
    connection.sendall(REQUEST)
    assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
    connection.sendall(b"\r\n")
    assert rest(connection) == b""


def test_an_idle_connection_is_kept(connection: socket.socket) -> None:
    for _ in range(2):
        connection.sendall(REQUEST)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        time.sleep(DEADLINE * 1.5)


def test_the_deadline_is_for_headers_not_for_the_body(connection: socket.socket) -> None:
    connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
    time.sleep(DEADLINE * 1.5)
    connection.sendall(b"b")
    assert connection.recv(65_536).endswith(b"\r\n\r\nab")


def test_a_request_in_pieces_is_served(connection: socket.socket) -> None:
    for start in range(0, len(REQUEST), 5):
        connection.sendall(REQUEST[start : start + 5])
        time.sleep(0.01)
    assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_headers_without_end_are_refused(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
    with pytest.raises(OSError, match=r"reset|Broken pipe"):
        for _ in range(1_000):
            connection.sendall(b"y" * 4_096)
            time.sleep(0.001)


def test_what_is_no_request_is_not_answered_in_place_of_one(connection: socket.socket) -> None:
    connection.sendall(REQUEST * 2 + b"GET / HTTP/1.1\r\n\r\n" + REQUEST)
    answer = rest(connection)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert b"HTTP/1.1 400" not in answer


def test_a_body_that_cannot_be_parsed_is_refused_at_once(connection: socket.socket) -> None:
    connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert rest(connection).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_the_bound_for_headers_holds_however_they_arrive(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Long: %s\r\n" % (b"y" * 7_000) * 10 + b"\r\n")
    assert b"The headers are too large." in rest(connection)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"one Host"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", b"one Host"),
        (b"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", b"one Host"),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", b"HTTP/1.1 or HTTP/1.0"),
        (b"GET /\r\nHost: x\r\n\r\n", b"HTTP/1.1 or HTTP/1.0"),
    ],
)
def test_a_request_names_its_version_and_one_host(connection: socket.socket, sent: bytes, reason: bytes) -> None:
    connection.sendall(sent + REQUEST)
    answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert reason in answer
    assert answer.count(b"HTTP/1.1 400") == 1
    assert b"HTTP/1.1 200" not in answer


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x00 not HTTP\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"]
)
def test_what_is_no_request_is_answered_as_a_problem(connection: socket.socket, sent: bytes) -> None:
    connection.sendall(sent)
    answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json\r\n" in answer
    assert b"server:" not in answer.lower()
    assert b"not HTTP" not in answer


def test_a_bad_body_behind_a_request_leaves_that_requests_answer_alone(connection: socket.socket) -> None:
    bad = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n"
    connection.sendall(REQUEST + bad)
    answers = rest(connection)
    assert answers.startswith(b"HTTP/1.1 200 ")
    assert answers.count(b"HTTP/1.1 ") == 1
    assert b"connection: close\r\n" in answers
