from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.processes import open_folder
from tests.server.services import Service, serving


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """A service after its very first start, for tests that only look or call."""
    with open_folder() as folder, serving(folder / "data") as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder every account can enter."""
    with open_folder() as path:
        yield path
