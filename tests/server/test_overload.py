"""Clients that begin requests and never finish them delay no client that wants an answer."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.server.threads import START_SECONDS, rest
from tests.support.services import Service, serving

SLOW_HEADERS, SLOW_BODIES, PROBES = 1_500, 600, 50
HEAD = b"GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Slow: "


def post(key: str, length: int, sent: bytes) -> bytes:
    return (
        f"POST /v1/organizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode() + sent


@contextmanager
def begun(service: Service, sent: bytes, number: int) -> Iterator[list[socket.socket]]:
    """Begin this number of requests, each on a separate connection."""
    with ExitStack() as stack:
        made = []
        for _ in range(number):
            connection = socket.create_connection(("127.0.0.1", service.port), timeout=START_SECONDS)
            made.append(stack.enter_context(connection))
            connection.sendall(sent)
        yield made


def probe(service: Service) -> set[int]:
    with httpx.Client(base_url=service.address, trust_env=False, timeout=START_SECONDS) as http:
        known = {"Authorization": f"Bearer {service.key}"}
        paths = ["/healthz/live", "/healthz/ready", "/v1/me"]
        return {http.get(path, headers=known).status_code for path in paths * PROBES}


def test_requests_are_answered_beside_many_that_never_end(service: Service) -> None:
    with (
        begun(service, HEAD, SLOW_HEADERS),
        begun(service, post(service.key, 1_000, b"{"), SLOW_BODIES),
    ):
        assert probe(service) == {200}
        with httpx.Client(base_url=service.address, trust_env=False, timeout=START_SECONDS) as new:
            assert new.get("/healthz/live").status_code == 200


def test_a_body_that_does_not_arrive_is_a_timeout_of_the_request(folder: Path) -> None:
    with (
        serving(folder / "data", FA_REQUEST_SECONDS="1") as service,
        begun(service, post(service.key, 1_000, b'{"parent_id": '), 1) as [connection],
    ):
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\nconnection: close\r\n" in answer
    assert b'"code": "request_timeout"' in answer
