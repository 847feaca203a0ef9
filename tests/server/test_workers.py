"""Several worker processes under one supervisor."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from app.errors import OperatorError
from app.server.listening import bind
from app.server.supervisor import RESTARTS, Supervisor
from app.settings import Settings
from tests.server.threads import START_SECONDS
from tests.support.processes import is_alive, open_folder, wait_for
from tests.support.services import Service, serving

LISTENER = re.compile(r"^  operations +(\S+)/metrics and \S+$", re.MULTILINE)


def workers(service: Service) -> set[int]:
    """The ids of the worker processes."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            command = (stat.parent / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == service.process.pid and state != "Z" and b"app.server.worker_process" in command:
            found.add(int(stat.parent.name))
    return found


def get(service: Service, path: str) -> httpx.Response:
    """GET on a new connection."""
    headers = {"Authorization": f"Bearer {service.key}"}
    return httpx.get(service.address + path, headers=headers, trust_env=False, timeout=START_SECONDS)


def is_up(listener: str) -> bool:
    try:
        return httpx.get(f"{listener}/healthz/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def pair() -> Iterator[Service]:
    """A service of two workers, each with an operations listener."""
    with (
        open_folder() as folder,
        serving(folder / "data", FA_WORKERS="2", FA_METRICS_PORT="0") as service,
    ):
        yield service


def test_two_workers_are_announced_once(pair: Service) -> None:
    assert len(workers(pair)) == 2
    assert pair.announcement.count(" takes requests at ") == 1
    assert len(LISTENER.findall(pair.announcement)) == 2
    assert all(is_up(listener) for listener in LISTENER.findall(pair.announcement))


def is_replaced(service: Service, victim: int) -> bool:
    return victim not in workers(service) and len(workers(service)) == 2


def has_ended_or_restarted(service: Service, former: set[int]) -> bool:
    return service.process.poll() is not None or bool(workers(service) - former)


def test_a_killed_worker_comes_back_while_the_other_serves(pair: Service) -> None:
    for victim in workers(pair):
        os.kill(victim, signal.SIGKILL)
        assert [get(pair, "/v1/me").status_code for _ in range(20)] == [200] * 20
        wait_for(partial(is_replaced, pair, victim), START_SECONDS)
        wait_for(lambda: all(is_up(listener) for listener in LISTENER.findall(pair.announcement)), START_SECONDS)
    assert "was ended by signal 9; restart 1 of at most" in pair.log.read_text().replace("\\", "")


def test_a_stop_drains_all_workers(folder: Path) -> None:
    with (
        serving(folder / "data", FA_WORKERS="2", FA_DRAIN_SECONDS="300") as service,
        httpx.Client(trust_env=False) as http,
    ):
        assert http.get(f"{service.address}/healthz/live").status_code == 200
        children, postmaster = workers(service), service.postmaster
        service.process.send_signal(signal.SIGTERM)
        wait_for(lambda: get(service, "/healthz/ready").status_code == 503, START_SECONDS)
        assert get(service, "/v1/me").headers["connection"] == "close"
        assert service.end(signal.SIGTERM) == 0
        assert "Fatal Python error" not in service.err.read_text()
        assert "Worker process" not in service.log.read_text().replace("\\", "")
        assert not [pid for pid in (*children, postmaster) if is_alive(pid)]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_workers_at_rest_stop_without_an_error(folder: Path, ending: signal.Signals) -> None:
    with serving(folder / "data", FA_WORKERS="2") as service:
        assert service.end(ending) == 0
        assert service.err.read_text() == service.announcement
        assert "Worker process" not in service.log.read_text()


def test_a_worker_that_fails_while_it_stops_is_logged(folder: Path) -> None:
    with serving(folder / "data", FA_WORKERS="2", FA_DRAIN_SECONDS="300") as service:
        with httpx.Client(trust_env=False) as http:
            assert http.get(f"{service.address}/healthz/live").status_code == 200
            service.process.send_signal(signal.SIGTERM)
            wait_for(lambda: get(service, "/healthz/ready").status_code == 503, START_SECONDS)
            for worker in workers(service):
                with suppress(ProcessLookupError):  # nobody was connected to it, so it ended by itself
                    os.kill(worker, signal.SIGKILL)
            assert service.process.wait(START_SECONDS) == 0
        assert "was ended by signal 9 when it was stopped" in service.log.read_text()


@pytest.mark.parametrize("is_operations", [False, True])
def test_a_port_that_another_took_is_one_line_before_a_worker_starts(is_operations: bool) -> None:
    with (
        bind("127.0.0.1", 0) as other,
        bind("127.0.0.1", other.getsockname()[1]) as taken,
        bind("127.0.0.1", 0) as free,
    ):
        other.listen()
        listener, operations = (free, [taken]) if is_operations else (taken, [])
        names = "FA_METRICS_HOST and FA_METRICS_PORT" if is_operations else "FA_HOST and FA_PORT"
        # Settings that no worker could start with.
        supervisor = Supervisor(Settings(workers=2), listener, operations, announce=pytest.fail)
        with pytest.raises(OperatorError, match=rf"^Cannot listen on 127\.0\.0\.1 port \d+: .+ See {names}\.$"):
            supervisor.run()


def test_nothing_outlives_a_killed_supervisor(folder: Path) -> None:
    with serving(folder / "data", FA_WORKERS="2") as service:
        children, postmaster = workers(service), service.postmaster
        service.process.kill()
        wait_for(lambda: not [pid for pid in (*children, postmaster) if is_alive(pid)], START_SECONDS)


def test_workers_that_keep_ending_end_the_service_with_one_line(folder: Path) -> None:
    with serving(folder / "data", FA_WORKERS="2") as service:
        for _ in range(RESTARTS + 1):
            former = workers(service)
            for victim in former:
                os.kill(victim, signal.SIGKILL)
            wait_for(partial(has_ended_or_restarted, service, former), START_SECONDS)
        assert service.process.wait(START_SECONDS) == 1
        last = service.err.read_text().removeprefix(service.announcement)
        assert last.count("\n") == 1
        assert last.startswith("fa-readiness: A worker process was ended by signal 9 after 5 restarts")
