"""Create, change and deactivate principals."""

from uuid import UUID

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.access.keys import add_principal
from app.access.last_admin import keep_an_admin, lock_rights
from app.access.models import PrincipalKind, PrincipalRecord
from app.access.oidc.models import Identity
from app.access.policy import forbidden, is_visible, load_organization_for
from app.accounts.authority import check_covers
from app.accounts.errors import PersonHasPrincipal, PersonOfMachine, PersonSignsIn, UnknownPerson
from app.accounts.principals.queries import HOME
from app.accounts.principals.schemas import PrincipalCreate, PrincipalPatch, PrincipalStatus, PrincipalTransition
from app.db.transaction import Tx
from app.errors import FieldError, InvalidTransition, NotFound
from app.events.erasure import erase_audit_values
from app.events.record import record_event
from app.people.changes import check_not_erased
from app.people.models import Person
from app.tree.models import Organization


async def create(tx: Tx, body: PrincipalCreate) -> UUID:
    """Add a principal without any role or key.

    Raises:
        NotFound: The organization does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there.
        PersonOfMachine, UnknownPerson, PersonHasPrincipal: see `_check_person`.
    """
    await lock_rights(tx, "createPrincipal")
    organization = await load_organization_for(tx, body.organization_id, "createPrincipal")
    await _check_person(tx, body.kind, body.person_id)
    principal = add_principal(
        tx, name=body.name, organization_id=organization.id, kind=body.kind, person_id=body.person_id
    )
    return principal.id


async def patch(tx: Tx, principal_id: UUID, body: PrincipalPatch) -> UUID:
    """Change a principal's name or person.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        PersonOfMachine, UnknownPerson, PersonHasPrincipal: see `_check_person`.
        PersonErased: the present person, or the new one, was erased.
        BeyondOwnRights: the person would get rights that the caller could not grant.
        PersonSignsIn: an issuer knows the present person by this principal.
        LastAdmin: the new person has left, and the tenant would be left without an admin.
    """
    await lock_rights(tx, "updatePrincipal")
    principal, organization = await load_principal_for(tx, principal_id, "updatePrincipal")
    tx.expect(principal)
    await _check_not_erased(tx, principal.person_id)
    changes = body.changes()
    person_id = changes.get("person_id", principal.person_id)
    if person_id != principal.person_id:
        await _check_other_person(tx, principal, person_id)
        if principal.person_id is not None:
            await erase_audit_values(tx, principal.id)
    async with keep_an_admin(tx):
        for name, value in changes.items():
            setattr(principal, name, value)
        is_changed = tx.touch(principal)
    if is_changed:
        record_event(
            tx,
            "principal.updated",
            principal.id,
            organization_id=organization.id,
            data={"fields": sorted(body.model_fields_set)},
        )
    return principal.id


async def give_principal(tx: Tx, from_person_id: UUID, to_person_id: UUID) -> None:
    """Let the principal of a person, if there is one, stand for another person from now on.

    Raises:
        Forbidden: the caller may not change the principal.
        PersonHasPrincipal, BeyondOwnRights, PersonSignsIn: as for a patch.
    """
    await lock_rights(tx, "updatePrincipal")
    query = select(PrincipalRecord.id).where(
        col(PrincipalRecord.tenant_id) == tx.tenant_id, col(PrincipalRecord.person_id) == from_person_id
    )
    principal_id = await tx.session.scalar(query)
    if principal_id is None:
        return
    try:
        principal, organization = await load_principal_for(tx, principal_id, "updatePrincipal")
    except NotFound:
        raise forbidden("updatePrincipal", "the organization of the person's principal, or one above it") from None
    await _check_other_person(tx, principal, to_person_id)
    principal.person_id = to_person_id
    tx.touch(principal)
    fields = {"fields": ["person_id"]}
    record_event(tx, "principal.updated", principal.id, organization_id=organization.id, data=fields)


async def _check_other_person(tx: Tx, principal: PrincipalRecord, person_id: UUID | None) -> None:
    """Check that a principal may stand for another person, or for nobody.

    Raises:
        PersonOfMachine, UnknownPerson, PersonHasPrincipal: see `_check_person`.
        BeyondOwnRights: the person would get rights that the caller could not grant.
        PersonSignsIn: an issuer knows the present person by this principal.
    """
    if await tx.session.scalar(_identities_of(tx, principal.id)) is not None:
        raise PersonSignsIn
    await _check_person(tx, kind_of(principal), person_id)
    if person_id is not None:
        await check_covers(tx, principal.id, "updatePrincipal", None)


async def transition(tx: Tx, principal_id: UUID, body: PrincipalTransition) -> UUID:
    """Deactivate a principal, so that all of its keys are refused, or reactivate it.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InvalidTransition: it has that status already.
        PersonErased: a reactivation of the principal of an erased person.
        BeyondOwnRights: a reactivation would give back rights that the caller could not grant.
        LastAdmin: no other admin of the tenant would be left.
    """
    await lock_rights(tx, "transitionPrincipal")
    principal, organization = await load_principal_for(tx, principal_id, "transitionPrincipal")
    tx.expect(principal)
    present, other = PrincipalStatus.ACTIVE, PrincipalStatus.DEACTIVATED
    if principal.deactivated_at is not None:
        present, other = other, present
    if body.to is present:
        raise InvalidTransition(present, [other])
    if body.to is PrincipalStatus.ACTIVE:
        await _check_not_erased(tx, principal.person_id)
        await check_covers(tx, principal.id, "transitionPrincipal", None)
    async with keep_an_admin(tx):
        principal.deactivated_at = tx.now if body.to is PrincipalStatus.DEACTIVATED else None
        tx.touch(principal)
    record_event(
        tx,
        "principal.deactivated" if principal.deactivated_at else "principal.reactivated",
        principal.id,
        organization_id=organization.id,
        data={"reason": body.reason},
    )
    return principal.id


async def load_principal_for(tx: Tx, principal_id: UUID, operation: str) -> tuple[PrincipalRecord, Organization]:
    """Load and lock a principal for an operation, with the organization it belongs to.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
        Forbidden: It is visible, but not allowed.
    """
    query = select(PrincipalRecord, HOME.label("home")).where(
        col(PrincipalRecord.tenant_id) == tx.tenant_id,
        col(PrincipalRecord.id) == principal_id,
        is_visible(tx.principal, HOME),
    )
    query = query.with_for_update(of=PrincipalRecord).execution_options(populate_existing=True)
    found = (await tx.session.execute(query)).one_or_none()
    if found is None:
        raise NotFound
    organization = await load_organization_for(tx, found.home, operation)
    return found.PrincipalRecord, organization


def kind_of(principal: PrincipalRecord) -> PrincipalKind:
    """Return the kind of a principal. Rows of earlier releases that say `api_key` are machines."""
    return PrincipalKind.PERSON if principal.kind == PrincipalKind.PERSON else PrincipalKind.MACHINE


def _identities_of(tx: Tx, principal_id: UUID) -> SelectOfScalar[UUID]:
    return (
        select(Identity.id)
        .where(col(Identity.tenant_id) == tx.tenant_id, col(Identity.principal_id) == principal_id)
        .limit(1)
    )


async def _check_not_erased(tx: Tx, person_id: UUID | None) -> None:
    """Check that a principal's person was not erased. Erasures and changes of principals run one after the other.

    Raises:
        PersonErased: the person was.
    """
    if person_id is not None:
        query = select(Person.erased_at).where(col(Person.tenant_id) == tx.tenant_id, col(Person.id) == person_id)
        check_not_erased(await tx.session.scalar(query))


async def _check_person(tx: Tx, kind: PrincipalKind, person_id: UUID | None) -> None:
    """Check the person that a principal is to stand for.

    Raises:
        PersonOfMachine: the principal is a machine.
        UnknownPerson: The person does not exist, or the caller cannot see them.
        PersonErased: the person was erased.
        PersonHasPrincipal: another principal stands for the person.
    """
    if person_id is None:
        return
    if kind is not PrincipalKind.PERSON:
        raise PersonOfMachine(errors=[FieldError("/body/person_id", PersonOfMachine.code, PersonOfMachine.title)])
    query = select(Person.id).where(
        col(Person.tenant_id) == tx.tenant_id,
        col(Person.id) == person_id,
        is_visible(tx.principal, Person.organization_id),
    )
    if await tx.session.scalar(query) is None:
        raise UnknownPerson(errors=[FieldError("/body/person_id", UnknownPerson.code, UnknownPerson.title)])
    await _check_not_erased(tx, person_id)
    taken = select(PrincipalRecord.id).where(
        col(PrincipalRecord.tenant_id) == tx.tenant_id, col(PrincipalRecord.person_id) == person_id
    )
    if await tx.session.scalar(taken) is not None:
        raise PersonHasPrincipal
