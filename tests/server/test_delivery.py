"""An answer written in one piece is the answer uvicorn would have written, byte by byte, on raw sockets."""

import re
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.support.services import Service

ID = "X-Request-Id: the-same"


@pytest.fixture
def root(service: Service) -> str:
    """The path of the root organization."""
    answer = httpx.get(f"{service.address}/v1/organizations", headers={"Authorization": f"Bearer {service.key}"})
    return f"/v1/organizations/{answer.json()['items'][0]['id']}"


@pytest.fixture
def connection(service: Service) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=300) as made:
        yield made


def request(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", ID, *headers, "", ""]).encode()


def answer(connection: socket.socket) -> tuple[list[bytes], bytes]:
    """Read one answer, and return the lines of its head, and its body."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65_536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65_536)
    return head.split(b"\r\n"), body


@pytest.mark.parametrize("case", ["200", "304", "401", "404", "422", "list"])
def test_both_ways_write_the_same(service: Service, connection: socket.socket, root: str, case: str) -> None:
    known = f"Authorization: Bearer {service.key}"
    path, headers = root, [known]
    if case == "304":
        tag = httpx.get(service.address + root, headers={"Authorization": f"Bearer {service.key}"}).headers["etag"]
        headers = [known, f"If-None-Match: {tag}"]
    elif case == "401":
        headers = []
    elif case == "404":
        path = root[:-4] + "0000"
    elif case == "422":
        path = root + "?colour=red"
    elif case == "list":
        path = "/v1/instruments?limit=1"

    connection.sendall(request(path, *headers))
    whole, body = answer(connection)
    connection.sendall(request(path, *headers, "Connection: close"))
    usual, usual_body = answer(connection)

    assert whole[0].split()[1].decode() == ("200" if case == "list" else case)
    assert usual.pop() == b"connection: close"
    assert [line for line in whole if not line.startswith(b"date")] == [
        line for line in usual if not line.startswith(b"date")
    ]
    assert body == usual_body
    assert connection.recv(1) == b""


@pytest.mark.parametrize("case", ["200", "204", "401", "409", "422", "428"])
def test_writes_are_written_the_same_both_ways(
    service: Service, connection: socket.socket, root: str, case: str
) -> None:
    path, method, body = root, "PATCH", b'{"staff_count": 3}'
    headers = [f"Authorization: Bearer {service.key}", "If-Match: *"]
    if case == "204":
        method, body = "DELETE", b""
    elif case == "401":
        headers = []
    elif case == "409":
        method, path, body = "POST", f"{root}/move", f'{{"parent_id": "{root.rpartition("/")[2]}"}}'.encode()
    elif case == "422":
        body = b"[]"
    elif case == "428":
        headers = headers[:1]

    def asked(*more: str) -> bytes:
        nonlocal path
        if case == "204":
            made = httpx.post(
                f"{service.address}/v1/organizations",
                json={"parent_id": root.rpartition("/")[2], "kind": "team", "name": "Team"},
                headers={"Authorization": f"Bearer {service.key}"},
            )
            path = f"/v1/organizations/{made.json()['id']}"
        lines = [*headers, "Content-Type: application/json", f"Content-Length: {len(body)}", *more]
        return request(path, *lines, method=method) + body

    connection.sendall(asked())
    whole, got = answer(connection)
    connection.sendall(asked("Connection: close"))
    usual, usual_got = answer(connection)

    assert whole[0].split()[1].decode() == case
    assert usual.pop() == b"connection: close"
    # A changed resource has another version and another instant.
    varies = re.compile(rb"date|etag")
    assert [line for line in whole if not varies.match(line)] == [line for line in usual if not varies.match(line)]
    assert len(got) == len(usual_got)
    assert connection.recv(1) == b""


def statuses(connection: socket.socket, count: int) -> list[bytes]:
    """Return the answers. There are as many as requests, and the last body ends in a brace."""
    got = b""
    while len(found := re.findall(rb"HTTP/1\.1 (\d+)", got)) < count or not got.endswith(b"}"):
        got += connection.recv(65_536)
    return found


def test_requests_sent_together_are_answered_in_order(service: Service, connection: socket.socket, root: str) -> None:
    known = f"Authorization: Bearer {service.key}"
    paths = [root, "/v1/me", "/healthz/live", root, "/nothing"]
    connection.sendall(b"".join(request(path, known) for path in paths))
    assert statuses(connection, len(paths)) == [b"200", b"200", b"200", b"200", b"404"]


def test_a_body_that_nobody_reads_does_not_disturb_the_next_request(
    service: Service, connection: socket.socket, root: str
) -> None:
    known = f"Authorization: Bearer {service.key}"
    with_body = request(root, known, "Content-Length: 5", "Expect: 100-continue")
    connection.sendall(with_body + b"12345" + request("/nothing", known))
    assert statuses(connection, 2) == [b"200", b"404"]
