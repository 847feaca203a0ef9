"""Changing programs, and organizations' use of them."""

from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from app.access.policy import may, organization_for
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.errors import Conflict, FieldError, Forbidden, Invalid, InvalidTransition, NotFound, ReasonRequired
from app.events.record import record_event
from app.organizations.service import ensure_active
from app.programs import queries
from app.programs.models import Implementation, Program, Stage, StageChange
from app.programs.schemas import (
    ImplementationCreate,
    ImplementationRead,
    ImplementationTransition,
    ProgramCreate,
    ProgramPatch,
    ProgramRead,
)
from app.tree.models import Organization
from app.tree.organizations import load_organization

_STAGES = list(Stage)


class ImplementationExists(Conflict):
    code = "implementation_exists"
    title = "The organization uses this program already"


class UnknownProgram(Invalid):
    code = "unknown_program"
    title = "There is no such program in sight"


class ProgramOutOfReach(Invalid):
    code = "program_out_of_reach"
    title = "The program belongs to neither the organization nor one above it"


async def create_program(tx: Tx, body: ProgramCreate) -> ProgramRead:
    """Create a program of an organization.

    Raises:
        NotFound: no such organization in the caller's sight.
        Forbidden: the caller may not create there.
        OrganizationArchived: the organization is archived.
    """
    owner = await organization_for(tx, body.organization_id, "createProgram")
    ensure_active(owner)
    made = Program(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        updated_at=tx.now,
        organization_id=owner.id,
        name=body.name,
        name_key=body.name.casefold(),
        description=body.description,
        website=body.website,
    )
    tx.session.add(made)
    record_event(tx, "program.created", made.id, organization_id=owner.id)
    return await queries.program(tx, tx.principal, made.id)


async def patch_program(tx: Tx, program_id: UUID, body: ProgramPatch) -> ProgramRead:
    """Change a program's fields.

    Raises:
        NotFound: none such in the caller's sight.
        Forbidden: no role at its owner allows it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
    """
    program = await _program_for(tx, program_id, "updateProgram")
    for name, value in body.changes().items():
        setattr(program, name, value)
    program.name_key = program.name.casefold()
    tx.touch(program)
    record_event(
        tx,
        "program.updated",
        program.id,
        organization_id=program.organization_id,
        data={"fields": sorted(body.model_fields_set)},
    )
    return await queries.program(tx, tx.principal, program.id)


async def remove_program(tx: Tx, program_id: UUID) -> None:
    """Delete a program that nobody uses.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InUse: an organization uses it.
    """
    program = await _program_for(tx, program_id, "deleteProgram")
    await tx.session.delete(program)
    record_event(tx, "program.deleted", program.id, organization_id=program.organization_id)


async def create_implementation(tx: Tx, body: ImplementationCreate) -> ImplementationRead:
    """Begin an organization's use of a program, at its first stage.

    Raises:
        NotFound: no such organization in the caller's sight.
        Forbidden: the caller may not create there.
        OrganizationArchived: the organization is archived.
        UnknownProgram: no such program in the caller's sight.
        ProgramOutOfReach: its owner is neither the organization nor above it.
        ImplementationExists: the organization uses the program already.
    """
    organization = await organization_for(tx, body.organization_id, "createImplementation")
    ensure_active(organization)
    program_id = await _offered_program(tx, body.program_id, organization)
    made: dict[str, Any] = {
        "tenant_id": tx.tenant_id,
        "id": uuid7(),
        "created_at": tx.now,
        "updated_at": tx.now,
        "version": 1,
        "organization_id": organization.id,
        "program_id": program_id,
        "stage": body.stage,
    }
    # Of two at once the second waits for the first and then inserts nothing: no check could see an uncommitted row.
    inserted = await tx.session.scalar(
        insert(Implementation)
        .values(made)
        .on_conflict_do_nothing(index_elements=["tenant_id", "organization_id", "program_id"])
        .returning(col(Implementation.id))
    )
    if inserted is None:
        raise ImplementationExists
    _keep(tx, made["id"], None, body.stage, None)
    record_event(
        tx,
        "implementation.created",
        made["id"],
        organization_id=organization.id,
        data={"program_id": str(program_id), "stage": body.stage},
    )
    return await queries.implementation(tx, tx.principal, made["id"])


async def transition_implementation(
    tx: Tx, implementation_id: UUID, body: ImplementationTransition
) -> ImplementationRead:
    """Move an implementation to another stage, forth or back.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InvalidTransition: it is at that stage already.
        ReasonRequired: it goes back and nobody says why.
    """
    implementation = await _implementation_for(tx, implementation_id, "transitionImplementation")
    present = implementation.stage
    if body.to is present:
        raise InvalidTransition(present, [stage for stage in Stage if stage is not present])
    if _STAGES.index(body.to) < _STAGES.index(present) and body.reason is None:
        raise ReasonRequired(errors=[FieldError("/body/reason", "reason_required", "Say why it goes back")])
    implementation.stage = body.to
    tx.touch(implementation)
    _keep(tx, implementation.id, present, body.to, body.reason)
    record_event(
        tx,
        "implementation.stage_changed",
        implementation.id,
        organization_id=implementation.organization_id,
        data={"from": present, "to": body.to, "reason": body.reason},
    )
    return await queries.implementation(tx, tx.principal, implementation.id)


async def remove_implementation(tx: Tx, implementation_id: UUID) -> None:
    """Delete an implementation that was never assessed; the history of its stages goes with it.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InUse: assessments refer to it.
    """
    implementation = await _implementation_for(tx, implementation_id, "deleteImplementation")
    await tx.session.delete(implementation)
    record_event(tx, "implementation.deleted", implementation.id, organization_id=implementation.organization_id)


async def _program_for(tx: Tx, program_id: UUID, operation: str) -> Program:
    query = select(Program).where(col(Program.tenant_id) == tx.tenant_id, col(Program.id) == program_id)
    program = (await tx.session.execute(query.with_for_update())).scalar_one_or_none()
    if program is None:
        raise NotFound
    owner = await load_organization(tx, program.organization_id)
    if not queries.sees(tx.principal, owner.path):
        raise NotFound
    if not may(tx.principal, operation, owner.path):
        raise Forbidden
    tx.expect(program)
    return program


async def _implementation_for(tx: Tx, implementation_id: UUID, operation: str) -> Implementation:
    query = select(Implementation).where(
        col(Implementation.tenant_id) == tx.tenant_id, col(Implementation.id) == implementation_id
    )
    implementation = (await tx.session.execute(query.with_for_update())).scalar_one_or_none()
    if implementation is None:
        raise NotFound
    await organization_for(tx, implementation.organization_id, operation)
    tx.expect(implementation)
    return implementation


async def _offered_program(tx: Tx, program_id: UUID, organization: Organization) -> UUID:
    query = select(Program).where(col(Program.tenant_id) == tx.tenant_id, col(Program.id) == program_id)
    program = (await tx.session.execute(query.with_for_update(read=True, key_share=True))).scalar_one_or_none()
    owner = await load_organization(tx, program.organization_id) if program else None
    if program is None or owner is None or not queries.sees(tx.principal, owner.path):
        raise UnknownProgram(errors=[FieldError("/body/program_id", "unknown_program", "No such program is in sight")])
    if not organization.path.startswith(owner.path):
        error = FieldError("/body/program_id", "program_out_of_reach", "The program belongs to another organization")
        raise ProgramOutOfReach(errors=[error])
    return program.id


def _keep(tx: Tx, implementation_id: UUID, before: Stage | None, after: Stage, reason: str | None) -> None:
    tx.insert(
        StageChange,
        implementation_id=implementation_id,
        from_stage=before,
        to_stage=after,
        reason=reason,
        actor_id=tx.principal.id,
    )
