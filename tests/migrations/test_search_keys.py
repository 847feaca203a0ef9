"""Names of old databases get the keys that new ones have."""

import asyncio

from tests.migrations.test_revisions import step
from tests.support.database import Urls
from tests.support.databases import fetch, run_sql

TENANT = "insert into tenants (id, slug, name, secret, created_at) values (gen_random_uuid(), 'x', 'x', '', now())"
ROOT = """
insert into organizations (tenant_id, id, created_at, updated_at, version, kind, name, name_key, path, depth, timezone)
select tenants.id, gen_random_uuid(), now(), now(), 1, 'agency', named.name, lower(named.name), 'x.', 0, 'UTC'
from tenants, (values (E'\u00d6land')) as named (name)
"""
PEOPLE = """
insert into people (tenant_id, id, created_at, updated_at, version, organization_id, name, name_key, active)
select o.tenant_id, gen_random_uuid(), now(), now(), 1, o.id, named.name, lower(named.name), true
from organizations o, (values (E'\u00c9ric'), (E'Ann  \u200bLee'), ('Plain')) as named (name)
"""
NAMES = "select name, name_key, version from people union all select name, name_key, version from organizations"


def test_old_names_are_found_like_new_ones(fresh: Urls) -> None:
    asyncio.run(step(fresh.owner, "0003"))
    run_sql(fresh.owner, TENANT, ROOT, PEOPLE)
    asyncio.run(step(fresh.owner, "0007"))
    rows = {tuple(row.values()) for row in fetch(fresh.owner, NAMES)}
    assert rows == {
        ("\u00c9ric", "eric", 1),
        ("Ann Lee", "ann lee", 2),
        ("Plain", "plain", 1),
        ("\u00d6land", "oland", 1),
    }
    asyncio.run(step(fresh.owner, "0006"))
    keys = {row["name_key"] for row in fetch(fresh.owner, NAMES)}
    assert keys == {"\u00e9ric", "ann lee", "plain", "\u00f6land"}
