"""A started service on the run's database, so that tests can both call it over sockets and look at the rows."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.database import Urls
from tests.support.processes import open_folder
from tests.support.services import Service, serving


@pytest.fixture(scope="session")
def service(urls: Urls) -> Iterator[Service]:
    """The real command on real sockets. No work in the background changes rows while a test compares them."""
    logins: dict[str, Any] = {"FA_DATABASE_URL": urls.service, "FA_WORKER": "false"}
    if urls.separate:
        logins["FA_OWNER_DATABASE_URL"] = urls.owner
    with open_folder() as folder, serving(folder, FA_LOG_LEVEL="error", **logins) as running:
        yield running
