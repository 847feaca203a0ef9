"""keys and grants with terms

Grants get a period, keys get a name, networks, the time of their last use and former secrets, principals get an
organization, a person and an end. New columns are null or have a default in the database: the release before can still
insert. A principal whose roles were all granted on one organization belongs to it; any other stays without one, which
means the root.

The serving role selects, inserts, updates and deletes in all four tables, but never deletes a principal.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for table in ("principals", "role_grants"):
        op.add_column(table, sa.Column("updated_at", _INSTANT, server_default=sa.func.now(), nullable=False))
        op.add_column(table, sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
        op.create_index(f"ix_{table}_updated", table, ["tenant_id", "updated_at", "id"], unique=False)
    op.create_index("ix_api_keys_updated", "api_keys", ["tenant_id", "updated_at", "id"], unique=False)
    _extend_principals()
    op.add_column("role_grants", sa.Column("starts_at", _INSTANT, nullable=True))
    op.add_column("role_grants", sa.Column("ends_at", _INSTANT, nullable=True))
    op.create_check_constraint(op.f("ck_role_grants_period"), "role_grants", "ends_at > starts_at")
    op.add_column("api_keys", sa.Column("name", sa.String(length=200), nullable=True))
    op.add_column(
        "api_keys",
        sa.Column(
            "allowed_networks", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
    )
    op.add_column("api_keys", sa.Column("last_used_at", _INSTANT, nullable=True))
    op.create_table(
        "former_key_secrets",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("ends_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "key_id"],
            ["api_keys.tenant_id", "api_keys.id"],
            name=op.f("fk_former_key_secrets_tenant_id_key_id_api_keys"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_former_key_secrets_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "secret_hash", name=op.f("pk_former_key_secrets")),
    )
    op.create_index("ix_former_key_secrets_key", "former_key_secrets", ["tenant_id", "key_id"], unique=False)


def _extend_principals() -> None:
    op.add_column("principals", sa.Column("organization_id", sa.Uuid(), nullable=True))
    op.add_column("principals", sa.Column("person_id", sa.Uuid(), nullable=True))
    op.add_column("principals", sa.Column("deactivated_at", _INSTANT, nullable=True))
    op.create_foreign_key(
        op.f("fk_principals_tenant_id_organization_id_organizations"),
        "principals",
        "organizations",
        ["tenant_id", "organization_id"],
        ["tenant_id", "id"],
    )
    op.create_foreign_key(
        op.f("fk_principals_tenant_id_person_id_people"),
        "principals",
        "people",
        ["tenant_id", "person_id"],
        ["tenant_id", "id"],
    )
    op.create_index("ix_principals_organization", "principals", ["tenant_id", "organization_id"], unique=False)
    op.create_index(
        "uq_principals_person",
        "principals",
        ["tenant_id", "person_id"],
        unique=True,
        postgresql_where="person_id is not null",
    )
    op.execute(
        """
        update principals p set organization_id = g.organization_id
        from (
            select tenant_id, principal_id, min(organization_id::text)::uuid as organization_id
            from role_grants group by tenant_id, principal_id having count(distinct organization_id) = 1
        ) g
        where g.tenant_id = p.tenant_id and g.principal_id = p.id
        """
    )


def downgrade() -> None:
    op.drop_index("ix_former_key_secrets_key", table_name="former_key_secrets")
    op.drop_table("former_key_secrets")
    op.drop_index("ix_api_keys_updated", table_name="api_keys")
    for name in ("last_used_at", "allowed_networks", "name"):
        op.drop_column("api_keys", name)
    op.drop_constraint(op.f("ck_role_grants_period"), "role_grants", type_="check")
    # A release that knows no period would let a grant of another time count: it goes, as one that has ended.
    op.execute("delete from role_grants where ends_at <= now() or starts_at > now()")
    for name in ("ends_at", "starts_at"):
        op.drop_column("role_grants", name)
    # Nor does it know that a principal can be deactivated. Its keys are revoked instead.
    op.execute(
        """
        update api_keys k set revoked_at = p.deactivated_at
        from principals p
        where p.tenant_id = k.tenant_id and p.id = k.principal_id and p.deactivated_at is not null
          and k.revoked_at is null
        """
    )
    op.drop_index("uq_principals_person", table_name="principals")
    op.drop_index("ix_principals_organization", table_name="principals")
    op.drop_constraint(op.f("fk_principals_tenant_id_person_id_people"), "principals", type_="foreignkey")
    op.drop_constraint(op.f("fk_principals_tenant_id_organization_id_organizations"), "principals", type_="foreignkey")
    for name in ("deactivated_at", "person_id", "organization_id"):
        op.drop_column("principals", name)
    for table in ("principals", "role_grants"):
        op.drop_index(f"ix_{table}_updated", table_name=table)
        op.drop_column(table, "version")
        op.drop_column(table, "updated_at")
