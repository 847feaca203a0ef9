"""What tests of imports share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.integrations.roster.import_job import IMPORT_ROSTER
from tests.support.actors import Tenancy
from tests.support.jobs import working
from tests.support.trees import TreeImporter


@pytest.fixture
async def worker(tenancy: Tenancy) -> AsyncIterator[None]:
    """A worker that imports."""
    async with working(tenancy.app, IMPORT_ROSTER):
        yield


@pytest.fixture
def import_tree(tenancy: Tenancy, tmp_path: Path) -> TreeImporter:
    """Imports texts as files of organizations."""
    return TreeImporter(tenancy, tmp_path)
