"""One request does not stop the others: `/healthz/live` and a read answer during each attack on a running service.

The bounds themselves are tested in `tests/http/test_bounds.py`; here two probes run during the attack. The limit of the
one for `/healthz/live` is far above what a bounded request costs and far below what an unbounded one did.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress

import httpx
import pytest

from tests.support.report import report
from tests.support.services import Service

LIMIT_SECONDS = 5.0


class Probe(threading.Thread):
    """Asks for one path again and again."""

    def __init__(self, service: Service, path: str) -> None:
        super().__init__()
        self.service = service
        self.path = path
        self.answers = 0
        self.statuses: set[int] = set()
        self.longest = 0.0
        self.stop = threading.Event()
        self.answered = threading.Event()

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self.service.key}"}
        with httpx.Client(base_url=self.service.address, timeout=300, headers=headers) as client:
            while not self.stop.is_set():
                began = time.monotonic()
                self.statuses.add(client.get(self.path).status_code)
                self.longest = max(self.longest, time.monotonic() - began)
                self.answers += 1
                self.answered.set()


@contextmanager
def probed(service: Service) -> Iterator[None]:
    """Run the probes during the attack."""
    live, read = probes = [Probe(service, path) for path in ("/healthz/live", "/v1/organizations?limit=1")]
    for probe in probes:
        probe.start()
    try:
        yield
    finally:
        for probe in probes:
            probe.answered.wait(300)
            probe.stop.set()
            probe.join()
    assert (live.statuses, read.statuses) == ({200}, {200})
    assert live.longest < LIMIT_SECONDS
    report(f"{live.answers} answers, the slowest after {live.longest:.3f} s; {read.answers} reads")


def items(**fields: object) -> bytes:
    item = {"organization_id": "x", "title": "T", "practices": [], **fields}
    return json.dumps({"items": [item] * 90}, ensure_ascii=False).encode()


BODIES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "combining runs": ("/v1/action-items/bulk", lambda: items(description="a" + "\u0316\u0301" * 2_400)),
    "faults": ("/v1/action-items/bulk", lambda: b'{"items": [' + b"1," * 24_000 + b"1]}"),
    "faults beyond the bound": ("/v1/action-items/bulk", lambda: b'{"items": [' + b"1," * 92_000 + b"1]}"),
    "fields": ("/v1/readiness/compute", lambda: json.dumps({"k" * 99 + str(one): 1 for one in range(9_000)}).encode()),
    "brackets": ("/v1/readiness/compute", lambda: b"[" * 1_000_000),
    "empty lists": ("/v1/readiness/compute", lambda: b"[" + b"[]," * 300_000 + b"1]"),
}


@pytest.mark.parametrize("with_key", [True, False], ids=["with a key", "without"])
@pytest.mark.parametrize("name", BODIES)
def test_the_service_answers_beside_hostile_bodies(service: Service, name: str, with_key: bool) -> None:
    path, make = BODIES[name]
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {service.key}"} if with_key else {}
    content = make()
    assert len(content) <= 1_048_576
    with probed(service), httpx.Client(base_url=service.address, timeout=300) as client:
        for _ in range(10):
            try:
                answer = client.post(path, content=content, headers=headers)
            except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
                # Without credentials the connection is closed while the body is still being sent.
                assert not with_key
            else:
                assert answer.status_code in ({400, 422} if with_key else {401})


def test_the_service_answers_beside_padded_and_unknown_credentials(service: Service) -> None:
    with probed(service), httpx.Client(base_url=service.address, timeout=300) as client:
        for number in range(300):
            padded = client.get("/v1/me", headers={"Authorization": f"Bearer {' ' * number}{service.key}"})
            unknown = f"fa_{'0' * 32}_{number:043d}"
            refused = client.get("/v1/me", headers={"Authorization": f"Bearer {unknown}"})
            assert padded.status_code == (401 if number else 200)
            assert refused.status_code == 401


@pytest.mark.parametrize(
    ("path", "with_key"), [("/v1/organizations", True), ("/v1/organizations", False), ("/v1/seats/claim", False)]
)
def test_the_service_answers_beside_idle_bodies(service: Service, path: str, with_key: bool) -> None:
    credential = f"Authorization: Bearer {service.key}\r\n" if with_key else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"{credential}Content-Length: 1000000\r\n\r\n"
    )
    with probed(service), ExitStack() as stack:
        for _ in range(150):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=300))
            # Without credentials the connection is closed while the body is still being sent.
            with nullcontext() if with_key else suppress(ConnectionError):
                connection.sendall(head.encode() + b" " * 50_000)
        answer = httpx.get(f"{service.address}/v1/me", headers={"Authorization": f"Bearer {service.key}"}, timeout=300)
        assert answer.status_code == 200
