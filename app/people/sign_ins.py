"""People who sign in: what a sign-in finds of them, and the links between people and issuers."""

from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, any_, bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from app.access.key_lookup import grants_of
from app.access.keys import add_principal
from app.access.models import PrincipalKind, PrincipalRecord
from app.access.oidc.models import ClaimedRole, Identity, IdentityProvider
from app.db.statement import Read
from app.db.transaction import Tx
from app.errors import NotFound, OperatorError
from app.events.record import record_event
from app.people.models import Person
from app.tree.models import OrganizationPlace, Tenant

_TENANT = bindparam("tenant_id", type_=Uuid())
_PROVIDER = bindparam("provider_id", type_=Uuid())


def _claimed(condition: Any) -> Any:
    """Return a subquery of roles that claims give: a list of role, organization and path."""
    role = func.json_build_array(col(ClaimedRole.role), col(ClaimedRole.organization_id), col(OrganizationPlace.path))
    return (
        select(func.coalesce(func.json_agg(role), literal_column("'[]'::json")))
        .select_from(ClaimedRole)
        .join(
            OrganizationPlace,
            (col(OrganizationPlace.tenant_id) == col(ClaimedRole.tenant_id))
            & (col(OrganizationPlace.organization_id) == col(ClaimedRole.organization_id)),
        )
        .where(col(ClaimedRole.tenant_id) == _TENANT, col(ClaimedRole.provider_id) == _PROVIDER, condition)
        .scalar_subquery()
    )


#: Takes ``tenant_id``, ``provider_id``, ``subject``, ``now`` and ``values``, those of the claim that names roles.
SIGNED_IN = Read(
    select(
        col(Tenant.secret),
        col(Identity.id).label("identity_id"),
        col(Identity.principal_id),
        col(Identity.person_id),
        col(Person.name),
        col(Person.active),
        col(PrincipalRecord.deactivated_at),
        grants_of(Identity).label("grants"),
        _claimed(col(ClaimedRole.value) == any_(bindparam("values", type_=ARRAY(Text())))).label("claimed_roles"),
        _claimed(col(ClaimedRole.value).is_(None)).label("default_roles"),
    )
    .select_from(Tenant)
    .outerjoin(
        Identity,
        (col(Identity.tenant_id) == col(Tenant.id))
        & (col(Identity.provider_id) == _PROVIDER)
        & (col(Identity.subject) == bindparam("subject", type_=Text())),
    )
    .outerjoin(Person, (col(Person.tenant_id) == col(Identity.tenant_id)) & (col(Person.id) == col(Identity.person_id)))
    .outerjoin(
        PrincipalRecord,
        (col(PrincipalRecord.tenant_id) == col(Identity.tenant_id))
        & (col(PrincipalRecord.id) == col(Identity.principal_id)),
    )
    .where(col(Tenant.id) == _TENANT)
)


async def link(tx: Tx, provider_id: UUID, person_id: UUID, subject: str) -> Identity:
    """Let a person sign in: the issuer knows them by this subject.

    The links of a person share the person's principal and its roles, but not the seats they hold.

    Raises:
        NotFound: the tenant has no such provider or person.
        OperatorError: the subject is linked already, or the person was erased.
    """
    provider = await tx.session.get(IdentityProvider, (tx.tenant_id, provider_id), with_for_update={"read": True})
    # Nothing else may add a principal for the person meanwhile: neither another link nor an admin.
    person = await tx.session.get(Person, (tx.tenant_id, person_id), with_for_update=True)
    if provider is None or person is None:
        raise NotFound("The tenant has no such identity provider or person.")
    if person.erased_at is not None:
        raise OperatorError("This person was erased.")
    known = select(col(Identity.id)).where(
        col(Identity.tenant_id) == tx.tenant_id,
        col(Identity.provider_id) == provider_id,
        col(Identity.subject) == subject,
    )
    if await tx.session.scalar(known) is not None:
        raise OperatorError("This subject of the issuer is linked to a person already.")
    principal = await _principal_of(tx, person)
    made = Identity(
        tenant_id=tx.tenant_id,
        provider_id=provider_id,
        subject=subject,
        principal_id=principal.id,
        person_id=person_id,
    )
    tx.session.add(made)
    record_event(tx, "identity.linked", made.id, data={"person_id": str(person_id), "provider_id": str(provider_id)})
    return made


async def _principal_of(tx: Tx, person: Person) -> PrincipalRecord:
    # The lock keeps an admin from giving the principal to another person before the link is committed.
    known = await tx.session.scalar(
        select(PrincipalRecord)
        .where(col(PrincipalRecord.tenant_id) == tx.tenant_id, col(PrincipalRecord.person_id) == person.id)
        .with_for_update(read=True)
    )
    if known is not None:
        return known
    made = add_principal(
        tx,
        name=person.name,
        organization_id=person.organization_id,
        kind=PrincipalKind.PERSON,
        person_id=person.id,
    )
    await tx.session.flush()
    return made


async def list_links(tx: Tx) -> list[Identity]:
    """Return the links of the tenant, oldest first."""
    found = await tx.session.execute(
        select(Identity).where(col(Identity.tenant_id) == tx.tenant_id).order_by(col(Identity.id))
    )
    return list(found.scalars())


async def unlink(tx: Tx, identity_id: UUID) -> None:
    """End a link. Within a second the issuer's subject is an unknown person, who has the provider's default roles.

    To refuse somebody who left, set the person inactive or deactivate the principal instead.

    Raises:
        NotFound: the tenant has no such link.
    """
    found = await tx.session.get(Identity, (tx.tenant_id, identity_id), with_for_update=True)
    if found is None:
        raise NotFound("The tenant has no such link.")
    await tx.session.delete(found)
    record_event(tx, "identity.unlinked", identity_id, data={"person_id": str(found.person_id)})
