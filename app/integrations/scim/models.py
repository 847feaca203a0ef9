"""The tokens of identity providers, their groups, and what these mean here."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.db.base import Record, Versioned, choice, folded
from app.principal import Role


class ScimToken(Versioned, table=True):
    """A credential of the tenant's identity provider; only the SHA-256 of its secret is stored.

    ``last_used_at`` is no change of the token: it leaves the version alone.
    """

    __tablename__ = "scim_tokens"
    __table_args__ = (
        UniqueConstraint("tenant_id", "secret_hash"),
        Index("ix_scim_tokens_updated", "tenant_id", "updated_at", "id"),
    )

    name: str = Field(max_length=200)
    secret_hash: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    last_used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class ScimGroup(Versioned, table=True):
    """A group of the identity provider. It means nothing here until a mapping says so."""

    __tablename__ = "scim_groups"
    __table_args__ = (
        Index("ix_scim_groups_name", "tenant_id", "display_name_key"),
        Index(
            "uq_scim_groups_external_id",
            "tenant_id",
            "external_id",
            unique=True,
            postgresql_where="external_id is not null",
        ),
    )

    display_name: str = Field(max_length=200)
    display_name_key: str = folded()
    external_id: str | None = Field(default=None, max_length=200)


class ScimGroupMember(SQLModel, table=True):
    """A user in a group."""

    __tablename__ = "scim_group_members"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "group_id"], ["scim_groups.tenant_id", "scim_groups.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["tenant_id", "user_id"], ["scim_users.tenant_id", "scim_users.id"], ondelete="CASCADE"),
        Index("ix_scim_group_members_user", "tenant_id", "user_id"),
    )

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    group_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(primary_key=True)


class ScimGroupMapping(Versioned, table=True):
    """What the members of a group get: a role on an organization, or the organization as the place where they work.

    Attributes:
        group_key: the display name of the group without case, by which the group is found.
        role: None: the members work in the organization.
    """

    __tablename__ = "scim_group_mappings"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        UniqueConstraint("tenant_id", "group_key", "organization_id", "role", postgresql_nulls_not_distinct=True),
        Index("ix_scim_group_mappings_updated", "tenant_id", "updated_at", "id"),
        Index("ix_scim_group_mappings_organization", "tenant_id", "organization_id"),
    )

    group_name: str = Field(max_length=200)
    group_key: str = folded()
    organization_id: UUID
    role: Role | None = Field(default=None, sa_type=choice(Role, "role"))


class ScimRoleGrant(Record, table=True):
    """A role that a mapping has given to a user, and that ends with the membership."""

    __tablename__ = "scim_role_grants"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "mapping_id"],
            ["scim_group_mappings.tenant_id", "scim_group_mappings.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(["tenant_id", "user_id"], ["scim_users.tenant_id", "scim_users.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["tenant_id", "grant_id"], ["role_grants.tenant_id", "role_grants.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "mapping_id", "user_id"),
        Index("ix_scim_role_grants_user", "tenant_id", "user_id"),
        Index("ix_scim_role_grants_grant", "tenant_id", "grant_id"),
    )

    mapping_id: UUID
    user_id: UUID
    grant_id: UUID
