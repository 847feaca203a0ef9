"""Frames that are no HTTP, or HTTP that two parsers read differently, on raw sockets against the started service.

For any input: no 5xx but an honest 501 or 505, no second request read out of the first one's body, nothing changed,
and the service goes on answering.
"""

import asyncio
import re
import socket
import struct
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.fuzz import rows
from tests.support.actors import Tenancy, new_tenancy
from tests.support.services import Service

PATIENCE = 300.0
#: How long after an answer a connection is watched for another one that nobody asked for.
WATCHED = 0.5

HOST = b"Host: localhost\r\n"
SMUGGLED = b"GET /healthz/live HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: smuggled\r\n\r\n"
GOOD = b"GET /healthz/live HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: good-%d\r\n\r\n"


def post(headers: bytes, body: bytes) -> bytes:
    """Return a POST with a placeholder for the credential, this framing and body, and a second request after it."""
    return (
        b"POST /v1/organizations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n"
        b"Content-Type: application/json\r\n" + headers + b"\r\n" + body + SMUGGLED
    )


def get(line: bytes = b"/healthz/live", headers: bytes = b"", version: bytes = b" HTTP/1.1") -> bytes:
    return b"GET " + line + version + b"\r\n" + HOST + headers + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked\r\n"

#: What may never be taken: one refusal at most, and the connection is closed.
REFUSED = {
    "length and chunks": post(b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\n"),
    "chunks and length": post(CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n"),
    "the same length twice": post(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"),
    "a length behind the last chunk": post(CHUNKED, b"2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n"),
    "two lengths": post(b"Content-Length: 2\r\nContent-Length: 80\r\n", b"{}"),
    "two lengths in one": post(b"Content-Length: 2, 80\r\n", b"{}"),
    "length with a sign": post(b"Content-Length: +2\r\n", b"{}"),
    "negative length": post(b"Content-Length: -2\r\n", b"{}"),
    "hexadecimal length": post(b"Content-Length: 0x2\r\n", b"{}"),
    "length with an underscore": post(b"Content-Length: 2_0\r\n", b"{}"),
    "length beyond 64 bits": post(b"Content-Length: 18446744073709551618\r\n", b"{}"),
    "no length but its name": post(b"Content-Length:\r\n", b"{}"),
    "a coding before chunked": post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "chunks in HTTP/1.0": post(CHUNKED, b"2\r\n{}\r\n0\r\n\r\n").replace(b" HTTP/1.1", b" HTTP/1.0", 1),
    "another coding": post(b"Transfer-Encoding: gzip\r\n", b"0\r\n\r\n"),
    "chunked and then another": post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "nearly chunked": post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "chunked with a control character": post(b"Transfer-Encoding: chunked\x0b\r\n", b"0\r\n\r\n"),
    "chunked before a colon's space": post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
    "chunk size of no number": post(CHUNKED, b"zz\r\n{}\r\n0\r\n\r\n"),
    "chunk size with a sign": post(CHUNKED, b"-2\r\n{}\r\n0\r\n\r\n"),
    "chunk size with a prefix": post(CHUNKED, b"0x2\r\n{}\r\n0\r\n\r\n"),
    "chunk size beyond 64 bits": post(CHUNKED, b"10000000000000002\r\n{}\r\n0\r\n\r\n"),
    "chunk longer than its size": post(CHUNKED, b"1\r\n{}\r\n0\r\n\r\n"),
    "chunk line with a bare LF": post(CHUNKED, b"2\n{}\r\n0\r\n\r\n"),
    "chunk extension with a bare LF": post(CHUNKED, b"2;a=b\n{}\r\n0\r\n\r\n"),
    "bare LF": b"GET /healthz/live HTTP/1.1\nHost: localhost\n\n",
    "bare CR": b"GET /healthz/live HTTP/1.1\rHost: localhost\r\r",
    "a header with a bare CR": get(headers=b"X-A: b\rX-C: d\r\n"),
    "NUL in a header": get(headers=b"X-A: b\0c\r\n"),
    "NUL in a header's name": get(headers=b"X\0A: b\r\n"),
    "NUL in the target": get(b"/healthz/\0live"),
    "a header without a name": get(headers=b": b\r\n"),
    "a header without a colon": get(headers=b"X-A\r\n"),
    "a space before the colon": get(headers=b"X-A : b\r\n"),
    "a folded header": get(headers=b"X-A: b\r\n\tc\r\n"),
    "a space before the first header": b"GET /healthz/live HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "no Host": b"GET /healthz/live HTTP/1.1\r\n\r\n",
    "two Hosts": get(headers=b"Host: elsewhere\r\n"),
    "a header of 100,000 characters": get(headers=b"X-A: " + b"b" * 100_000 + b"\r\n"),
    "10,000 headers": get(headers=b"X-A: b\r\n" * 10_000),
    "a target of 100,000 characters": get(b"/" + b"a" * 100_000),
    "HTTP/0.9": get(version=b""),
    "HTTP/9.9": get(version=b" HTTP/9.9"),
    "HTTP/2": get(version=b" HTTP/2.0"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "TLS": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(160),
    "another protocol": b"EHLO localhost\r\nMAIL FROM:<a@localhost>\r\n",
    "a method with a NUL": b"G\0T /healthz/live HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method of lower case": b"get /healthz/live HTTP/1.1\r\n" + HOST + b"\r\n",
}
#: What is answered, each request by itself.
ANSWERED = {
    "one good request": (GOOD % 0, [200]),
    "20 pipelined requests": (b"".join(GOOD % number for number in range(20)), [200] * 20),
    "pipelined behind a refusal": (get(b"/nowhere") + GOOD % 1, [404, 200]),
    "chunks": (post(CHUNKED, b"1\r\n{\r\n1;a=b\r\n}\r\n0\r\n\r\n").removesuffix(SMUGGLED), [422]),
    "chunks with a trailer": (post(CHUNKED, b"2\r\n{}\r\n0\r\nX-A: b\r\n\r\n").removesuffix(SMUGGLED), [422]),
    "what comes after the last request": (get(headers=b"Connection: close\r\n") + SMUGGLED, [200]),
    "no request behind a good one": (GOOD % 3 + b"\0\1\2 /\r\n\r\n" + SMUGGLED, [200]),
    "a request without Host behind good ones": (GOOD % 4 + GOOD % 5 + b"GET / HTTP/1.1\r\n\r\n" + SMUGGLED, [200] * 2),
    "two spaces": (b"GET  /healthz/live  HTTP/1.1\r\n" + HOST + b"\r\n", [200]),
    "a body of another request": (post(b"Content-Length: %d\r\n" % len(SMUGGLED), b""), [400]),
    "absolute form": (get(b"http://elsewhere.example/healthz/live"), [200]),
    "an authority as a path": (get(b"//elsewhere.example/healthz/live"), [404]),
    "a fragment": (get(b"/healthz/live#x"), [200]),
    "dots": (get(b"/healthz/../v1/me"), [404]),
    "HTTP/1.0": (get(version=b" HTTP/1.0"), [200]),
    "HTTP/1.0 without Host": (b"GET /healthz/live HTTP/1.0\r\n\r\n", [200]),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", [404]),
    "an unknown expectation": (get(headers=b"Expect: miracle\r\n"), [200]),
    "an upgrade to HTTP/2": (get(headers=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), [200]),
    "an upgrade to WebSocket": (
        get(headers=b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
        [200],
    ),
    "a line end before the request": (b"\r\n" + GOOD % 2, [200]),
}
#: What ends too early: however it is answered, if at all.
CUT_OFF = {
    "nothing": b"",
    "half a method": b"GE",
    "HTTP/0.9": b"GET /healthz/live\r\n",
    "half the headers": b"GET /healthz/live HTTP/1.1\r\nHost: loc",
    "half a body": post(b"Content-Length: 1000\r\n", b'{"name": "A"').removesuffix(SMUGGLED),
    "half a chunk": post(CHUNKED, b'c8\r\n{"name": "A"').removesuffix(SMUGGLED),
    "no last chunk": post(CHUNKED, b"2\r\n{}\r\n").removesuffix(SMUGGLED),
    "waiting for leave to go on": post(b"Content-Length: 2\r\nExpect: 100-continue\r\n", b"").removesuffix(SMUGGLED),
}


@dataclass
class Answer:
    """One answer, or the beginning of one."""

    status: int
    headers: bytes
    body: bytes


def parsed(got: bytes) -> list[Answer]:
    """Return the answers in what a connection brought."""
    found = []
    while got:
        head, _, rest = got.partition(b"\r\n\r\n")
        line, _, headers = head.partition(b"\r\n")
        matched = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [A-Za-z -]+", line)
        assert matched, got[:200]
        length = re.search(rb"(?im)^content-length: (\d+)\r?$", headers)
        size = int(length[1]) if length else 0
        if matched[1] != b"100":
            found.append(Answer(int(matched[1]), headers.lower(), rest[:size]))
        got = rest[size:]
    return found


@dataclass
class Exchange:
    """What came back on a connection, and whether the service closed it."""

    answers: list[Answer]
    closed: bool


async def exchange(service: Service, sent: bytes) -> Exchange:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    got, closed, patience = b"", False, PATIENCE
    try:
        writer.write(sent)
        await writer.drain()
        while not closed:
            part = await asyncio.wait_for(reader.read(65_536), patience)
            got, closed, patience = got + part, not part, WATCHED
    except TimeoutError:
        pass
    except ConnectionError:
        # A refusal that leaves some of the request unread resets the connection, and may overtake its own answer.
        closed = True
    finally:
        writer.close()
    return Exchange(parsed(got), closed)


@pytest.fixture
async def tenancy(owner: AsyncEngine, app: FastAPI, http: httpx.AsyncClient) -> Tenancy:
    return await new_tenancy(owner, app, http)


def filled(sent: bytes, tenancy: Tenancy) -> bytes:
    return sent.replace(b"TOKEN", tenancy.admin.token.encode())


def faults(answers: list[Answer]) -> list[str]:
    """Return what is wrong with these answers."""
    found = [f"status {one.status}" for one in answers if one.status >= 500 and one.status not in {501, 505}]
    found += ["a smuggled request" for one in answers if b"x-request-id: smuggled" in one.headers]
    found += [
        "not a problem" for one in answers if one.status >= 400 and b"application/problem+json" not in one.headers
    ]
    return found


def assert_alive(service: Service) -> None:
    assert service.process.poll() is None
    with httpx.Client(base_url=service.address, trust_env=False) as client:
        assert client.get("/healthz/ready").status_code == 200
    assert "unhandled" not in service.log.read_text()
    assert "Traceback" not in service.log.read_text() + service.announcement


async def test_what_two_parsers_could_read_differently_is_refused(
    owner: AsyncEngine, service: Service, tenancy: Tenancy
) -> None:
    before = await rows.sums(owner)
    exchanges = await asyncio.gather(*(exchange(service, filled(sent, tenancy)) for sent in REFUSED.values()))
    wrong = []
    for name, one in zip(REFUSED, exchanges, strict=True):
        found = faults(one.answers)
        if len(one.answers) > 1 or any(not answer.status >= 400 for answer in one.answers):
            found.append(f"answered {[answer.status for answer in one.answers]}")
        if not one.closed:
            found.append("left open")
        wrong += [(name, fault) for fault in found]
    assert wrong == []
    assert await rows.sums(owner) == before
    assert_alive(service)


async def test_what_is_unusual_is_answered_request_by_request(
    owner: AsyncEngine, service: Service, tenancy: Tenancy
) -> None:
    before = await rows.sums(owner)
    exchanges = await asyncio.gather(*(exchange(service, filled(sent, tenancy)) for sent, _ in ANSWERED.values()))
    got = {name: [one.status for one in made.answers] for name, made in zip(ANSWERED, exchanges, strict=True)}
    assert got == {name: statuses for name, (_, statuses) in ANSWERED.items()}
    assert [fault for made in exchanges for fault in faults(made.answers)] == []
    pipelined = exchanges[list(ANSWERED).index("20 pipelined requests")].answers
    for number, answer in enumerate(pipelined):
        assert b"x-request-id: good-%d\r\n" % number in answer.headers + b"\r\n"
    assert await rows.sums(owner) == before
    assert_alive(service)


async def test_callers_that_leave_early_leave_nothing(owner: AsyncEngine, service: Service, tenancy: Tenancy) -> None:
    before = await rows.sums(owner)
    for sent in CUT_OFF.values():
        for reset in (False, True):
            with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as connection:
                connection.sendall(filled(sent, tenancy))
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # An answer on a later connection follows what was still to be done on the earlier ones.
    assert_alive(service)
    assert await rows.sums(owner) == before
