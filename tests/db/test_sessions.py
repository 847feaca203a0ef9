"""What the server ends by itself when the network swallows a client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest

from app.db.connection import Connection
from app.db.engine import Database, open_database
from app.settings import Settings
from tests.support.database import Urls
from tests.support.gate import Gate
from tests.support.waiting import until

#: Behind a pooler the login role carries these settings.
pytestmark = pytest.mark.without_pooler
LOCK = "select pg_advisory_xact_lock(20261130)"
FREE = "select pg_try_advisory_lock(20261130)"


@pytest.fixture
async def database(gate: Gate, settings: Settings) -> AsyncIterator[Database]:
    made = open_database(settings.model_copy(update={"request_seconds": 1.0}), gate.through, role=settings.assumed_role)
    yield made
    await made.close()


async def begin(database: Database) -> Connection:
    """Begin a transaction that holds the lock."""
    connection = await Connection.open(database.engine)
    await connection.begin()
    await connection.raw.execute(LOCK)
    return connection


async def until_free(urls: Urls) -> None:
    """Wait until nobody holds the lock."""
    connection = await asyncpg.connect(urls.owner)
    try:
        await until(lambda: connection.fetchval(FREE), pause=0.1)
    finally:
        await connection.close()


async def test_a_client_swallowed_between_two_statements_holds_its_locks_briefly(
    database: Database, gate: Gate, urls: Urls
) -> None:
    connection = await begin(database)
    gate.replies = False
    await connection.drop()
    await until_free(urls)


#: Before `transaction_timeout` came with 17, the network's own limits hold.
@pytest.mark.postgres(17)
async def test_a_client_swallowed_while_it_prepares_holds_its_locks_briefly(
    database: Database, gate: Gate, urls: Urls
) -> None:
    """Between two messages of one statement neither the statement's limit nor that of an idle transaction counts."""
    connection = await begin(database)
    gate.last_words = b"select 'prepared'"
    preparing = asyncio.create_task(connection.raw.prepare("select 'prepared'"))
    await gate.heard.wait()
    await connection.drop()
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await preparing
    await until_free(urls)
