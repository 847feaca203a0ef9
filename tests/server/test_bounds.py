"""What connections may hold: their number, the requests they have begun, and the responses they do not take."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from app.server.connections import Limits
from tests.server.threads import Served, rest, serving_app
from tests.support.processes import wait_for

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 4_000_000
SECONDS = 120.0


async def by_path(scope: Any, receive: Any, send: Any) -> None:
    """Answer `/` at once, `/large` with much, and anything else only when the client is gone."""
    if scope["type"] == "lifespan":
        for answer in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{answer}.complete"})
        return
    if scope["path"] not in {"/", "/large"}:
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    body = b"x" * (LARGE if scope["path"] == "/large" else 2)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def get(served: Served, path: bytes = b"/") -> bytes:
    with served.connect() as connection:
        connection.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path)
        return rest(connection)


def connect(
    served: Served, opened: ExitStack, sent: bytes = b"", *, receive_buffer: int | None = None
) -> socket.socket:
    connection = opened.enter_context(served.connect(receive_buffer=receive_buffer))
    connection.sendall(sent)
    return connection


def count(served: Served) -> int:
    return len(served.server.registry)


def answered(served: Served) -> int:
    return served.server.server_state.total_requests


def test_a_connection_too_many_takes_the_place_of_the_one_that_waited_longest(opened: ExitStack) -> None:
    with serving_app(by_path, limits=Limits(connections=3, header_seconds=SECONDS)) as served:
        silent = [connect(served, opened, b"GET / HT") for _ in range(3)]
        wait_for(lambda: count(served) == 3, SECONDS)
        assert get(served).startswith(b"HTTP/1.1 200 ")
        assert rest(silent[0]) == b""
        silent[2].sendall(b"TP/1.1\r\nHost: x\r\n\r\n")
        assert silent[2].recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_a_new_connection_takes_the_place_of_an_idle_one(opened: ExitStack) -> None:
    with serving_app(by_path, limits=Limits(connections=2, header_seconds=SECONDS)) as served:
        idle = [connect(served, opened, REQUEST) for _ in range(2)]
        assert all(connection.recv(65_536).startswith(b"HTTP/1.1 200 ") for connection in idle)
        assert get(served).startswith(b"HTTP/1.1 200 ")
        assert rest(idle[0]) == b""


def test_a_connection_too_many_is_refused_where_every_other_is_served(opened: ExitStack) -> None:
    with serving_app(by_path, limits=Limits(connections=2, header_seconds=SECONDS)) as served:
        for _ in range(2):
            connect(served, opened, REQUEST.replace(b"/", b"/wait", 1))
        wait_for(lambda: len(served.server.server_state.tasks) == 2, SECONDS)
        with served.connect() as refused:
            answer = rest(refused).lower()
        assert answer.startswith(b"http/1.1 503 ")
        assert b"\r\nretry-after: 1\r\n" in answer
        assert b"\r\ncontent-type: application/problem+json\r\n" in answer


def test_the_request_that_holds_most_is_refused_when_all_hold_too_much(opened: ExitStack) -> None:
    with serving_app(by_path, limits=Limits(received_bytes=50_000, header_seconds=SECONDS)) as served:
        head = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: "
        small = connect(served, opened, head + b"y" * 15_000)
        large = connect(served, opened, head + b"y" * 25_000)
        wait_for(lambda: count(served) == 2, SECONDS)
        other = connect(served, opened, head + b"y" * 15_000)
        assert rest(large).startswith(b"HTTP/1.1 503 ")
        for connection in (small, other):
            connection.sendall(b"\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_only_so_many_requests_wait_on_one_connection(opened: ExitStack) -> None:
    with serving_app(by_path, limits=Limits(pipelined=4)) as served:
        connection = connect(served, opened, REQUEST * 100)
        assert rest(connection).count(b"HTTP/1.1 200 ") == 5


def test_a_client_that_takes_nothing_is_cut_off(opened: ExitStack) -> None:
    with serving_app(by_path, limits=Limits(stalled_seconds=0.5)) as served:
        connection = connect(served, opened, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", receive_buffer=4_096)
        wait_for(lambda: answered(served) == 1, SECONDS)
        wait_for(lambda: count(served) == 0, SECONDS)
        assert len(rest(connection)) < LARGE


def test_a_response_that_waits_to_be_taken_does_not_outlive_its_closed_connection(opened: ExitStack) -> None:
    with serving_app(by_path, limits=Limits(stalled_seconds=0.5)) as served:
        sent = b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        connect(served, opened, sent, receive_buffer=4_096)
        wait_for(lambda: answered(served) == 1, SECONDS)
        wait_for(lambda: count(served) == 0, SECONDS)


def test_a_slow_client_that_goes_on_reading_gets_it_all(opened: ExitStack) -> None:
    with serving_app(by_path, limits=Limits(stalled_seconds=3.0)) as served:
        sent = b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        connection = connect(served, opened, sent, receive_buffer=65_536)
        got = 0
        while part := connection.recv(60_000):
            got += len(part)
            time.sleep(0.1)
        assert got > LARGE


def test_clients_that_take_too_little_together_are_cut_off_the_oldest_first(opened: ExitStack) -> None:
    sent = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving_app(by_path, limits=Limits(unsent_bytes=3 * LARGE, stalled_seconds=SECONDS)) as served:
        slow = [connect(served, opened, sent, receive_buffer=4_096) for _ in range(6)]
        wait_for(lambda: answered(served) == 6, SECONDS)
        wait_for(lambda: count(served) <= 3, SECONDS)
        assert len(rest(slow[0])) < LARGE
        assert len(get(served, b"/large")) > LARGE
        assert count(served) >= 2
