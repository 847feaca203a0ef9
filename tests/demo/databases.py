"""Whole databases as values."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tests.support.database import Urls

Rows = dict[str, list[dict[str, Any]]]

#: Columns that the database sets by its clock.
OF_THE_DATABASE = {"recorded_at"}
#: The audit trail is dated by the database too, and its digests are salted.
OF_THE_AUDIT = {"audit_events": {"created_at", "changes", "source_ref"}, "audit_values": {"created_at", "salt"}}

PRIMARY_KEYS = """
select c.relname as table_name, array_agg(a.attname::text order by k.place) as columns
from pg_index x
     join pg_class c on c.oid = x.indrelid
     join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
     cross join unnest(x.indkey::int2[]) with ordinality k(number, place)
     join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
where x.indisprimary group by c.relname order by c.relname
"""


def omitted(table: str) -> set[str]:
    """Return the columns of a table that two databases of the same content need not share."""
    return OF_THE_DATABASE | OF_THE_AUDIT.get(table, set())


def all_rows(urls: Urls) -> Rows:
    """Return every row of every table, in the order of the primary keys, without values of the database's clock."""

    async def read() -> Rows:
        connection = await asyncpg.connect(urls.owner)
        try:
            keys = {row["table_name"]: row["columns"] for row in await connection.fetch(PRIMARY_KEYS)}
            return {
                table: [
                    {name: value for name, value in row.items() if name not in omitted(table)}
                    for row in await connection.fetch(f'select * from "{table}" order by {", ".join(columns)}')
                ]
                for table, columns in keys.items()
            }
        finally:
            await connection.close()

    return asyncio.run(read())


@asynccontextmanager
async def owner_of(urls: Urls) -> AsyncIterator[AsyncEngine]:
    """Yield an engine as the owner."""
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(urls.owner), poolclass=NullPool
    )
    try:
        yield engine
    finally:
        await engine.dispose()
