"""Compare the serving role's privileges with the wanted ones, and write only the differences.

A GRANT or REVOKE locks its table, even where it changes nothing. A start that repeats all of them would wait for
every open transaction that changes a table.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from app.db.base import metadata
from app.db.schema.privileges import PRIVILEGES, Privileges, columns_to_insert

_TABLES = """
select c.relname::text as name,
       array(select lower(x.privilege_type) from aclexplode(c.relacl) x where x.grantee = r.oid
             union
             select lower(x.privilege_type) || ' ' || a.attname from pg_attribute a, aclexplode(a.attacl) x
             where a.attrelid = c.oid and x.grantee = r.oid) as held,
       exists (select from aclexplode(c.relacl) x where x.grantee = r.oid and x.is_grantable) as grantable
from pg_class c join pg_namespace n on n.oid = c.relnamespace, pg_roles r
where n.nspname = 'public' and c.relkind in ('r', 'p') and r.rolname = $1
"""
_SCHEMA = """
select array(select distinct lower(x.privilege_type) from aclexplode(n.nspacl) x where x.grantee = r.oid)
from pg_namespace n, pg_roles r where n.nspname = 'public' and r.rolname = $1
"""
# A function that was made or restored without a word on its privileges is everybody's.
_FUNCTIONS = """
select p.oid::regprocedure::text as name, coalesce(bool_or(x.grantee = r.oid), false) as held,
       coalesce(bool_or(x.grantee = 0), false) as public
from pg_proc p cross join pg_roles r
     left join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x on true
where p.pronamespace = to_regnamespace('public') and r.rolname = $1
group by p.oid
"""

#: Privileges, such as `select`, each followed by a blank and a column where it is on that column alone.
Rights = frozenset[str]


def wanted_rights() -> dict[str, Rights]:
    """Return the rights of the serving role on each table of the service; none where `PRIVILEGES` lacks the table."""
    return {name: _rights(name, PRIVILEGES.get(name)) for name in [*metadata.tables, "alembic_version"]}


def _rights(table: str, privileges: Privileges | None) -> Rights:
    if privileges is None:
        return frozenset()
    rights = {"select", *(f"update {column}" for column in privileges.update)}
    if privileges.delete:
        rights.add("delete")
    if privileges.insert:
        columns = columns_to_insert(table)
        rights |= {"insert"} if columns is None else {f"insert {column}" for column in columns}
    return frozenset(rights)


async def missing_grants(
    connection: Any, role: str, wanted: Mapping[str, Rights], functions: Collection[str]
) -> list[str]:
    """Compare the role's rights with the wanted ones.

    Args:
        role: an existing role.
        wanted: for each table of the service, the rights the role must have and no others.
        functions: the functions that the role alone may call, with the types of their arguments.

    Returns:
        The statements that make the rights equal to the wanted ones; none where they are equal already.
    """
    held = set(await connection.fetchval(_SCHEMA, role))
    statements = []
    if "usage" not in held:
        statements.append(f'grant usage on schema public to "{role}"')
    if "create" in held:
        statements.append(f'revoke create on schema public from "{role}"')
    tables = {row["name"]: row for row in await connection.fetch(_TABLES, role)}
    for table, rights in wanted.items():
        found = tables.get(table)
        if found and set(found["held"]) == rights and not found["grantable"]:
            continue
        # This takes the rights on single columns as well.
        statements.append(f'revoke all on table "{table}" from "{role}"')
        if rights:
            statements.append(f'grant {_listed(rights)} on table "{table}" to "{role}"')
    for function in await connection.fetch(_FUNCTIONS, role):
        if (name := function["name"]) not in functions:
            continue
        if function["public"]:
            statements.append(f"revoke execute on function {name} from public")
        if not function["held"]:
            statements.append(f'grant execute on function {name} to "{role}"')
    return statements


def _listed(rights: Iterable[str]) -> str:
    columns: dict[str, list[str]] = {}
    for right in sorted(rights):
        privilege, _, column = right.partition(" ")
        columns.setdefault(privilege, []).append(column)
    return ", ".join(
        privilege if names == [""] else f"{privilege} ({', '.join(names)})" for privilege, names in columns.items()
    )
