"""A started service for the clients: the first tenant and its admin key, nothing else."""

from collections.abc import Iterator

import pytest

from tests.support.processes import open_folder
from tests.support.services import Service, serving


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """The service as anybody would start it."""
    with open_folder() as folder, serving(folder / "data") as running:
        yield running
