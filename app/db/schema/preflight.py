"""Checks of a database and its roles before a migration changes anything."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from app.errors import OperatorError

_MINIMUM_SERVER = 150_000
_TWO_URLS = "name a separate login in FA_DATABASE_URL and FA_APP_ROLE, and the owner's in FA_OWNER_DATABASE_URL"

_LOGIN = """
select current_setting('server_version_num')::int as version,
       pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as read_only,
       r.rolname::text as name, r.rolsuper as superuser, r.rolcreaterole as makes_roles,
       to_regnamespace('public') is not null
           and has_schema_privilege(to_regnamespace('public')::oid, 'CREATE') as makes_tables,
       (select system_identifier from pg_control_system()) as cluster,
       (select oid from pg_database where datname = current_database()) as database
from pg_roles r where r.rolname = current_user
"""
# What an extension brought along belongs to nobody's application.
_TABLES = """
select c.relname::text as name, pg_has_role(c.relowner, 'USAGE') as ours
from pg_class c
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p')
  and not exists (select from pg_depend d
                  where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
"""
_SERVING_ROLE = """
select r.rolname::text as name, r.rolsuper or r.rolbypassrls as above_the_rules,
       pg_has_role(r.oid, current_user, 'MEMBER')
           or exists (select from pg_class c
                      where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p')
                        and pg_has_role(r.oid, c.relowner, 'MEMBER'))
           or exists (select from pg_namespace n
                      where n.nspname = 'public' and pg_has_role(r.oid, n.nspowner, 'MEMBER'))
           as owner,
       pg_has_role(current_user, r.oid, case when current_setting('server_version_num')::int < 160000
                                             then 'MEMBER' else 'SET' end) as assumable,
       pg_has_role(current_user, r.oid, 'MEMBER WITH ADMIN OPTION') as grantable
from pg_roles r where r.rolname = $1
"""


@dataclass(frozen=True)
class Preflight:
    """The findings about a database that may be migrated.

    Attributes:
        revision: the revision it is at; None if it is empty.
        role_exists: whether there is a role of FA_APP_ROLE's name.
        is_assumable: whether the owner's login may work as that role.
    """

    revision: str | None
    role_exists: bool
    is_assumable: bool


async def check(
    owner: Any, service: Any | None, role: str, revisions: Collection[str] | None, *, assumed: bool
) -> Preflight:
    """Check everything that a start relies on, and change nothing.

    Args:
        owner: a connection as the role that owns the tables.
        service: a connection as the service's own login, to be checked too; None if there is nothing to check.
        role: FA_APP_ROLE.
        revisions: what this release can migrate from; None to accept any, as everything will be replaced.
        assumed: the owner's login serves requests as `role`.

    Raises:
        OperatorError: one line that says what to change.
    """
    login = await owner.fetchrow(_LOGIN)
    if login["version"] < _MINIMUM_SERVER:
        raise OperatorError("PostgreSQL 15 or newer is required.")
    if login["read_only"]:
        raise OperatorError("The database is read-only: it is a standby, or default_transaction_read_only is on.")
    revision = await _check_tables(owner, login, revisions)
    serving = await owner.fetchrow(_SERVING_ROLE, role)
    if serving is not None:
        _check_serving_role(serving, "FA_APP_ROLE")
    if assumed:
        _check_assumable(login, serving, role)
    if service is not None:
        await _check_service_login(owner, service, login, role)
    return Preflight(revision, serving is not None, bool(serving and serving["assumable"]))


async def _check_tables(owner: Any, login: Any, revisions: Collection[str] | None) -> str | None:
    tables = {row["name"]: row["ours"] for row in await owner.fetch(_TABLES)}
    revision: str | None = None
    if "alembic_version" in tables:
        revision = await owner.fetchval("select version_num from alembic_version")
    if (revision is None and tables.keys() - {"alembic_version"}) or (revision is not None and "tenants" not in tables):
        raise OperatorError("The database holds tables of another application: name an empty database.")
    if revision is not None and revisions is not None and revision not in revisions:
        raise OperatorError("The database was migrated by a newer release than this one.")
    if not all(tables.values()):
        raise OperatorError(
            f'The login "{login["name"]}" does not own the tables: FA_OWNER_DATABASE_URL must name the login that does.'
        )
    if not login["makes_tables"]:
        raise OperatorError(
            f'The login "{login["name"]}" may not create tables here. '
            f'Ask the administrator for: GRANT CREATE ON SCHEMA public TO "{login["name"]}";'
        )
    return revision


def _check_serving_role(serving: Any, setting: str) -> None:
    if serving["above_the_rules"] or serving["owner"]:
        raise OperatorError(
            f'The service must not work as a superuser or as the owner of its tables, and "{serving["name"]}" '
            f"({setting}) is one: {_TWO_URLS}."
        )


def _check_assumable(login: Any, serving: Any, role: str) -> None:
    """Refuse a login of the owner that can neither assume the role nor create it."""
    if serving is None:
        if not (login["superuser"] or login["makes_roles"]):
            raise OperatorError(
                f'The role "{role}" is missing and this login may not create it. Ask the server\'s administrator for: '
                f'CREATE ROLE "{role}" NOLOGIN; GRANT "{role}" TO "{login["name"]}";'
            )
        return
    # Up to PostgreSQL 15 the right to create roles includes the right to grant every role that is no superuser's.
    grants_any = login["superuser"] or (login["makes_roles"] and login["version"] < 160_000)
    if not (serving["assumable"] or serving["grantable"] or grants_any):
        raise OperatorError(
            f'This login may not work as "{role}". Ask the administrator for: GRANT "{role}" TO "{login["name"]}";'
        )


async def _check_service_login(owner: Any, service: Any, login: Any, role: str) -> None:
    """Refuse a login of the service that leads to another database, or has other rights than those of FA_APP_ROLE."""
    own = await service.fetchrow(_LOGIN)
    if (own["cluster"], own["database"]) != (login["cluster"], login["database"]):
        raise OperatorError("FA_DATABASE_URL and FA_OWNER_DATABASE_URL lead to two different databases.")
    _check_serving_role(await owner.fetchrow(_SERVING_ROLE, own["name"]), "FA_DATABASE_URL")
    entitled = await service.fetchval(
        "select pg_has_role(current_user, oid, 'USAGE') from pg_roles where rolname = $1", role
    )
    if not entitled:
        raise OperatorError(
            f'FA_DATABASE_URL logs in as "{own["name"]}", which has not the rights of FA_APP_ROLE "{role}": '
            f"set FA_APP_ROLE={own['name']}."
        )
