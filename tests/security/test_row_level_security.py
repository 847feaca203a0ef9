"""The second wall: what the database lets the service see, whatever its queries say."""

import json
from typing import Any

import asyncpg
import pytest

from app.db.base import metadata
from app.db.schema.isolation import WITHOUT_POLICY
from app.db.schema.migrate import load_models
from app.db.schema.privileges import FUNCTIONS, PRIVILEGES
from tests.security.conftest import Tenants
from tests.support.actors import Actor
from tests.support.databases import fetch

load_models()
TABLES = sorted(metadata.tables.keys() - WITHOUT_POLICY)
TENANT = {table: "id" if table == "tenants" else "tenant_id" for table in TABLES}

POLICIES = """
select c.relname as name, c.relrowsecurity as is_enabled, c.relforcerowsecurity as is_forced,
       array(select p.polname::text from pg_policy p where p.polrelid = c.oid and p.polpermissive) as permissive
from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
"""
DEFINERS = """
select p.oid::regprocedure::text as name, p.proconfig as settings, p.proowner = t.relowner as is_owners,
       has_function_privilege($1, p.oid, 'execute') as may_run,
       exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x where x.grantee = 0) as public
from pg_proc p, pg_class t
where p.pronamespace = 'public'::regnamespace and p.prosecdef and t.oid = 'tenants'::regclass
"""


async def count(connection: "asyncpg.Connection[Any]", table: str, tenant_id: Any) -> int:
    """Count the rows of a tenant that a session sees."""
    found: int = await connection.fetchval(
        f'select count(*) from "{table}" where {TENANT[table]} = $1',  # names of the schema
        tenant_id,
    )
    return found


async def columns(connection: "asyncpg.Connection[Any]", table: str) -> list[str]:
    rows = await connection.fetch(
        "select attname::text as name from pg_attribute "
        "where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum",
        table,
    )
    return [row["name"] for row in rows]


def test_every_table_of_tenants_has_one_permissive_policy(tenants: Tenants) -> None:
    found = {row.pop("name"): row for row in fetch(tenants.urls.owner, POLICIES)}
    assert found.keys() == {*TABLES, *WITHOUT_POLICY}
    for table, row in found.items():
        isolated = table not in WITHOUT_POLICY
        expected = {"is_enabled": isolated, "is_forced": False, "permissive": ["tenant"] if isolated else []}
        assert row == expected, table


def test_no_policy_is_missing_but_on_tables_without_a_tenant() -> None:
    assert {name for name in WITHOUT_POLICY & metadata.tables.keys() if "tenant_id" in metadata.tables[name].c} == set()


def test_what_runs_as_the_owner_is_named_and_pinned(tenants: Tenants) -> None:
    rows = fetch(tenants.urls.owner, DEFINERS, tenants.urls.role)
    assert {row["name"] for row in rows} == FUNCTIONS
    for row in rows:
        assert row["settings"] == ["search_path=pg_catalog, pg_temp"], row["name"]
        assert (row["is_owners"], row["may_run"], row["public"]) == (True, True, False), row["name"]


@pytest.mark.usefixtures("sandbox_admin")
@pytest.mark.parametrize("table", TABLES)
async def test_the_service_sees_the_rows_of_its_tenant_and_no_other(tenants: Tenants, table: str) -> None:
    sandbox_id = tenants.sandbox.tenant_id
    owner, own, foreign, nobody = [
        await tenants.connect_as_owner(),
        *[await tenants.connect(tenant_id) for tenant_id in (sandbox_id, tenants.other_id, None)],
    ]
    try:
        stored = await count(owner, table, sandbox_id)
        assert await count(own, table, sandbox_id) == stored
        assert await count(foreign, table, sandbox_id) == 0
        assert await count(nobody, table, sandbox_id) == 0
    finally:
        for connection in (owner, own, foreign, nobody):
            await connection.close()


@pytest.mark.usefixtures("sandbox_admin")
async def test_most_tables_have_rows_to_hide(tenants: Tenants) -> None:
    owner = await tenants.connect_as_owner()
    try:
        filled = [table for table in TABLES if await count(owner, table, tenants.sandbox.tenant_id)]
    finally:
        await owner.close()
    assert len(filled) >= 32


@pytest.mark.usefixtures("sandbox_admin")
@pytest.mark.parametrize("table", TABLES)
async def test_the_service_writes_no_row_of_another_tenant(tenants: Tenants, table: str) -> None:
    owner, foreign = await tenants.connect_as_owner(), await tenants.connect(tenants.other_id)
    sandbox_id, names = tenants.sandbox.tenant_id, ", ".join(f'"{name}"' for name in await columns(owner, table))
    try:
        row = await owner.fetchval(
            f'select to_jsonb(t)::text from "{table}" t where {TENANT[table]} = $1 limit 1',
            sandbox_id,
        )
        copy = f'insert into "{table}" ({names}) select {names} from jsonb_populate_record(null::"{table}", $1::jsonb)'
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await foreign.execute(copy, row or json.dumps({TENANT[table]: str(sandbox_id)}))
    finally:
        await owner.close()
        await foreign.close()


async def changes(connection: "asyncpg.Connection[Any]", table: str, tenant_id: Any) -> bool:
    """Return whether a session can change or delete a tenant's rows of a table. What it changes is rolled back."""
    column = min(PRIVILEGES[table].update, default=TENANT[table])
    where = f'where "{TENANT[table]}" = $1'
    statements = [f'update "{table}" set "{column}" = "{column}" {where}', f'delete from "{table}" {where}']
    return any([await reaches_rows(connection, statement, tenant_id) for statement in statements])


async def reaches_rows(connection: "asyncpg.Connection[Any]", statement: str, tenant_id: Any) -> bool:
    transaction = connection.transaction()
    await transaction.start()
    try:
        return not (await connection.execute(statement, tenant_id)).endswith(" 0")
    except asyncpg.InsufficientPrivilegeError:
        return False
    except asyncpg.IntegrityConstraintViolationError:
        # It found the rows; only others that refer to them were in the way.
        return True
    finally:
        await transaction.rollback()


@pytest.mark.usefixtures("sandbox_admin")
@pytest.mark.parametrize("table", TABLES)
async def test_the_service_changes_no_row_of_another_tenant(tenants: Tenants, table: str) -> None:
    foreign = await tenants.connect(tenants.other_id)
    try:
        assert not await changes(foreign, table, tenants.sandbox.tenant_id)
    finally:
        await foreign.close()


@pytest.mark.usefixtures("sandbox_admin")
async def test_many_tables_have_rows_that_the_service_changes_in_its_tenant(tenants: Tenants) -> None:
    tenant_id = tenants.sandbox.tenant_id
    own = await tenants.connect(tenant_id)
    try:
        changed = [table for table in TABLES if await changes(own, table, tenant_id)]
    finally:
        await own.close()
    assert len(changed) >= 15, changed


async def test_a_tenant_that_is_none_shows_nothing(tenants: Tenants) -> None:
    connection = await tenants.connect(None)
    try:
        await connection.execute("set app.tenant = ''")
        assert await connection.fetchval("select count(*) from organizations") == 0
    finally:
        await connection.close()


async def test_the_sandbox_serves_its_own_rows(sandbox_admin: Actor) -> None:
    assert len(await sandbox_admin.items("/v1/people")) > 10
