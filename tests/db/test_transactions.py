"""Transactions of the pool: what is kept, what is undone, and what becomes of a connection after trouble."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.db.connection import Connection, NotCommitted
from app.db.deadline import RequestDeadline
from app.db.engine import open_database
from app.db.errors import may_try_again
from app.db.pool import Pool
from app.db.statement import Read
from app.errors import Invalid, Unavailable
from app.settings import Settings
from tests.support.database import Urls, run
from tests.support.gate import Gate, gate_before

TENANT = uuid4()
SETTING = "coalesce(current_setting('app.kept', true), '')"


@pytest.fixture
async def gate(urls: Urls) -> AsyncIterator[Gate]:
    async with gate_before(urls.service) as made:
        yield made


@pytest.fixture
async def pool(gate: Gate, settings: Settings) -> AsyncIterator[Pool]:
    few = settings.model_copy(update={"pool_size": 3, "pool_seconds": 0.2})
    database = open_database(few, gate.through, role=settings.assumed_role)
    yield database.writes
    gate.is_open = True
    await database.close()


async def one(connection: Connection, sql: str) -> Any:
    return (await connection.fetch_one(f"select {sql} as one", ()))["one"]


async def keep(connection: Connection, value: str) -> None:
    """Change something that a rollback undoes."""
    assert await one(connection, f"set_config('app.kept', '{value}', false)") == value


async def test_nothing_is_called_committed_after_a_failed_statement(pool: Pool) -> None:
    with pytest.raises(NotCommitted):
        async with pool.transaction(TENANT) as connection:
            with suppress(asyncpg.DivisionByZeroError):
                await one(connection, "1 / 0")
            await connection.commit()
    async with pool.transaction(TENANT) as again:
        assert await one(again, "1") == 1


async def test_only_what_is_committed_lasts_and_the_tenant_does_not(pool: Pool, settings: Settings) -> None:
    async with pool.transaction(TENANT) as connection:
        assert await one(connection, "current_setting('app.tenant')") == str(TENANT)
        await keep(connection, "committed")
        await connection.commit()
    async with pool.transaction(TENANT) as again:
        assert again is connection
        await keep(again, "left open")
    with pytest.raises(LookupError):
        async with pool.transaction(TENANT) as again:
            await keep(again, "raised")
            raise LookupError
    assert await again.raw.fetchval("select coalesce(current_setting('app.tenant', true), '')") == ""
    if settings.pooler == "none":
        assert await again.raw.fetchval(f"select {SETTING}") == "committed"


async def test_settings_hold_for_one_transaction(pool: Pool) -> None:
    async with pool.transaction(TENANT, "lock_timeout = '2s'") as connection:
        assert await one(connection, "current_setting('lock_timeout')") == "2s"
    async with pool.transaction(TENANT) as connection:
        assert await one(connection, "current_setting('lock_timeout')") != "2s"


async def test_a_session_works_in_the_same_transaction(pool: Pool) -> None:
    for _ in range(2):
        async with pool.transaction(TENANT) as connection:
            here = await one(connection, "pg_current_xact_id()::text")
            assert await connection.session.scalar(text("select pg_current_xact_id()::text")) == here
            session = connection.session
    assert connection.session is not session


@pytest.mark.parametrize("through_a_session", [False, True])
async def test_a_refused_statement_leaves_the_connection_good(pool: Pool, through_a_session: bool) -> None:
    with pytest.raises(Invalid):
        async with pool.transaction(TENANT) as connection:
            if through_a_session:
                await connection.session.execute(text("select 1 / 0"))
            await one(connection, "1 / 0")
    async with pool.transaction(TENANT) as again:
        assert again is connection
        assert await again.session.scalar(text("select 1")) == 1


async def ask_the_driver(connection: Connection) -> tuple[int, ...]:
    return tuple(await connection.fetch_one("select * from shape", ()))


async def ask_the_session(connection: Connection) -> tuple[int, ...]:
    return tuple((await connection.session.execute(text("select * from shape"))).one())


@pytest.mark.parametrize("ask", [ask_the_driver, ask_the_session])
async def test_a_table_that_gets_another_shape_is_met_anew(
    ask: Callable[[Connection], Awaitable[tuple[int, ...]]], urls: Urls
) -> None:
    # Straight to the database: behind a pooler nothing stays prepared.
    database = open_database(Settings(database_url=urls.owner), urls.owner, role=None)
    await run(urls.owner, "create table shape as select 1 as one")
    try:
        async with database.writes.transaction(TENANT) as connection:
            assert await ask(connection) == (1,)
        await run(urls.owner, "alter table shape add two int default 2")
        with pytest.raises((asyncpg.InvalidCachedStatementError, DBAPIError)) as refused:
            async with database.writes.transaction(TENANT) as connection:
                await ask(connection)
        assert may_try_again(refused.value)
        async with database.writes.transaction(TENANT) as connection:
            assert await ask(connection) == (1, 2)
    finally:
        await database.close()
        await run(urls.owner, "drop table shape")


async def test_a_read_of_a_table_that_gets_another_shape_is_prepared_again(urls: Urls) -> None:
    database = open_database(Settings(database_url=urls.owner), urls.owner, role=None)
    read = Read(text("select * from reshaped"))
    await run(urls.owner, "create table reshaped as select 1 as one")
    try:
        assert [dict(row) for row in await database.reads.fetch(read)] == [{"one": 1}]
        await run(urls.owner, "alter table reshaped add two int default 2")
        assert [dict(row) for row in await database.reads.fetch(read)] == [{"one": 1, "two": 2}]
    finally:
        await database.close()
        await run(urls.owner, "drop table reshaped")


async def test_a_transaction_that_finds_no_free_connection_is_refused(pool: Pool) -> None:
    async with pool.transaction(TENANT), pool.transaction(TENANT):
        with pytest.raises(Unavailable, match="No database connection became free in time"):
            async with pool.transaction(TENANT):
                pass
    async with pool.transaction(TENANT) as connection:
        assert await one(connection, "1") == 1


async def test_a_lost_connection_is_replaced_unseen(pool: Pool, gate: Gate) -> None:
    async with pool.transaction(TENANT), pool.transaction(TENANT):
        pass
    await gate.cut()
    async with pool.transaction(TENANT) as connection:
        assert await one(connection, "1") == 1


async def cancel_inside(pool: Pool, work: Callable[[Connection], Awaitable[Any]]) -> Connection:
    """Cancel a transaction while it works, and return its connection."""
    begun: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()

    async def transact() -> None:
        async with pool.transaction(TENANT) as connection:
            begun.set_result(connection)
            await work(connection)

    task = asyncio.create_task(transact())
    connection = await begun
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(300):
            await task
    return connection


async def sleep_in_the_driver(connection: Connection) -> None:
    await one(connection, "pg_sleep(5)")


async def sleep_in_the_session(connection: Connection) -> None:
    await connection.session.execute(text("select pg_sleep(5)"))


@pytest.mark.parametrize("work", [sleep_in_the_driver, sleep_in_the_session])
async def test_a_cancelled_transaction_leaves_no_connection_behind(
    pool: Pool, work: Callable[[Connection], Awaitable[Any]]
) -> None:
    for _ in range(3):
        connection = await cancel_inside(pool, work)
        assert connection.raw.is_closed()
    async with pool.transaction(TENANT) as another:
        assert await one(another, "1") == 1


async def test_a_transaction_with_a_silent_database_can_be_cancelled(pool: Pool, gate: Gate) -> None:
    async def fall_silent(connection: Connection) -> None:
        gate.is_open = False
        await one(connection, "1")

    await cancel_inside(pool, fall_silent)
    gate.is_open = True
    async with pool.transaction(TENANT) as another:
        assert await one(another, "1") == 1


async def test_a_transaction_is_given_up_at_the_deadline(pool: Pool, gate: Gate) -> None:
    with pytest.raises(Unavailable, match="did not answer in time"), RequestDeadline(2):
        async with pool.transaction(TENANT) as connection:
            gate.is_open = False
            await one(connection, "1")
    gate.is_open = True
    async with pool.transaction(TENANT) as another:
        assert await one(another, "1") == 1
