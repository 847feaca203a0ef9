"""scim users

Add the tokens of identity providers, and what these say of people. Nothing refers to the tables, and the release before
does not know them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.db.schema.isolation import isolate

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_LIVE, _DELETED, _NAMED = "deleted_at is null", "deleted_at is not null", "external_id is not null"


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _row(table: str) -> tuple[sa.Column[object] | sa.Constraint, ...]:
    return (
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        _instant("created_at"),
        _instant("updated_at"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
    )


def upgrade() -> None:
    op.create_table(
        "scim_tokens",
        *_row("scim_tokens"),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        _instant("expires_at", nullable=True),
        _instant("revoked_at", nullable=True),
        sa.UniqueConstraint("tenant_id", "secret_hash", name=op.f("uq_scim_tokens_tenant_id_secret_hash")),
    )
    op.create_index("ix_scim_tokens_updated", "scim_tokens", ["tenant_id", "updated_at", "id"])
    op.create_table(
        "scim_users",
        *_row("scim_users"),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("user_name", sa.String(length=200), nullable=False),
        sa.Column("user_name_key", sa.Text(collation="C"), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        *(
            sa.Column(name, sa.String(length=200), nullable=True)
            for name in ("display_name", "formatted_name", "given_name", "family_name")
        ),
        sa.Column("emails", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        _instant("deleted_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "person_id"],
            ["people.tenant_id", "people.id"],
            name=op.f("fk_scim_users_tenant_id_person_id_people"),
        ),
    )
    for name, column, condition, unique in (
        ("uq_scim_users_user_name", "user_name_key", _LIVE, True),
        ("uq_scim_users_external_id", "external_id", f"{_LIVE} and {_NAMED}", True),
        ("ix_scim_users_deleted_name", "user_name_key", _DELETED, False),
        ("ix_scim_users_deleted_external_id", "external_id", f"{_DELETED} and {_NAMED}", False),
    ):
        op.create_index(name, "scim_users", ["tenant_id", column], unique=unique, postgresql_where=sa.text(condition))
    op.create_index("ix_scim_users_person", "scim_users", ["tenant_id", "person_id"])
    for table in ("scim_tokens", "scim_users"):
        for statement in isolate(table):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("scim_users")
    op.drop_table("scim_tokens")
