"""The operations listener of `fa-readiness serve`."""

from pathlib import Path

import httpx

from tests.server.threads import START_SECONDS
from tests.support.processes import wait_for
from tests.support.services import Service, run, serving


def scrape(service: Service) -> str:
    return httpx.get(f"{service.operations}/metrics", trust_env=False).text


def test_metrics_have_a_port_of_their_own(folder: Path) -> None:
    with serving(folder / "data", FA_METRICS_PORT="0") as service, httpx.Client(trust_env=False) as http:
        http.get(f"{service.address}/v1/me", headers={"Authorization": f"Bearer {service.key}"})
        wait_for(lambda: "fa_periodic_task_lag_seconds{" in scrape(service), START_SECONDS)
        metrics = scrape(service)
        assert 'fa_http_requests_total{method="GET",route="/v1/me",status="2xx"} 1.0' in metrics
        assert "\nfa_http_connections 1.0\n" in metrics
        assert http.get(f"{service.address}/metrics").status_code == 404


def test_no_port_is_opened_unless_a_setting_names_it(service: Service) -> None:
    assert "operations" not in service.announcement


def test_a_taken_port_of_the_operations_listener_is_refused_before_anything_starts(
    folder: Path, service: Service
) -> None:
    status, out, err = run("serve", "--port", "0", FA_DATA_DIR=folder / "data", FA_METRICS_PORT=str(service.port))
    assert (status, out) == (1, "")
    assert err.endswith(": Address already in use. See FA_METRICS_HOST and FA_METRICS_PORT.\n")
    assert not (folder / "data").exists()
