from collections.abc import Iterator

import pytest

from tests.migrations.databases import fresh_database
from tests.support.database import Urls


@pytest.fixture
def fresh(server: Urls) -> Iterator[Urls]:
    """An empty database."""
    with fresh_database(server) as urls:
        yield urls
