"""Create, change and delete programs and implementations."""

from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.access.policy import forbidden, is_visible, is_visible_or_above, load_organization_for, may
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.errors import FieldError, InvalidTransition, NotFound, ReasonRequired
from app.events.record import record_event
from app.organizations.errors import UnknownOrganization
from app.programs.errors import ImplementationExists, NotAboveOwner, ProgramOutOfReach, UnknownProgram
from app.programs.models import Implementation, Program, Stage, StageChange, StageChangeKind
from app.programs.queries import sees
from app.programs.schemas import (
    ImplementationCreate,
    ImplementationMove,
    ImplementationTransition,
    ProgramCreate,
    ProgramHandOver,
    ProgramPatch,
    moves_from,
)
from app.text import search_key
from app.tree.archived import check_archived, check_ended
from app.tree.models import Organization
from app.tree.organizations import load_organization, lock_tree

_STAGES = list(Stage)
_MOVES = {ImplementationMove.ENDED: "end", ImplementationMove.RESUMED: "resume"}
_KINDS = {
    ImplementationMove.ENDED: StageChangeKind.ENDED,
    ImplementationMove.RESUMED: StageChangeKind.RESUMED,
}


async def create_program(tx: Tx, body: ProgramCreate) -> UUID:
    """Create a program of an organization.

    Raises:
        NotFound: The organization does not exist, or the caller cannot see it.
        Forbidden: the caller may not create there.
        OrganizationArchived: the organization, or one above it, is archived.
    """
    owner = await load_organization_for(tx, body.organization_id, "createProgram")
    check_archived(owner, "createProgram")
    made = Program(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        updated_at=tx.now,
        organization_id=owner.id,
        name=body.name,
        name_key=search_key(body.name),
        description=body.description,
        website=body.website,
    )
    tx.session.add(made)
    record_event(tx, "program.created", made.id, organization_id=owner.id)
    return made.id


async def patch_program(tx: Tx, program_id: UUID, body: ProgramPatch) -> UUID:
    """Change a program's fields.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: no role at its owner allows it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
    """
    program = await _program_for(tx, program_id, "updateProgram")
    for name, value in body.changes().items():
        setattr(program, name, value)
    program.name_key = search_key(program.name)
    if tx.touch(program):
        record_event(
            tx,
            "program.updated",
            program.id,
            organization_id=program.organization_id,
            data={"fields": sorted(body.model_fields_set)},
        )
    return program.id


async def hand_over_program(tx: Tx, program_id: UUID, body: ProgramHandOver) -> UUID:
    """Give a program to an organization above its owner, so that more organizations can use it.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: no role at its owner, or at the new one, allows it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        UnknownOrganization: The organization does not exist, or the caller cannot see it.
        NotAboveOwner: the organization does not lie above the owner.
        OrganizationArchived: the new owner, or an organization above it, is archived.
    """
    await lock_tree(tx, lock="share")
    program = await _program_for(tx, program_id, "handOverProgram")
    former = await load_organization(tx, program.organization_id)
    try:
        owner = await load_organization_for(tx, body.organization_id, "handOverProgram")
    except NotFound:
        error = FieldError(
            "/body/organization_id",
            "unknown_organization",
            "No such organization is visible to these credentials",
        )
        raise UnknownOrganization(errors=[error]) from None
    if owner.id == former.id or not former.path.startswith(owner.path):
        error = FieldError("/body/organization_id", "not_above_owner", "This organization is not above the owner")
        raise NotAboveOwner(errors=[error])
    check_archived(owner, "handOverProgram: to it")
    program.organization_id = owner.id
    tx.touch(program)
    record_event(
        tx,
        "program.handed_over",
        program.id,
        organization_id=owner.id,
        data={"from_organization_id": str(former.id), "to_organization_id": str(owner.id), "reason": body.reason},
    )
    return program.id


async def remove_program(tx: Tx, program_id: UUID) -> None:
    """Delete a program that no implementation refers to.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InUse: an organization uses it.
    """
    program = await _program_for(tx, program_id, "deleteProgram")
    await tx.session.delete(program)
    record_event(tx, "program.deleted", program.id, organization_id=program.organization_id)


async def create_implementation(tx: Tx, body: ImplementationCreate) -> UUID:
    """Begin an organization's use of a program, at its first stage.

    Raises:
        NotFound: The organization does not exist, or the caller cannot see it.
        Forbidden: the caller may not create there.
        OrganizationArchived: the organization, or one above it, is archived.
        UnknownProgram: The program does not exist, or the caller cannot see it.
        ProgramOutOfReach: its owner is neither the organization nor above it.
        ImplementationExists: the organization uses the program already.
    """
    organization = await load_organization_for(tx, body.organization_id, "createImplementation")
    check_archived(organization, "createImplementation")
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
    _record_change(tx, made["id"], (None, body.stage), None)
    record_event(
        tx,
        "implementation.created",
        made["id"],
        organization_id=organization.id,
        data={"program_id": str(program_id), "stage": body.stage},
    )
    return UUID(int=made["id"].int)


async def transition_implementation(tx: Tx, implementation_id: UUID, body: ImplementationTransition) -> UUID:
    """Move an implementation to another stage, forth or back; end it; or resume it at the stage where it ended.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InvalidTransition: It is in that stage already, or it was to be resumed but has not ended.
        OrganizationArchived: the organization, or one above it, is archived; ending is possible.
        ImplementationEnded: it has ended; resume it first.
        ReasonRequired: It goes back or ends without a reason.
    """
    implementation, organization = await _implementation_for(tx, implementation_id, "transitionImplementation")
    present, has_ended = implementation.stage, implementation.ended_at is not None
    rule = f"transitionImplementation: {_MOVES.get(body.to, 'to a stage')}"
    check_archived(organization, rule)
    check_ended(implementation.ended_at, rule)
    allowed = moves_from(present, has_ended=has_ended)
    if body.to not in allowed:
        raise InvalidTransition("ended" if has_ended else present, allowed)
    kind = _KINDS.get(body.to, StageChangeKind.STAGE)
    stage = Stage(body.to) if kind is StageChangeKind.STAGE else present
    goes_back = _STAGES.index(stage) < _STAGES.index(present)
    if (goes_back or kind is StageChangeKind.ENDED) and body.reason is None:
        raise ReasonRequired(errors=[FieldError("/body/reason", "reason_required", "Say why it goes back or ends")])
    implementation.stage = stage
    if kind is not StageChangeKind.STAGE:
        implementation.ended_at = tx.now if kind is StageChangeKind.ENDED else None
    tx.touch(implementation)
    _record_change(tx, implementation.id, (present, stage), body.reason, kind)
    record_event(
        tx,
        "implementation.stage_changed" if kind is StageChangeKind.STAGE else f"implementation.{kind.value}",
        implementation.id,
        organization_id=implementation.organization_id,
        data={"from": present, "to": stage, "reason": body.reason},
    )
    return implementation.id


async def remove_implementation(tx: Tx, implementation_id: UUID) -> None:
    """Delete an implementation that was never assessed; the history of its stages goes with it.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InUse: assessments refer to it.
    """
    implementation, _ = await _implementation_for(tx, implementation_id, "deleteImplementation")
    await tx.session.delete(implementation)
    record_event(tx, "implementation.deleted", implementation.id, organization_id=implementation.organization_id)


async def _program_for(tx: Tx, program_id: UUID, operation: str) -> Program:
    query = _visible_program(tx, program_id).with_for_update()
    program = (await tx.session.execute(query)).scalar_one_or_none()
    if program is None:
        raise NotFound
    owner = await load_organization(tx, program.organization_id)
    if not sees(tx.principal, owner.path):
        raise NotFound
    if not may(tx.principal, operation, owner.path):
        raise forbidden(operation, "the organization that owns the program, or one above it")
    tx.expect(program)
    return program


def _visible_program(tx: Tx, program_id: UUID) -> SelectOfScalar[Program]:
    return select(Program).where(
        col(Program.tenant_id) == tx.tenant_id,
        col(Program.id) == program_id,
        # Nobody waits for the lock of a program out of sight.
        is_visible_or_above(tx.principal, Program.organization_id),
    )


async def _implementation_for(tx: Tx, implementation_id: UUID, operation: str) -> tuple[Implementation, Organization]:
    query = select(Implementation).where(
        col(Implementation.tenant_id) == tx.tenant_id,
        col(Implementation.id) == implementation_id,
        is_visible(tx.principal, Implementation.organization_id),
    )
    implementation = (await tx.session.execute(query.with_for_update())).scalar_one_or_none()
    if implementation is None:
        raise NotFound
    organization = await load_organization_for(tx, implementation.organization_id, operation)
    tx.expect(implementation)
    return implementation, organization


async def _offered_program(tx: Tx, program_id: UUID, organization: Organization) -> UUID:
    query = _visible_program(tx, program_id).with_for_update(read=True, key_share=True)
    program = (await tx.session.execute(query)).scalar_one_or_none()
    owner = await load_organization(tx, program.organization_id) if program else None
    if program is None or owner is None or not sees(tx.principal, owner.path):
        raise UnknownProgram(
            errors=[
                FieldError("/body/program_id", "unknown_program", "No such program is visible to these credentials")
            ]
        )
    if not organization.path.startswith(owner.path):
        error = FieldError("/body/program_id", "program_out_of_reach", "The program belongs to another organization")
        raise ProgramOutOfReach(errors=[error])
    return program.id


def _record_change(
    tx: Tx,
    implementation_id: UUID,
    stages: tuple[Stage | None, Stage],
    reason: str | None,
    kind: StageChangeKind = StageChangeKind.STAGE,
) -> None:
    tx.insert(
        StageChange,
        implementation_id=implementation_id,
        kind=kind,
        from_stage=stages[0],
        to_stage=stages[1],
        reason=reason,
        actor_id=tx.principal.id,
    )
