"""The chain of revisions: one head, no drift from the models, and every step can be taken back."""

import io
import re

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection

from app.db.base import metadata
from app.db.schema import migrate as migrations
from app.db.schema.migrate import head, load_models, migrate
from app.db.schema.upgrade import configuration
from tests.support.database import Urls
from tests.support.databases import connected, fetch

LEFT = """
select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public'
union select t.typname from pg_type t join pg_namespace n on n.oid = t.typnamespace
       where n.nspname = 'public' and t.typelem = 0
union select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'public'
order by 1
"""


def revisions() -> list[Script]:
    """Return all revisions, oldest first."""
    return list(ScriptDirectory.from_config(configuration()).walk_revisions())[::-1]


async def step(url: str, to: str) -> None:
    """Move a database up or down to a revision."""
    config = configuration()
    known = [script.revision for script in revisions()]

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        current = MigrationContext.configure(connection).get_current_revision()
        up = current is None or (to != "base" and known.index(to) > known.index(current))
        (command.upgrade if up else command.downgrade)(config, to)

    async with connected(url) as connection:
        await connection.run_sync(run)


def test_there_is_one_chain_with_one_head() -> None:
    chain = revisions()
    assert [script.down_revision for script in chain] == [None, *(script.revision for script in chain[:-1])]
    assert migrations.revisions() == [script.revision for script in chain]
    assert head() == chain[-1].revision
    for script in chain:
        assert re.fullmatch(rf"{script.revision}_[a-z0-9_]+\.py", script.path.rpartition("/")[2])
        assert script.doc


async def test_models_and_migrations_agree(urls: Urls) -> None:
    load_models()

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))

    async with connected(urls.owner) as connection:
        assert await connection.run_sync(differences) == []


async def test_every_revision_goes_up_down_and_up_again(fresh: Urls) -> None:
    for script in revisions():
        below = str(script.down_revision or "base")
        await step(fresh.owner, script.revision)
        await step(fresh.owner, below)
        await step(fresh.owner, script.revision)


async def test_the_way_down_leaves_nothing(fresh: Urls) -> None:
    await migrate(fresh.owner, fresh.role, login_is_separate=fresh.separate)
    await step(fresh.owner, "base")
    async with connected(fresh.owner) as connection:
        left = {str(row[0]) for row in await connection.exec_driver_sql(LEFT)}
    assert {name for name in left if not name.startswith("alembic_version")} == set()


async def test_migrating_again_changes_nothing(fresh: Urls) -> None:
    for _ in range(2):
        assert await migrate(fresh.owner, fresh.role, login_is_separate=fresh.separate) == head()


def test_the_sql_can_be_read_before_it_runs() -> None:
    load_models()
    buffer = io.StringIO()
    config = configuration()
    config.output_buffer = buffer
    command.upgrade(config, "head", sql=True)
    sql = buffer.getvalue()
    assert sql.lstrip().startswith("BEGIN;")
    assert sql.rstrip().endswith("COMMIT;")
    for table in metadata.tables:
        assert re.search(rf"CREATE (UNLOGGED )?TABLE {table} \(", sql)


def test_the_database_has_the_models_tables_and_no_others(urls: Urls) -> None:
    load_models()
    rows = fetch(urls.owner, "select tablename from pg_tables where schemaname = 'public'")
    assert {row["tablename"] for row in rows} == {*metadata.tables, "alembic_version"}
