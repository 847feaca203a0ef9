from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.embedded_postgres.server import EmbeddedServer
from tests.support.processes import moved, open_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as path:
        yield path


@pytest.fixture(scope="session")
def prepared() -> Iterator[Path]:
    """A data directory after its first, ended run."""
    with open_folder() as path:
        with EmbeddedServer(path / "data"):
            pass
        yield path / "data"


@pytest.fixture
def data_dir(prepared: Path, folder: Path) -> Iterator[Path]:
    with moved(prepared, folder / "data") as place:
        yield place


@pytest.fixture(scope="session")
def shared_server() -> Iterator[EmbeddedServer]:
    """A running server for tests that only look."""
    with open_folder() as path, EmbeddedServer(path / "data") as server:
        yield server


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack
