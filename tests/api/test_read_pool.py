"""The read pool against a database that is gone without a word, or comes back."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import func, select

from app.db.statement import Read, ReadPool
from app.errors import Unavailable
from app.settings import Settings
from tests.support.database import Urls
from tests.support.gate import Gate, gate_before

ONE = Read(select(func.abs(1).label("one")))


@pytest.fixture
async def gate(urls: Urls) -> AsyncIterator[Gate]:
    async with gate_before(urls.service) as made:
        yield made


@pytest.fixture
async def pool(gate: Gate, settings: Settings) -> AsyncIterator[ReadPool]:
    prepares = settings.pooler == "none"
    kept = 100 if prepares else 0
    made = ReadPool(
        lambda: asyncpg.connect(gate.through, timeout=2, statement_cache_size=kept),
        size=2,
        wait=0.2,
        deadline=0.2,
        prepares=prepares,
    )
    yield made
    gate.is_open = True
    await made.close()


async def test_a_silent_database_costs_no_more_than_the_deadline(pool: ReadPool, gate: Gate) -> None:
    assert (await pool.fetch_one(ONE)) is not None
    gate.is_open = False
    with pytest.raises(Unavailable, match="did not answer in time"):
        async with asyncio.timeout(5):
            await pool.fetch_one(ONE)
    gate.is_open = True
    row = await pool.fetch_one(ONE)
    assert row is not None
    assert row["one"] == 1


async def test_those_who_find_no_free_connection_are_told(pool: ReadPool, gate: Gate) -> None:
    await asyncio.gather(pool.fetch_one(ONE), pool.fetch_one(ONE))
    gate.is_open = False
    async with asyncio.timeout(5):
        told = await asyncio.gather(*(pool.fetch_one(ONE) for _ in range(6)), return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in told)
    gate.is_open = True
    assert (await pool.fetch_one(ONE)) is not None


async def test_no_place_is_lost_by_who_gives_up(pool: ReadPool) -> None:
    for turns in range(40):
        asked = [asyncio.create_task(pool.fetch_one(ONE)) for _ in range(6)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for one in asked[turns % 2 :: 2]:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    async with asyncio.timeout(5):
        assert None not in await asyncio.gather(*(pool.fetch_one(ONE) for _ in range(6)))
    assert pool._slots._left == 2


async def test_a_lost_connection_is_replaced_unseen(pool: ReadPool, gate: Gate) -> None:
    await pool.fetch_one(ONE)
    await gate.cut()
    assert (await pool.fetch_one(ONE)) is not None


async def test_what_the_database_refuses_is_told_as_busy(urls: Urls) -> None:
    slow = Read(select(func.pg_sleep(1).label("slept")))
    # Straight to the database: a pooler would hand the setting on to whoever comes next.
    settings = {"statement_timeout": "50ms"}
    pool = ReadPool(lambda: asyncpg.connect(urls.owner, server_settings=settings), size=1, wait=1, deadline=5)
    with pytest.raises(Unavailable):
        await pool.fetch_one(slow)
    assert (await pool.fetch_one(ONE)) is not None
    await pool.close()


async def test_a_database_that_is_not_there_is_told_as_busy() -> None:
    def connect() -> object:
        return asyncpg.connect(host="127.0.0.1", port=1, user="nobody", ssl=False, timeout=1)

    with pytest.raises(Unavailable):
        await ReadPool(connect, size=1, wait=0.2, deadline=1).fetch_one(ONE)
