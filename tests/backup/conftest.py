"""The command line of tests/server, for these tests too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.conftest import fa
from tests.support.processes import open_folder

__all__ = ["fa", "folder"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder every account can enter."""
    with open_folder() as path:
        yield path
