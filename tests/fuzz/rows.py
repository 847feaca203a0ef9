"""Reads the stored rows without the service, to see whether a test has changed any."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_TABLES = text("select table_name from information_schema.tables where table_schema = 'public' order by 1")
_TENANTS_TABLES = text(
    "select table_name from information_schema.columns "
    "where table_schema = 'public' and column_name = 'tenant_id' order by 1"
)


async def of_tenant(owner: AsyncEngine, tenant_id: UUID, *, about: Sequence[str] = ()) -> list[str]:
    """Return every row of a tenant as text, or only those that contain one of these ids.

    A refused mutation changes nothing: its row in the audit names what the caller asked for. A key has the time of its
    last use.
    """
    found: list[str] = []
    async with owner.connect() as connection:
        for table in list(await connection.scalars(_TENANTS_TABLES)):
            done = " and outcome = 'done'" if table == "audit_events" else ""
            query = f"""select (to_jsonb(t) - 'last_used_at')::text from "{table}" t where tenant_id = :tenant{done}"""
            stored = await connection.scalars(text(query), {"tenant": tenant_id})
            found += [f"{table} {row}" for row in stored]
    return sorted(row for row in found if not about or any(one in row for one in about))


async def sums(owner: AsyncEngine) -> dict[str, tuple[int, int]]:
    """Return the number of rows and a sum over all they hold of every table but the audit, without last uses."""
    found = {}
    async with owner.connect() as connection:
        for table in set(await connection.scalars(_TABLES)) - {"audit_events"}:
            shown = "(to_jsonb(t) - 'last_used_at')::text"
            query = f'select count(*), coalesce(sum(hashtextextended({shown}, 0)), 0) from "{table}" t'
            count, hashed = (await connection.execute(text(query))).one()
            found[table] = (count, int(hashed))
    return found
