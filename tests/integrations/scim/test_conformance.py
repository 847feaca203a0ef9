"""Independent testers of SCIM find no failure in the service, over HTTP on loopback."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from scim2_client import BaseSyncSCIMClient
from scim2_client.errors import RequestNetworkException
from scim2_tester import Status, check_server
from scim_sanity.probe.runner import run_probe_api

from app.main import create_app
from app.settings import Settings
from tests.support.actors import Tenancy
from tests.support.report import report
from tests.support.scim import new_provisioner

pytestmark = pytest.mark.anyio


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
def address(settings: Settings) -> Iterator[str]:
    """The address of SCIM at a service in a thread."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    app = create_app(settings.model_copy(update={"worker": False}))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, loop="asyncio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    deadline = time.monotonic() + 120
    while not server.started:
        assert thread.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/scim/v2"
    server.should_exit = True
    thread.join(120)
    listening.close()


async def test_scim2_tester_finds_nothing_wrong(tenancy: Tenancy, address: str) -> None:
    idp = await new_provisioner(tenancy)
    headers = {"Authorization": f"Bearer {idp.token}"}
    with httpx.Client(base_url=address, headers=headers, timeout=120) as client:
        results = check_server(HttpxClient(client))
    acceptable = {Status.SUCCESS, Status.SKIPPED, Status.COMPLIANT, Status.ACCEPTABLE}
    wrong = [
        (one.status.name, one.title, one.reason, str(one.data)[:300]) for one in results if one.status not in acceptable
    ]
    assert wrong == []
    report(f"scim2-tester: {sum(one.status is Status.SUCCESS for one in results)} of {len(results)} succeed")


async def test_scim_sanity_finds_no_failure(tenancy: Tenancy, address: str) -> None:
    idp = await new_provisioner(tenancy)
    assert urlsplit(address).hostname == "127.0.0.1"
    found = run_probe_api(address, token=idp.token, timeout=120, strict=True)
    wrong = [one for one in found["results"] if one["status"] in {"fail", "error"}]
    assert wrong == []
    assert found["exit_code"] == 0
    report(f"scim-sanity: {found['summary']}")
