"""scim groups

Add the groups of identity providers, what the tenant maps them to, and the roles that came of it. Nothing refers to the
tables, and the release before does not know them.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import isolate

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_TABLES = ("scim_groups", "scim_group_members", "scim_group_mappings", "scim_role_grants")
_ROLES = ("viewer", "respondent", "facilitator", "manager", "integrator", "admin")


def _id(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(length=200), nullable=nullable)


def _key(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Text(collation="C"), nullable=False)


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _tenant(table: str) -> tuple[sa.Column[object] | sa.Constraint, ...]:
    return (
        _id("tenant_id"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id_tenants")),
    )


def _row(table: str, *, versioned: bool = True) -> tuple[sa.Column[object] | sa.Constraint, ...]:
    more = (_instant("updated_at"), sa.Column("version", sa.Integer(), nullable=False)) if versioned else ()
    return (
        *_tenant(table),
        _id("id"),
        _instant("created_at"),
        *more,
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
    )


def _of(table: str, column: str, other: str, *, cascade: bool = True) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{other}.tenant_id", f"{other}.id"],
        name=op.f(f"fk_{table}_tenant_id_{column}_{other}"),
        ondelete="CASCADE" if cascade else None,
    )


def upgrade() -> None:
    op.create_table(
        "scim_groups",
        *_row("scim_groups"),
        _text("display_name"),
        _key("display_name_key"),
        _text("external_id", nullable=True),
    )
    op.create_index("ix_scim_groups_name", "scim_groups", ["tenant_id", "display_name_key"])
    op.create_index(
        "uq_scim_groups_external_id",
        "scim_groups",
        ["tenant_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id is not null"),
    )
    op.create_table(
        "scim_group_members",
        *_tenant("scim_group_members"),
        _id("group_id"),
        _id("user_id"),
        _of("scim_group_members", "group_id", "scim_groups"),
        _of("scim_group_members", "user_id", "scim_users"),
        sa.PrimaryKeyConstraint("tenant_id", "group_id", "user_id", name=op.f("pk_scim_group_members")),
    )
    op.create_index("ix_scim_group_members_user", "scim_group_members", ["tenant_id", "user_id"])
    _create_mappings()
    for table in _TABLES:
        for statement in isolate(table):
            op.execute(statement)


def _create_mappings() -> None:
    op.create_table(
        "scim_group_mappings",
        *_row("scim_group_mappings"),
        _text("group_name"),
        _key("group_key"),
        _id("organization_id"),
        sa.Column("role", sa.Enum(*_ROLES, name="role", native_enum=False, create_constraint=True, length=40)),
        _of("scim_group_mappings", "organization_id", "organizations", cascade=False),
        sa.UniqueConstraint(
            "tenant_id",
            "group_key",
            "organization_id",
            "role",
            name=op.f("uq_scim_group_mappings_tenant_id_group_key_organization_id_role"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_scim_group_mappings_updated", "scim_group_mappings", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_scim_group_mappings_organization", "scim_group_mappings", ["tenant_id", "organization_id"])
    op.create_table(
        "scim_role_grants",
        *_row("scim_role_grants", versioned=False),
        _id("mapping_id"),
        _id("user_id"),
        _id("grant_id"),
        _of("scim_role_grants", "mapping_id", "scim_group_mappings"),
        _of("scim_role_grants", "user_id", "scim_users"),
        _of("scim_role_grants", "grant_id", "role_grants"),
        sa.UniqueConstraint(
            "tenant_id", "mapping_id", "user_id", name=op.f("uq_scim_role_grants_tenant_id_mapping_id_user_id")
        ),
    )
    op.create_index("ix_scim_role_grants_user", "scim_role_grants", ["tenant_id", "user_id"])
    op.create_index("ix_scim_role_grants_grant", "scim_role_grants", ["tenant_id", "grant_id"])


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)
