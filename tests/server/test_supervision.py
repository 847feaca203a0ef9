"""An embedded server that dies is started again, and a service that cannot get it back ends."""

import os
import signal
from pathlib import Path

import httpx

from tests.support.processes import is_alive, wait_for
from tests.support.services import Service, serving

MINUTES = 180.0


def is_ready(service: Service) -> bool:
    try:
        return httpx.get(f"{service.address}/healthz/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def kill_postmaster(service: Service) -> None:
    """Kill it, and wait until it runs again."""
    postmaster = service.postmaster
    restarts = service.log.read_text().count("runs again")
    os.kill(postmaster, signal.SIGKILL)
    wait_for(lambda: service.log.read_text().count("runs again") > restarts, MINUTES)
    assert not is_alive(postmaster)


def test_a_killed_server_is_started_again(folder: Path) -> None:
    with serving(folder / "data") as service:
        former = service.postmaster
        kill_postmaster(service)
        wait_for(lambda: is_ready(service), MINUTES)
        assert service.postmaster != former
        headers = {"Authorization": f"Bearer {service.key}"}
        assert httpx.get(f"{service.address}/v1/me", headers=headers, trust_env=False).status_code == 200
        assert "was ended by signal 9; restart 1 of at most 3" in service.log.read_text().replace("\\", "")
        assert service.end(signal.SIGTERM) == 0


def test_a_server_that_keeps_dying_ends_the_service_with_one_line(folder: Path) -> None:
    with serving(folder / "data") as service:
        for _ in range(3):
            kill_postmaster(service)
        os.kill(service.postmaster, signal.SIGKILL)
        assert service.process.wait(MINUTES) == 1
        last = service.err.read_text().removeprefix(service.announcement)
        assert last.count("\n") == 1
        assert last.startswith("fa-readiness: The embedded PostgreSQL was ended by signal 9 after 3 restarts")
