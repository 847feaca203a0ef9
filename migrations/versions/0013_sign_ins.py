"""sign-ins

Issuers of access tokens, the roles that their claims give, and the links between their subjects and people. The
service only reads these tables. It finds an issuer before the tenant is known, by a function that runs as the owner.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import PINNED, isolate

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ROLE = sa.Enum(
    "viewer", "respondent", "facilitator", "manager", "integrator", "admin",
    name="role", native_enum=False, create_constraint=True, length=40,
)  # fmt: skip

_FIND_PROVIDER = """
create function find_identity_provider(issuer text) returns setof identity_providers language sql stable {pinned} as
'select * from public.identity_providers p where p.issuer = $1'
"""


def _common() -> list[sa.Column[object]]:
    return [
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    ]


def _to_provider(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "provider_id"],
        ["identity_providers.tenant_id", "identity_providers.id"],
        name=op.f(f"fk_{table}_tenant_id_provider_id_identity_providers"),
        ondelete="CASCADE",
    )


def _to_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id_tenants"))


def upgrade() -> None:
    op.create_table(
        "identity_providers",
        *_common(),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("audiences", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("jwks_url", sa.String(length=500), nullable=True),
        sa.Column("person_claim", sa.String(length=200), nullable=False),
        sa.Column("roles_claim", sa.String(length=200), nullable=True),
        _to_tenant("identity_providers"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_identity_providers")),
        sa.UniqueConstraint("issuer", name=op.f("uq_identity_providers_issuer")),
    )
    op.create_table(
        "claimed_roles",
        *_common(),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=True),
        sa.Column("role", _ROLE, nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _to_provider("claimed_roles"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organizations.tenant_id", "organizations.id"],
            name=op.f("fk_claimed_roles_tenant_id_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        _to_tenant("claimed_roles"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_claimed_roles")),
    )
    op.create_index("ix_claimed_roles_provider", "claimed_roles", ["tenant_id", "provider_id"])
    op.create_index("ix_claimed_roles_organization", "claimed_roles", ["tenant_id", "organization_id"])
    op.create_table(
        "identities",
        *_common(),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        _to_provider("identities"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "principal_id"],
            ["principals.tenant_id", "principals.id"],
            name=op.f("fk_identities_tenant_id_principal_id_principals"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "person_id"],
            ["people.tenant_id", "people.id"],
            name=op.f("fk_identities_tenant_id_person_id_people"),
        ),
        _to_tenant("identities"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_identities")),
        sa.UniqueConstraint(
            "tenant_id", "provider_id", "subject", name=op.f("uq_identities_tenant_id_provider_id_subject")
        ),
    )
    op.create_index("ix_identities_principal", "identities", ["tenant_id", "principal_id"])
    op.create_index("ix_identities_person", "identities", ["tenant_id", "person_id"])
    for table in ("identity_providers", "claimed_roles", "identities"):
        for statement in isolate(table):
            op.execute(statement)
    op.execute(_FIND_PROVIDER.format(pinned=PINNED))
    op.execute("revoke execute on function find_identity_provider(text) from public")


def downgrade() -> None:
    op.execute("drop function find_identity_provider")
    op.drop_table("identities")
    op.drop_table("claimed_roles")
    op.drop_table("identity_providers")
