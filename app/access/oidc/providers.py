"""Bind issuers of access tokens to tenants. Operators do this on the command line; the service only reads it."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select

from app.access.oidc.models import ClaimedRole, IdentityProvider
from app.db.transaction import Tx
from app.errors import NotFound, OperatorError
from app.events.record import record_event
from app.principal import Role
from app.tree.organizations import load_organization


async def add_provider(
    tx: Tx,
    *,
    issuer: str,
    audiences: Sequence[str],
    jwks_url: str | None = None,
    person_claim: str = "sub",
    roles_claim: str | None = None,
    roles: Sequence[tuple[str | None, Role, UUID]] = (),
) -> IdentityProvider:
    """Bind an issuer to the tenant.

    Args:
        roles: which value of ``roles_claim`` gives which role on which organization; a value of None names the roles
            of people whom no link names.

    Raises:
        OperatorError: this tenant or another one has it.
        NotFound: the tenant has no such organization.
    """
    if await tx.session.scalar(select(col(IdentityProvider.id)).where(col(IdentityProvider.issuer) == issuer)):
        raise OperatorError("The issuer is bound to a tenant already.")
    provider = IdentityProvider(
        tenant_id=tx.tenant_id,
        issuer=issuer,
        audiences=list(audiences),
        jwks_url=jwks_url,
        person_claim=person_claim,
        roles_claim=roles_claim,
    )
    tx.session.add(provider)
    await tx.session.flush()
    for value, role, organization_id in roles:
        organization = await load_organization(tx, organization_id)
        tx.session.add(
            ClaimedRole(
                tenant_id=tx.tenant_id,
                provider_id=provider.id,
                value=value,
                role=role,
                organization_id=organization.id,
            )
        )
    record_event(tx, "identity_provider.added", provider.id, data={"issuer": issuer})
    return provider


async def list_providers(tx: Tx) -> list[tuple[IdentityProvider, list[ClaimedRole]]]:
    """Return the tenant's issuers, oldest first, with the roles that their claims give."""
    providers = await tx.session.execute(
        select(IdentityProvider)
        .where(col(IdentityProvider.tenant_id) == tx.tenant_id)
        .order_by(col(IdentityProvider.id))
    )
    roles = (
        (await tx.session.execute(select(ClaimedRole).where(col(ClaimedRole.tenant_id) == tx.tenant_id)))
        .scalars()
        .all()
    )
    return [(provider, [role for role in roles if role.provider_id == provider.id]) for provider in providers.scalars()]


async def remove_provider(tx: Tx, provider_id: UUID) -> None:
    """Unbind an issuer, with its links to people. Its tokens stop working within a second.

    Raises:
        NotFound: the tenant has no such issuer.
    """
    found = await tx.session.get(IdentityProvider, (tx.tenant_id, provider_id), with_for_update=True)
    if found is None:
        raise NotFound("The tenant has no such identity provider.")
    await tx.session.delete(found)
    record_event(tx, "identity_provider.removed", provider_id, data={"issuer": found.issuer})
