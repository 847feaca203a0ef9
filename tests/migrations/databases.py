"""Databases of a test's own, empty as an operator hands them over."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from tests.support.database import Urls, on_database


def run_sql(url: str, *statements: str) -> None:
    """Run statements one by one."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def fetch(url: str, query: str, *arguments: Any) -> list[dict[str, Any]]:
    """The rows of a query."""

    async def run() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(url)
        try:
            return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()

    return asyncio.run(run())


@contextmanager
def fresh_database(server: Urls) -> Iterator[Urls]:
    """An empty database on the run's server, dropped afterwards."""
    name = f"fa_test_{uuid4().hex[:12]}"
    administrator = _administrator(server)
    owner = urlsplit(server.owner).username if server.separate else None
    run_sql(administrator, f'create database "{name}"' + (f" owner {owner}" if owner else ""))
    try:
        if owner:
            run_sql(on_database(administrator, name), f"alter schema public owner to {owner}")
        yield replace(server, owner=on_database(server.owner, name), service=on_database(server.service, name))
    finally:
        run_sql(administrator, f'drop database "{name}" with (force)')


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncConnection]:
    """One SQLAlchemy connection in one transaction, committed at the end."""
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool
    )
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


def _administrator(server: Urls) -> str:
    # The embedded server's owner may not make databases; its administrator may.
    if not server.separate:
        return server.owner
    return on_database(urlunsplit(urlsplit(server.owner)._replace(netloc="postgres@")), "postgres")
