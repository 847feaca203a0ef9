from collections.abc import Iterator

import pytest

from tests.support.database import Urls
from tests.support.databases import fresh_database


@pytest.fixture
def fresh(server: Urls) -> Iterator[Urls]:
    """An empty database."""
    with fresh_database(server) as urls:
        yield urls
