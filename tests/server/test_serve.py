"""`fa-readiness serve` as a process: its first start, its refusals, its ends, and what a kill leaves."""

import re
import signal
import socket
import stat
import time
from pathlib import Path
from typing import Any

import httpx

from app.db.schema.migrate import head
from tests.support.database import Urls
from tests.support.databases import fresh_database
from tests.support.processes import is_alive, wait_for
from tests.support.services import Service, begin, finish, run, serving

KEY = re.compile(r"fa_[0-9a-f]{32}_[A-Za-z0-9_-]{43}")


def client(service: Service, key: str | None = None) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key or service.key}"}
    return httpx.Client(base_url=service.address, headers=headers, trust_env=False)


def test_the_first_start_names_the_file_of_the_key_and_keeps_it_private(service: Service) -> None:
    path = service.data_dir / "first-admin-key"
    assert str(path) in service.announcement
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert service.announcement.count("\n") == 6
    assert service.announcement.startswith("fa-readiness ")


def test_the_key_is_not_printed_where_a_log_would_keep_it(service: Service) -> None:
    assert KEY.fullmatch(service.key)
    assert not KEY.search(service.announcement)


def test_it_is_ready_and_lets_the_key_in(service: Service) -> None:
    with client(service) as http:
        ready = http.get("/healthz/ready")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "revision": head()})
        me = http.get("/v1/me").json()
        assert [grant["role"] for grant in me["grants"]] == ["admin"]
        assert http.get("/openapi.json").json()["info"]["version"]
        [root] = http.get("/v1/organizations").json()["items"]
        assert root["name"] == "My agency"


def test_answers_do_not_name_the_server(service: Service) -> None:
    with client(service) as http:
        headers = http.get("/healthz/live").headers
    assert "server" not in headers
    assert "date" in headers


def test_the_log_has_requests_and_no_key(service: Service) -> None:
    with client(service) as http:
        http.get("/v1/me", headers={"X-Request-Id": "seen-in-the-log"})
    wait_for(lambda: b"seen-in-the-log" in service.log.read_bytes())
    assert service.key not in service.log.read_text()
    assert service.key.rpartition("_")[2] not in (service.data_dir / "postgres.log").read_text()


def test_a_taken_port_is_told_before_anything_starts(folder: Path, service: Service) -> None:
    status, out, err = run("serve", "--port", str(service.port), FA_DATA_DIR=folder / "data")
    assert (status, out) == (1, "")
    assert err == (
        f"fa-readiness: Cannot listen on 127.0.0.1 port {service.port}: Address already in use. "
        "See FA_HOST and FA_PORT.\n"
    )
    assert not (folder / "data").exists()


def test_keys_made_and_revoked_beside_a_running_service(service: Service) -> None:
    at = {"FA_DATA_DIR": service.data_dir}
    status, out, err = run("keys", "create", "--tenant", "main", "--name", "Reader", "--role", "viewer", **at)
    assert (status, err) == (0, "")
    key_id, key = re.findall(r"^\w+ +(\S+)$", out, re.MULTILINE)
    with client(service, key) as http:
        assert http.get("/v1/me").json()["name"] == "Reader"
        status, _, err = run("keys", "revoke", "--tenant", "main", key_id, **at)
        assert (status, err) == (0, "")
        wait_for(lambda: http.get("/v1/me").status_code == 401)
    assert is_alive(service.postmaster)


def test_a_killed_service_loses_nothing_and_ends_in_order(folder: Path) -> None:
    data_dir = folder / "data"
    with serving(data_dir) as first, client(first) as http:
        root_id = http.get("/v1/me").json()["grants"][0]["organization_id"]
        body = {"parent_id": root_id, "kind": "site", "name": "Kept"}
        assert http.post("/v1/organizations", json=body).status_code == 201
        key = first.key
        first.process.kill()

    with serving(data_dir) as second:
        assert not KEY.search(second.announcement)
        assert str(data_dir / "first-admin-key") in second.announcement
        with client(second) as http:
            assert "Kept" in [item["name"] for item in http.get("/v1/organizations").json()["items"]]
        postmaster = second.postmaster
        unfinished = begin_request(second, key)
        second.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert finish_request(unfinished).startswith(b"HTTP/1.1 201 ")
        assert second.process.wait(20) == 0
        assert not is_alive(postmaster)


LATE = b'{"parent_id": "%s", "kind": "site", "name": "Late"}'


def begin_request(service: Service, key: str) -> tuple[socket.socket, bytes]:
    """Send all of a POST but its last byte."""
    with client(service, key) as http:
        body = LATE % http.get("/v1/me").json()["grants"][0]["organization_id"].encode()
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=300)
    head_lines = (
        f"POST /v1/organizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head_lines.encode() + body[:-1])
    time.sleep(0.1)
    return connection, body[-1:]


def finish_request(begun: tuple[socket.socket, bytes]) -> bytes:
    connection, rest = begun
    with connection:
        connection.sendall(rest)
        return connection.recv(65_536)


def test_a_given_database_gets_its_first_tenant_too(server: Urls, folder: Path) -> None:
    with fresh_database(server) as urls:
        given: dict[str, Any] = {"FA_DATABASE_URL": urls.service, "FA_LOG_FORMAT": "json"}
        if urls.separate:
            given["FA_OWNER_DATABASE_URL"] = urls.owner
        with serving(folder / "data", **given) as service, client(service) as http:
            assert http.get("/v1/me").status_code == 200
            assert sorted(path.name for path in service.data_dir.iterdir()) == ["first-admin-key"]
            assert service.end(signal.SIGINT) == 0


def test_two_may_migrate_at_once(server: Urls) -> None:
    with fresh_database(server) as urls:
        given: dict[str, Any] = {"FA_DATABASE_URL": urls.service}
        if urls.separate:
            given["FA_OWNER_DATABASE_URL"] = urls.owner
        begun = [begin("migrate", **given) for _ in range(2)]
        # One of them may say on stderr that it waits for the other.
        assert [finish(process)[:2] for process in begun] == [(0, f"{head()}\n")] * 2
