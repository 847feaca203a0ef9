"""Reads against a database that is gone without a word, comes back, or refuses."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import func, select

from app.db.connection import Connection
from app.db.deadline import RequestDeadline
from app.db.pool import Pool
from app.db.statement import Read
from app.errors import Unavailable
from app.settings import Settings
from tests.support.database import Urls
from tests.support.gate import Gate, gate_before

ONE = Read(select(func.abs(1).label("one")))
SLOW = Read(select(func.pg_sleep(0.3).label("slept")))
LIMIT = 300


@pytest.fixture
async def gate(urls: Urls) -> AsyncIterator[Gate]:
    async with gate_before(urls.service) as made:
        yield made


@pytest.fixture
async def pool(gate: Gate, settings: Settings) -> AsyncIterator[Pool]:
    kept = 100 if settings.pooler == "none" else 0

    async def connect() -> Connection:
        raw = await asyncpg.connect(gate.through, timeout=2, statement_cache_size=kept)
        return Connection(raw, keeps_statements=kept > 0)

    made = Pool(connect, size=3, wait=5, seconds=1)
    yield made
    gate.is_open = True
    await made.close()


async def fill(pool: Pool) -> None:
    """Open every connection that one holder may have."""
    await asyncio.gather(pool.fetch_one(SLOW), pool.fetch_one(SLOW))


async def test_a_silent_database_costs_the_deadline(pool: Pool, gate: Gate) -> None:
    assert (await pool.fetch_one(ONE)) is not None
    gate.is_open = False
    with pytest.raises(Unavailable, match="did not answer in time"):
        async with asyncio.timeout(LIMIT):
            await pool.fetch_one(ONE)
    gate.is_open = True
    row = await pool.fetch_one(ONE)
    assert row is not None
    assert row["one"] == 1


async def test_all_reads_of_a_request_share_one_deadline(pool: Pool) -> None:
    done = 0
    with pytest.raises(Unavailable, match="did not answer in time"), RequestDeadline(1):
        for _ in range(20):
            await pool.fetch_one(SLOW)
            done += 1
    assert 0 < done <= 3


async def test_opening_a_connection_counts_against_the_deadline(pool: Pool, gate: Gate) -> None:
    gate.is_open = False
    with pytest.raises(Unavailable), RequestDeadline(0.2):
        async with asyncio.timeout(LIMIT):
            await pool.fetch_one(ONE)


async def test_a_read_that_finds_no_free_connection_is_refused(pool: Pool, gate: Gate) -> None:
    await fill(pool)
    gate.is_open = False
    async with asyncio.timeout(LIMIT):
        answers = await asyncio.gather(*(pool.fetch_one(ONE) for _ in range(6)), return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in answers)
    gate.is_open = True
    assert (await pool.fetch_one(ONE)) is not None


@pytest.mark.parametrize("turns", range(0, 40, 4))
async def test_a_cancelled_read_gives_its_permit_back(pool: Pool, turns: int) -> None:
    reads = [asyncio.create_task(pool.fetch_one(ONE)) for _ in range(6)]
    for _ in range(turns):
        await asyncio.sleep(0)
    for one in reads[::2]:
        one.cancel()
    await asyncio.gather(*reads, return_exceptions=True)
    async with asyncio.timeout(LIMIT):
        assert None not in await asyncio.gather(*(pool.fetch_one(ONE) for _ in range(6)))
    assert pool._permits.free == 3


async def test_lost_connections_are_replaced_unseen(pool: Pool, gate: Gate) -> None:
    await fill(pool)
    await gate.cut()
    assert None not in await asyncio.gather(*(pool.fetch_one(ONE) for _ in range(4)))


async def test_a_statement_the_database_gives_up_leaves_the_connection_good(urls: Urls) -> None:
    async def connect() -> Connection:
        # Straight to the database: a pooler would hand the setting on to the next client.
        return Connection(await asyncpg.connect(urls.owner, server_settings={"statement_timeout": "50ms"}))

    pool = Pool(connect, size=1, wait=1, seconds=5)
    with pytest.raises(Unavailable, match="busy"):
        await pool.fetch_one(SLOW)
    [kept] = pool._idle
    assert (await pool.fetch_one(ONE)) is not None
    assert pool._idle == [kept]
    await pool.close()


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    async def connect() -> Connection:
        return Connection(await asyncpg.connect(host="127.0.0.1", port=1, user="nobody", ssl=False, timeout=1))

    with pytest.raises(Unavailable, match="cannot be reached"):
        await Pool(connect, size=1, wait=0.2, seconds=1).fetch_one(ONE)
