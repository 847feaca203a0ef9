"""What a database holds: looked at before and after a backup or a restore."""

from dataclasses import dataclass

import asyncpg

from app.errors import OperatorError

_OURS = frozenset({"alembic_version", "tenants"})
_TABLES = """
select c.relname::text from pg_class c
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p')
  and not exists (select from pg_depend d
                  where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
"""


@dataclass(frozen=True)
class Contents:
    """What a database holds.

    Attributes:
        server_major: the server's major version.
        tables: the tables in the schema public, without those of extensions.
        revision: the schema's revision; None where there is none.
        tenants: how many tenants there are.
    """

    server_major: int
    tables: frozenset[str]
    revision: str | None
    tenants: int

    @property
    def is_ours(self) -> bool:
        """Whether it is a database of this service."""
        return self.tables >= _OURS and self.revision is not None


async def look(url: str) -> Contents:
    """Look at a database.

    Args:
        url: the owner's login.

    Raises:
        OperatorError: it does not answer.
    """
    try:
        connection = await asyncpg.connect(url, timeout=10, command_timeout=60)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as refused:
        raise OperatorError(f"The database does not answer ({type(refused).__name__}: {refused}).") from None
    try:
        tables = frozenset(row["relname"] for row in await connection.fetch(_TABLES))
        ours = tables >= _OURS
        return Contents(
            server_major=connection.get_server_version().major,
            tables=tables,
            revision=await connection.fetchval("select version_num from alembic_version") if ours else None,
            tenants=await connection.fetchval("select count(*) from tenants") if ours else 0,
        )
    finally:
        await connection.close()
