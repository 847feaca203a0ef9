"""Row-level security: the statements that a migration runs for a table of tenants.

The service sees the rows of the tenant that ``app.tenant`` names, and none where it names none. The owner of the tables
is not bound: it migrates, backs up and restores. Migrations of the past run these statements too, so change what they
do by a separate migration.
"""

#: The tables without a policy. The schema's revision and the leases of periodic tasks belong to no tenant. The rows of
#: an import exist in its own transaction only.
WITHOUT_POLICY = frozenset({"alembic_version", "schedules", "staged_organizations", "staged_people"})
#: Runs as the owner of the tables, so it must not find an object that its caller put before the real one.
PINNED = "security definer set search_path = pg_catalog, pg_temp"
# A subquery is run once for a statement; a bare function call could be run for every row.
_TENANT = "(select nullif(current_setting('app.tenant', true), '')::uuid)"


def isolate(table: str, *, column: str = "tenant_id") -> tuple[str, ...]:
    """Return the statements that limit the service to one tenant's rows of a table.

    Args:
        column: the column that holds the tenant.
    """
    return (
        f"alter table {table} enable row level security",
        f"create policy tenant on {table} using ({column} = {_TENANT}) with check ({column} = {_TENANT})",
    )


def open_up(table: str) -> tuple[str, ...]:
    """Return the statements that take back what `isolate` did."""
    return f"drop policy tenant on {table}", f"alter table {table} disable row level security"
