"""Databases for one test, empty as an operator hands them over."""

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

RIGHTS = """
select 'table ' || relname as what, relacl::text as acl, pg_get_userbyid(relowner)::text as owner
from pg_class where relnamespace = 'public'::regnamespace
union all select 'schema', nspacl::text, pg_get_userbyid(nspowner)::text from pg_namespace where nspname = 'public'
union all select 'role ' || rolname, concat(rolsuper, rolcreaterole, rolbypassrls, rolcanlogin), null from pg_roles
union all select 'member', pg_get_userbyid(roleid)::text, pg_get_userbyid(member)::text from pg_auth_members
order by 1, 2, 3
"""


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
    """Return the rows of a query."""

    async def run() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(url)
        try:
            return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()

    return asyncio.run(run())


def snapshot(url: str) -> dict[str, Any]:
    """Return all rights and all rows of a database."""
    tables = fetch(url, "select tablename from pg_tables where schemaname = 'public' order by 1")
    rows = {
        table["tablename"]: fetch(url, f'select t::text as row from "{table["tablename"]}" t order by 1')
        for table in tables
    }
    return {"rights": fetch(url, RIGHTS), "rows": rows}


@contextmanager
def fresh_database(server: Urls) -> Iterator[Urls]:
    """Make an empty database on the run's server, and drop it afterwards."""
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
    """Yield one SQLAlchemy connection in one transaction, committed at the end."""
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
