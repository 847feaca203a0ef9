"""organization places

Where each organization is in the tree moves to a separate table, so that moving a large subtree locks no row that
another write needs. A time zone may be absent: the parent's counts. Implementations can end and be resumed.

The places are built from the parents; no existing table is written anew. Every revision goes up, down and up again
without loss of what it did not itself add.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FILL = """
insert into organization_places (tenant_id, organization_id, path, depth, archived_by_id, timezone_from_id)
with recursive below as (
    select tenant_id, id, path, depth, case when archived_at is not null then id end as archived_by_id,
           id as timezone_from_id
    from organizations where parent_id is null
    union all
    select o.tenant_id, o.id, o.path, o.depth,
           case when o.archived_at is not null then o.id else b.archived_by_id end,
           case when o.timezone is not null then o.id else b.timezone_from_id end
    from organizations o join below b on o.tenant_id = b.tenant_id and o.parent_id = b.id
)
select tenant_id, id, path, depth, archived_by_id, timezone_from_id from below
"""
# A name that this server does not know must not fail the statement that meets it.
_DAY_IN_ZONE = """
create function day_in_zone(zone text, moment timestamptz) returns date language plpgsql stable as $$
begin
    return timezone(zone, moment)::date;
exception when invalid_parameter_value then
    return timezone('UTC', moment)::date;
end
$$
"""
_FILL_BACK = """
update organizations o
set path = p.path, depth = p.depth, timezone = coalesce(o.timezone, z.timezone, 'UTC')
from organization_places p
join organizations z on z.tenant_id = p.tenant_id and z.id = p.timezone_from_id
where p.tenant_id = o.tenant_id and p.organization_id = o.id
"""


def upgrade() -> None:
    op.create_table(
        "organization_places",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("archived_by_id", sa.Uuid(), nullable=True),
        sa.Column("timezone_from_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_organization_places_tenant_id_tenants")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organizations.tenant_id", "organizations.id"],
            name=op.f("fk_organization_places_tenant_id_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "organization_id", name=op.f("pk_organization_places")),
        sa.UniqueConstraint("tenant_id", "path", name=op.f("uq_organization_places_tenant_id_path")),
    )
    op.execute(_FILL)
    op.drop_constraint(op.f("uq_organizations_tenant_id_path"), "organizations", type_="unique")
    op.drop_constraint(op.f("ck_organizations_root_depth"), "organizations", type_="check")
    op.drop_column("organizations", "path")
    op.drop_column("organizations", "depth")
    op.alter_column("organizations", "timezone", nullable=True)
    op.execute(_DAY_IN_ZONE)
    op.add_column("implementations", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("stage_changes", sa.Column("kind", sa.String(length=40), nullable=False, server_default="stage"))
    op.create_check_constraint(op.f("ck_stage_changes_kind"), "stage_changes", "kind in ('stage', 'ended', 'resumed')")
    op.alter_column("stage_changes", "kind", server_default=None)


def downgrade() -> None:
    op.execute("delete from stage_changes where kind <> 'stage'")
    op.drop_column("stage_changes", "kind")
    op.drop_column("implementations", "ended_at")
    op.execute("drop function day_in_zone")
    op.add_column("organizations", sa.Column("path", sa.Text(collation="C"), nullable=True))
    op.add_column("organizations", sa.Column("depth", sa.Integer(), nullable=True))
    op.execute(_FILL_BACK)
    for column in ("path", "depth", "timezone"):
        op.alter_column("organizations", column, nullable=False)
    op.create_check_constraint(
        op.f("ck_organizations_root_depth"), "organizations", "(parent_id is null) = (depth = 0)"
    )
    op.create_unique_constraint(op.f("uq_organizations_tenant_id_path"), "organizations", ["tenant_id", "path"])
    op.drop_table("organization_places")
