"""The database a test run works on."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg


@dataclass(frozen=True)
class Urls:
    """Where the owner and the service log in; `separate` when the service's login is its own."""

    owner: str
    service: str
    role: str
    separate: bool


def on_database(url: str, name: str) -> str:
    """The same server's URL for another database."""
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
    """A database of the run's own on a given server, dropped afterwards."""
    name = f"fa_test_{uuid4().hex[:12]}"
    asyncio.run(run(given, f'create database "{name}"'))
    url = on_database(given, name)
    try:
        yield Urls(owner=url, service=url, role="fa_app", separate=False)
    finally:
        asyncio.run(run(given, f'drop database "{name}" with (force)'))
