"""The command line of tests/server, for these tests too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.processes import open_folder
from tests.server.conftest import fa

__all__ = ["fa", "folder"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder every account can enter."""
    with open_folder() as path:
        yield path
