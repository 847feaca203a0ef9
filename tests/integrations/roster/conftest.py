"""What tests of imports share."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.integrations.roster.import_job import IMPORT_ROSTER
from tests.support.actors import Tenancy
from tests.support.database import Urls
from tests.support.jobs import working
from tests.support.trees import TreeImporter


@pytest.fixture
async def database(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """The database, as its owner sees it."""
    connection = await asyncpg.connect(urls.owner)
    yield connection
    await connection.close()


@pytest.fixture
async def worker(tenancy: Tenancy) -> AsyncIterator[None]:
    """A worker that imports."""
    async with working(tenancy.app, IMPORT_ROSTER):
        yield


@pytest.fixture
def import_tree(tenancy: Tenancy, tmp_path: Path) -> TreeImporter:
    """Imports texts as files of organizations."""
    return TreeImporter(tenancy, tmp_path)
