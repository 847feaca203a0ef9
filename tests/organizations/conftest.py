"""What tests of the tree share."""

import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.support.database import Urls
from tests.support.moves import SEED


@pytest.fixture
async def database(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """The database, as its owner sees it."""
    connection = await asyncpg.connect(urls.owner)
    yield connection
    await connection.close()


@pytest.fixture
def chance() -> random.Random:
    """The same choices in every run."""
    return random.Random(SEED)  # choices, not secrets
