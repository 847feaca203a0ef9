"""What tests of votes share."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.support.actors import Tenancy
from tests.support.ballots import Records
from tests.support.database import Urls
from tests.support.team import Team, new_team


@pytest.fixture
def records(tenancy: Tenancy, database: asyncpg.Connection) -> Records:
    return Records(tenancy, database)


@pytest.fixture
async def team(tenancy: Tenancy) -> Team:
    """Two respondents and an observer, voting."""
    team = await new_team(tenancy)
    await team.seat("A")
    await team.seat("B", perspective="manager")
    await team.seat("Observer", seat="observer")
    await team.move("collecting")
    return team


@pytest.fixture
async def database(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """The database, as its owner sees it."""
    connection = await asyncpg.connect(urls.owner)
    yield connection
    await connection.close()
