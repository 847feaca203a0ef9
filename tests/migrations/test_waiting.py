"""A start waits for nobody where nothing has to change, and says whom it waits for where something has."""

import asyncpg
import pytest

from app.db.schema import locks
from app.db.schema import migrate as migrations
from app.db.schema.migrate import head, migrate
from app.errors import OperatorError
from tests.support.database import Urls


@pytest.fixture
async def migrated(fresh: Urls) -> Urls:
    """A migrated database."""
    await migrate(fresh.owner, fresh.role, login_is_separate=fresh.separate)
    return fresh


async def begin_ddl(urls: Urls) -> asyncpg.Connection:
    """Change a table in a transaction that stays open."""
    connection = await asyncpg.connect(urls.owner, server_settings={"application_name": "forgotten psql"})
    await connection.execute("begin; alter table votes add column forgotten int")
    return connection


async def test_uncommitted_ddl_holds_up_no_start_that_has_nothing_to_grant(migrated: Urls) -> None:
    connection = await begin_ddl(migrated)
    try:
        assert await migrate(migrated.owner, migrated.role, login_is_separate=migrated.separate) == head()
    finally:
        await connection.close()


async def test_a_start_that_waits_names_whom_it_waits_for_and_gives_up(
    migrated: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_TRIES", 2)
    monkeypatch.setattr(locks, "NOTICE_SECONDS", 0.1)
    connection, lines = await begin_ddl(migrated), list[str]()
    try:
        await connection.execute(f'revoke insert on votes from "{migrated.role}"')
        await connection.execute("commit; begin; alter table votes add column again int")
        with pytest.raises(OperatorError, match=r"^The database is locked: waited \d+ s for a lock held by process"):
            await migrate(migrated.owner, migrated.role, login_is_separate=migrated.separate, notify=lines.append)
        pid = connection.get_server_pid()
    finally:
        await connection.close()
    [line] = lines
    assert line.startswith(f"Waiting for a lock held by process {pid} (forgotten psql, role ")
    assert "idle in transaction" in line
    assert "alter table" not in line


@pytest.mark.parametrize(
    "change",
    [
        "revoke insert on votes from {role}",
        "grant truncate on votes to {role}",
        "grant update (data) on audit_events to {role}",
        "grant select on votes to {role} with grant option",
        "revoke usage on schema public from {role}",
        "grant create on schema public to {role}",
    ],
)
async def test_a_right_that_is_not_as_wanted_is_set_right(migrated: Urls, change: str) -> None:
    before = await acls(migrated)
    await execute(migrated, change.format(role=f'"{migrated.role}"'))
    assert await acls(migrated) != before
    await migrate(migrated.owner, migrated.role, login_is_separate=migrated.separate)
    assert await acls(migrated) == before


async def execute(urls: Urls, statement: str) -> None:
    connection = await asyncpg.connect(urls.owner)
    await connection.execute(statement)
    await connection.close()


async def acls(urls: Urls) -> list[tuple[str, ...]]:
    """Return the rights of the role on the schema, on tables and on columns."""
    connection = await asyncpg.connect(urls.owner)
    rows = await connection.fetch(
        "select relname::text, x.privilege_type, x.is_grantable::text "
        "from pg_class c, aclexplode(c.relacl) x "
        "where relnamespace = 'public'::regnamespace and x.grantee = $1::text::regrole "
        "union all select 'public', x.privilege_type, x.is_grantable::text from pg_namespace, aclexplode(nspacl) x "
        "where nspname = 'public' and x.grantee = $1::text::regrole "
        "union all select attrelid::regclass::text || '.' || attname, x.privilege_type, x.is_grantable::text "
        "from pg_attribute a, aclexplode(a.attacl) x where x.grantee = $1::text::regrole order by 1, 2, 3",
        urls.role,
    )
    await connection.close()
    return [tuple(row) for row in rows]
