"""The metrics of an app, as Prometheus scrapes them."""

import pytest

from app.db.errors import Reason
from app.telemetry.requests import BUCKETS, RequestCounts
from tests.support.actors import Actor, Tenancy
from tests.telemetry.conftest import Measured

ORGANIZATION = "/v1/organizations/{organization_id}"


async def test_requests_are_counted_by_the_template_of_their_route(measured: Measured, tenancy: Tenancy) -> None:
    for _ in range(2):
        assert (await measured.admin.get(f"/v1/organizations/{tenancy.root_id}")).status_code == 200
    labels = {"method": "GET", "route": ORGANIZATION}
    assert await measured.value("fa_http_requests_total", status="2xx", **labels) == 2
    assert await measured.value("fa_http_request_duration_seconds_count", **labels) == 2
    assert await measured.value("fa_http_request_duration_seconds_bucket", le="+Inf", **labels) == 2
    assert tenancy.root_id not in await measured.text()


async def test_paths_that_do_not_exist_share_one_series(measured: Measured) -> None:
    for number in range(3):
        assert (await measured.admin.get(f"/v1/unknown/{number}")).status_code == 404
    assert await measured.value("fa_http_requests_total", method="GET", route="none", status="4xx") == 3
    assert "unknown" not in await measured.text()


async def test_methods_that_do_not_exist_share_one_series(measured: Measured) -> None:
    for name in ("MADEUP", "INVENTED"):
        await measured.admin.call(name, "/v1/me")
    assert "MADEUP" not in await measured.text()
    assert len([line for line in (await measured.text()).splitlines() if 'method="other"' in line]) > 0


async def test_refused_credentials_are_counted_by_their_code(measured: Measured) -> None:
    stranger = Actor(measured.admin.http, "fa_nobody")
    assert (await stranger.get("/v1/me")).status_code == 401
    assert await measured.value("fa_http_problems_total", code="unauthorized") == 1


async def test_refused_claims_of_seats_are_counted(measured: Measured) -> None:
    answer = await measured.admin.http.post("/v1/seats/claim", json={"code": "made-up"})
    assert (answer.status_code, answer.json()["code"]) == (404, "invitation_not_found")
    assert await measured.value("fa_http_problems_total", code="invitation_not_found") == 1


async def test_a_use_that_gets_no_connection_in_time_is_counted(measured: Measured, tenancy: Tenancy) -> None:
    assert await measured.value("fa_database_connections_max", pool="writes") == 1
    async with measured.state.database.writes.transaction(tenancy.tenant_id):
        assert await measured.value("fa_database_connections_in_use", pool="writes") == 1
        body = {"parent_id": tenancy.root_id, "kind": "site", "name": "Site"}
        assert (await measured.admin.post("/v1/organizations", body)).status_code == 503
    assert await measured.value("fa_database_pool_waits_total", pool="writes") == 1
    assert await measured.value("fa_database_pool_timeouts_total", pool="writes") == 1
    assert (await measured.value("fa_database_pool_wait_seconds_total", pool="writes") or 0) > 0
    assert await measured.value("fa_database_failures_total", reason=Reason.BUSY.value) == 1
    assert await measured.value("fa_database_connections_in_use", pool="writes") == 0


async def test_no_request_is_in_flight_when_all_are_answered(measured: Measured) -> None:
    await measured.admin.get("/v1/me")
    assert await measured.value("fa_http_requests_in_flight") == 0


async def test_the_process_and_the_release_are_described(measured: Measured) -> None:
    text = await measured.text()
    assert "fa_build_info{version=" in text
    assert "process_resident_memory_bytes" in text


async def test_metrics_are_not_served_with_the_api(measured: Measured) -> None:
    assert (await measured.admin.get("/metrics")).status_code == 404


async def test_the_operations_listener_serves_nothing_else(measured: Measured) -> None:
    assert (await measured.operations.get("/v1/me")).status_code == 404


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (0.001, 0), (0.0011, 1), (10.0, 12), (11.0, 13)])
def test_a_duration_falls_into_the_bucket_that_it_does_not_exceed(seconds: float, bucket: int) -> None:
    counts = RequestCounts()
    counts.add("GET", "/v1/me", 200, seconds)
    [histogram] = [one for one in counts.collect() if one.type == "histogram"]
    below = [sample.value for sample in histogram.samples if sample.name.endswith("_bucket")]
    assert below == [0] * bucket + [1] * (len(BUCKETS) + 1 - bucket)


def test_the_number_of_series_has_a_bound_whatever_callers_send() -> None:
    counts = RequestCounts()
    for number in range(1_000):
        counts.add(f"M{number}", None, 404, 0.0)
    [requests] = [one for one in counts.collect() if one.name == "fa_http_requests"]
    assert [sample.value for sample in requests.samples if sample.name.endswith("_total")] == [1_000]
