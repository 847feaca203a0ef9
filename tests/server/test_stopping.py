"""How the service stops and what it refuses while it starts, as processes."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.errors import OperatorError
from app.server.listening import bind
from app.server.web_server import create_server
from tests.server.test_refusals import headers_after_body
from tests.server.threads import START_SECONDS, serving_app
from tests.support.processes import is_alive, open_folder, wait_for
from tests.support.services import Service, begin, finish, serving

LONG = "300"


@pytest.fixture(scope="module")
def stopping() -> Iterator[Service]:
    """A service that has got SIGTERM and drains for longer than the tests take."""
    with (
        open_folder() as folder,
        serving(folder / "data", FA_DRAIN_SECONDS=LONG, FA_METRICS_PORT="0") as service,
        httpx.Client(base_url=service.address, trust_env=False) as http,
    ):
        assert http.get("/healthz/ready").status_code == 200
        service.process.send_signal(signal.SIGTERM)
        wait_for(lambda: get(service, "/healthz/ready").status_code == 503, START_SECONDS)
        yield service


def get(service: Service, path: str) -> httpx.Response:
    return httpx.get(service.address + path, headers={"Authorization": f"Bearer {service.key}"}, trust_env=False)


def test_a_stopping_service_is_not_ready_and_tells_operators_why(stopping: Service) -> None:
    answer = get(stopping, "/healthz/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert "stopping" not in answer.text
    wrong = httpx.get(f"{stopping.operations}/healthz/ready", trust_env=False)
    assert (wrong.status_code, wrong.json()["reason"]) == (503, "stopping")


def test_a_stopping_service_is_alive(stopping: Service) -> None:
    assert get(stopping, "/healthz/live").status_code == 200


def test_a_stopping_service_serves_the_last_request_of_each_connection(stopping: Service) -> None:
    with httpx.Client(base_url=stopping.address, trust_env=False) as http:
        answer = http.get("/v1/me", headers={"Authorization": f"Bearer {stopping.key}"})
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


def test_a_second_signal_ends_the_service_at_once(folder: Path) -> None:
    with serving(folder / "data", FA_DRAIN_SECONDS=LONG) as service, httpx.Client(trust_env=False) as http:
        assert http.get(f"{service.address}/healthz/live").status_code == 200
        service.process.send_signal(signal.SIGTERM)
        wait_for(lambda: get(service, "/healthz/ready").status_code == 503, START_SECONDS)
        postmaster = service.postmaster
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(int(LONG) / 2) == 0
        assert not is_alive(postmaster)


def test_a_service_that_nobody_is_connected_to_stops_without_a_drain(folder: Path) -> None:
    with serving(folder / "data", FA_DRAIN_SECONDS="600") as service:
        assert service.end(signal.SIGTERM) == 0


def test_nothing_listens_before_the_service_is_ready(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        url = f"postgresql://someone@127.0.0.1:{silent.getsockname()[1]}/none?sslmode=disable"
        started = begin("serve", "--port", str(port), FA_DATABASE_URL=url, FA_DATA_DIR=folder / "data")
        try:
            silent.settimeout(START_SECONDS)
            database, _ = silent.accept()
            with database, pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS)
        finally:
            started.kill()
            finish(started)


def test_a_port_that_another_took_during_the_start_is_refused_in_one_line() -> None:
    with bind("127.0.0.1", 0) as other, bind("127.0.0.1", other.getsockname()[1]) as listener:
        other.listen()
        with pytest.raises(OperatorError, match=r"^Cannot listen on 127\.0\.0\.1 port \d+: .+ See FA_HOST and FA_PORT"):
            create_server(headers_after_body).run([listener])


def test_a_service_that_stops_finishes_a_request_that_has_begun() -> None:
    with serving_app(headers_after_body) as served, served.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
        wait_for(lambda: len(served.server.server_state.tasks) == 1, START_SECONDS)
        served.server.should_exit = True
        wait_for(lambda: served.server.registry.is_draining, START_SECONDS)
        connection.sendall(b"}")
        answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close\r\n" in answer
