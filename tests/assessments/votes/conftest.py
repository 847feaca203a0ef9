"""What tests of votes share."""

import asyncpg
import pytest

from tests.support.actors import Tenancy
from tests.support.ballots import Records
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
