"""What the schema promises: the tenant in every key, an index for every foreign key, a role that may do little."""

import asyncio
from typing import Any

import asyncpg
import pytest

from app.db.base import metadata
from app.db.schema.grants import wanted_rights
from app.db.schema.privileges import PRIVILEGES
from tests.support.database import Urls
from tests.support.databases import fetch

# A code of an invitation and the issuer of a token are looked up before their tenant is known.
FOUND_BEFORE_TENANT = {"pk_invitation_codes", "uq_identity_providers_issuer"}
# The rows of an import are of one transaction, which removes them.
WITHOUT_TENANT = {
    *("tenants", "alembic_version", "schedules", "invitation_codes"),
    *("staged_organizations", "staged_people"),
}

INDEXES = """
select t.relname as table_name, i.relname as name, x.indisunique as is_unique, x.indisprimary as is_primary,
       array(select a.attname::text from unnest(x.indkey::int2[]) with ordinality k(number, place)
             join pg_attribute a on a.attrelid = t.oid and a.attnum = k.number
             where k.place <= x.indnkeyatts order by k.place) as columns,
       coalesce(pg_get_expr(x.indpred, x.indrelid), '') as predicate
from pg_index x join pg_class t on t.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
     join pg_namespace n on n.oid = t.relnamespace
where n.nspname = 'public'
"""
FOREIGN_KEYS = """
select c.conname as name, t.relname as table_name, r.relname as target, c.confdeltype::text as on_delete,
       array(select a.attname::text from unnest(c.conkey) with ordinality k(number, place)
             join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number order by k.place) as columns,
       array(select a.attname::text from unnest(c.confkey) with ordinality k(number, place)
             join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.number order by k.place) as targets
from pg_constraint c join pg_class t on t.oid = c.conrelid join pg_class r on r.oid = c.confrelid
where c.contype = 'f'
"""
HELD = """
select c.relname::text as table_name, lower(x.privilege_type) as privilege
from pg_roles r, pg_class c, aclexplode(c.relacl) x
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and r.rolname = $1 and x.grantee in (0, r.oid)
union
select c.relname::text, lower(x.privilege_type) || ' ' || a.attname
from pg_roles r, pg_class c join pg_attribute a on a.attrelid = c.oid, aclexplode(a.attacl) x
where c.relnamespace = 'public'::regnamespace and r.rolname = $1 and x.grantee in (0, r.oid)
"""


@pytest.fixture(scope="module")
def indexes(urls: Urls) -> list[dict[str, Any]]:
    return fetch(urls.owner, INDEXES)


@pytest.fixture(scope="module")
def foreign_keys(urls: Urls) -> list[dict[str, Any]]:
    return fetch(urls.owner, FOREIGN_KEYS)


def test_every_table_but_the_named_ones_has_a_tenant(urls: Urls, indexes: list[dict[str, Any]]) -> None:
    primary = {index["table_name"]: index["columns"] for index in indexes if index["is_primary"]}
    tables = {
        row["tablename"] for row in fetch(urls.owner, "select tablename from pg_tables where schemaname = 'public'")
    }
    assert set(primary) == tables
    assert {table for table, columns in primary.items() if columns[0] != "tenant_id"} == WITHOUT_TENANT


def test_the_tenant_comes_first_in_every_index(indexes: list[dict[str, Any]]) -> None:
    odd = [
        (index["table_name"], index["name"])
        for index in indexes
        if index["table_name"] not in WITHOUT_TENANT - {"invitation_codes"}
        and index["name"] not in FOUND_BEFORE_TENANT
        and index["columns"][:1] != ["tenant_id"]
    ]
    assert odd == []


def test_the_tenant_comes_first_in_every_foreign_key(foreign_keys: list[dict[str, Any]]) -> None:
    assert len(foreign_keys) > 20
    for key in foreign_keys:
        expected = "id" if key["target"] == "tenants" else "tenant_id"
        assert (key["columns"][0], key["targets"][0]) == ("tenant_id", expected), key["name"]


def test_no_foreign_key_empties_a_composite_key(foreign_keys: list[dict[str, Any]]) -> None:
    assert [key["name"] for key in foreign_keys if key["on_delete"] in {"n", "d"}] == []


def test_every_foreign_key_can_be_looked_up_by_an_index(
    foreign_keys: list[dict[str, Any]], indexes: list[dict[str, Any]]
) -> None:
    def serves(index: dict[str, Any], key: dict[str, Any]) -> bool:
        columns = set(key["columns"])
        whole = index["predicate"] in {"", *(f"({column} IS NOT NULL)" for column in columns)}
        prefix = set(index["columns"][: len(columns)])
        return index["table_name"] == key["table_name"] and whole and prefix == columns

    assert [key["name"] for key in foreign_keys if not any(serves(index, key) for index in indexes)] == []


def test_every_table_says_what_the_serving_role_may_do() -> None:
    assert {*metadata.tables, "alembic_version"} == PRIVILEGES.keys()


def test_the_serving_role_may_do_what_the_table_of_privileges_says_and_no_more(urls: Urls) -> None:
    held: dict[str, set[str]] = {}
    for row in fetch(urls.owner, HELD, urls.role):
        held.setdefault(row["table_name"], set()).add(row["privilege"])
    assert held == wanted_rights()


# A stored answer of yesterday gives its row to a new request; an action item may move to another gap.
@pytest.mark.parametrize(
    ("column", "changed_in"),
    [
        ("tenant_id", set()),
        ("id", set()),
        ("created_at", {"idempotency_keys"}),
        ("assessment_id", {"action_items"}),
        ("participant_id", set()),
        ("principal_id", set()),
    ],
)
def test_the_identity_of_a_row_never_changes(column: str, changed_in: set[str]) -> None:
    assert {name for name, privileges in PRIVILEGES.items() if column in privileges.update} == changed_in


def test_a_table_that_nobody_listed_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(PRIVILEGES, "votes")
    assert wanted_rights()["votes"] == frozenset()


def test_the_serving_role_owns_nothing_and_stands_above_no_rule(urls: Urls) -> None:
    [role] = fetch(
        urls.owner,
        "select rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication from pg_roles where rolname = $1",
        urls.role,
    )
    assert set(role.values()) == {False}
    assert (
        fetch(
            urls.owner,
            "select 1 from pg_class where relowner = (select oid from pg_roles where rolname = $1)",
            urls.role,
        )
        == []
    )
    [may] = fetch(
        urls.owner,
        "select has_schema_privilege($1, 'public', 'CREATE') as make, pg_has_role($1, c.relowner, 'MEMBER') as member "
        "from pg_class c where c.relname = 'tenants'",
        urls.role,
    )
    assert may == {"make": False, "member": False}


@pytest.mark.parametrize(
    "statement",
    [
        "insert into tenants (id, slug, name, secret, created_at) values (gen_random_uuid(), 'x', 'x', '', now())",
        "update tenants set name = name",
        "update alembic_version set version_num = version_num",
        "update audit_events set data = data",
        "delete from audit_events",
        "update outbox_events set data = data",
        "delete from instrument_versions",
        "truncate votes cascade",
        "drop table votes",
        "alter table votes add column more int",
        "create table mine (id int)",
        "insert into audit_events (created_at) values (now())",
        "insert into audit_events (sequence, seal) values (1, '')",
        "insert into outbox_events (position) values (1)",
        "insert into instrument_versions default values",
        "update role_grants set role = 'admin'",
        "update role_grants set organization_id = organization_id",
        "update api_keys set principal_id = principal_id",
        "update principals set kind = 'operator'",
        "update participants set assessment_id = assessment_id",
        "update votes set participant_id = participant_id",
        "delete from votes",
        "delete from participants",
        "delete from api_keys",
        "delete from principals",
        "update assessment_changes set reason = reason",
    ],
)
def test_the_serving_role_is_refused(urls: Urls, statement: str) -> None:
    async def run() -> None:
        settings = {} if urls.separate else {"role": urls.role}
        connection = await asyncpg.connect(urls.service, server_settings=settings)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"permission denied|must be owner"):
        asyncio.run(run())
