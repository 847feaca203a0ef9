"""Independent testers of SCIM find no failure in the started service."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from scim2_client import BaseSyncSCIMClient
from scim2_client.errors import RequestNetworkException
from scim2_tester import Status, check_server
from scim_sanity.probe.runner import run_probe_api

from tests.support.report import report
from tests.support.services import Service


class HttpxClient(BaseSyncSCIMClient):
    """The tester's client, on the HTTP library that is installed."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__()
        self._client = client

    def request(self, method: str, url: str, **kwargs: Any) -> httpx.Response:
        try:
            return self._client.request(method, url, **kwargs)
        except httpx.RequestError as error:
            raise RequestNetworkException from error

    def _parse_json(self, response: Any) -> Any:
        return response.json()

    def _stays_under_base_url(self, endpoint: str) -> bool:
        url, base = self._client.build_request("GET", endpoint).url, self._client.base_url
        return url.host == base.host and url.raw_path.startswith(base.raw_path)


@pytest.fixture(scope="module")
def address(service: Service) -> str:
    """The address of SCIM at the started service."""
    return f"{service.address}/scim/v2"


@pytest.fixture(scope="module")
def token(service: Service) -> str:
    """The token of an identity provider."""
    headers = {"Authorization": f"Bearer {service.key}"}
    made = httpx.post(f"{service.address}/v1/scim-tokens", json={"name": "IdP"}, headers=headers, trust_env=False)
    assert made.status_code == 201, made.text
    return str(made.json()["token"])


def test_scim2_tester_finds_nothing_wrong(address: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=address, headers=headers, timeout=120, trust_env=False) as client:
        results = check_server(HttpxClient(client))
    acceptable = {Status.SUCCESS, Status.SKIPPED, Status.COMPLIANT, Status.ACCEPTABLE}
    wrong = [
        (one.status.name, one.title, one.reason, str(one.data)[:300]) for one in results if one.status not in acceptable
    ]
    assert wrong == []
    report(f"scim2-tester: {sum(one.status is Status.SUCCESS for one in results)} of {len(results)} succeed")


def test_scim_sanity_finds_no_failure(address: str, token: str) -> None:
    assert urlsplit(address).hostname == "127.0.0.1"
    found = run_probe_api(address, token=token, timeout=120, strict=True)
    wrong = [one for one in found["results"] if one["status"] in {"fail", "error"}]
    assert wrong == []
    assert found["exit_code"] == 0
    report(f"scim-sanity: {found['summary']}")
