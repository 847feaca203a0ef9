"""The database a test run works on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.actors import Tenancy


@dataclass(frozen=True)
class Urls:
    """Where the owner and the service log in; `separate` when the service's login is its own."""

    owner: str
    service: str
    role: str
    separate: bool


def on_database(url: str, name: str) -> str:
    """Return the same server's URL for another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def run(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def without_waiting_for_the_disk(urls: Urls) -> None:
    """Let commits return before they are on the disk: all that a crash could lose is a test's."""
    name = urlsplit(urls.owner).path.removeprefix("/")
    asyncio.run(run(urls.owner, f'alter database "{name}" set synchronous_commit = off'))


def server_urls(given: str) -> Iterator[Urls]:
    """Make a database for this run on a given server, and drop it afterwards."""
    name = f"fa_test_{uuid4().hex[:12]}"
    asyncio.run(run(given, f'create database "{name}"'))
    url = on_database(given, name)
    try:
        yield Urls(owner=url, service=url, role="fa_app", separate=False)
    finally:
        asyncio.run(run(given, f'drop database "{name}" with (force)'))


async def await_waiter(holder: asyncpg.Connection) -> None:
    """Wait until another transaction waits for a lock that a connection holds."""
    waiting = "select true from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))"
    await until(lambda: holder.fetchval(waiting))


@asynccontextmanager
async def row_locked(urls: Urls, tenancy: "Tenancy") -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Lock the row of a tenant's root, which every change of its tree needs; gives a way to await the first waiter."""
    holder = await asyncpg.connect(urls.owner)
    query = "select id from organizations where tenant_id = $1 and parent_id is null for update"
    try:
        async with holder.transaction():
            await holder.fetchval(query, tenancy.tenant_id)
            yield partial(await_waiter, holder)
    finally:
        await holder.close()
