"""The issuers of sign-ins and what their claims mean. The service only reads these tables; operators write them."""

from uuid import UUID

from sqlalchemy import ARRAY, ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field

from app.db.base import Record, choice
from app.principal import Role


class IdentityProvider(Record, table=True):
    """An issuer of access tokens, bound to one tenant.

    Attributes:
        issuer: the ``iss`` of its tokens. It is unique over all tenants, because it decides the tenant.
        audiences: a token names at least one of these in ``aud``.
        jwks_url: where its keys are; None: what its discovery document names.
        person_claim: the claim that identifies a person.
        roles_claim: the claim whose values `ClaimedRole` maps to roles; a dotted path reaches into objects.
    """

    __tablename__ = "identity_providers"
    __table_args__ = (UniqueConstraint("issuer"),)

    issuer: str = Field(max_length=500)
    audiences: list[str] = Field(sa_type=ARRAY(Text))
    jwks_url: str | None = Field(default=None, max_length=500)
    person_claim: str = Field(default="sub", max_length=200)
    roles_claim: str | None = Field(default=None, max_length=200)


class ClaimedRole(Record, table=True):
    """A role on an organization that a value of a claim gives.

    Attributes:
        value: a value of the issuer's ``roles_claim``. None: the role of a person whom no identity names.
    """

    __tablename__ = "claimed_roles"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "provider_id"], ["identity_providers.tenant_id", "identity_providers.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"], ondelete="CASCADE"
        ),
        Index("ix_claimed_roles_provider", "tenant_id", "provider_id"),
        Index("ix_claimed_roles_organization", "tenant_id", "organization_id"),
    )

    provider_id: UUID
    value: str | None = Field(default=None, max_length=200)
    role: Role = Field(sa_type=choice(Role, "role"))
    organization_id: UUID


class Identity(Record, table=True):
    """A person as an issuer knows them. It is never changed: another link is another row.

    Attributes:
        principal_id: the person's principal, which roles are granted to.
        subject: the value of the issuer's ``person_claim``.
    """

    __tablename__ = "identities"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "provider_id"], ["identity_providers.tenant_id", "identity_providers.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["tenant_id", "principal_id"], ["principals.tenant_id", "principals.id"]),
        ForeignKeyConstraint(["tenant_id", "person_id"], ["people.tenant_id", "people.id"]),
        UniqueConstraint("tenant_id", "provider_id", "subject"),
        Index("ix_identities_principal", "tenant_id", "principal_id"),
        Index("ix_identities_person", "tenant_id", "person_id"),
    )

    provider_id: UUID
    subject: str = Field(max_length=255)
    principal_id: UUID
    person_id: UUID
