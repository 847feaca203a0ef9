"""Seats: adding, changing, withdrawing, and the tokens that open them."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, select

from app.access import credentials
from app.assessments.errors import (
    AdministratorExists,
    PerspectiveMismatch,
    SeatFixed,
    SeatWithdrawn,
    UnknownReference,
    VotingClosed,
)
from app.assessments.locking import check_takes, ensure_open, lock_assessment
from app.assessments.models import Assessment, AssessmentState, Participant
from app.assessments.participants import queries
from app.assessments.participants.schemas import (
    ParticipantCreate,
    ParticipantCreated,
    ParticipantPatch,
    ParticipantRead,
    SeatToken,
)
from app.db.transaction import Tx
from app.errors import FieldError, NotFound
from app.events.record import record_event
from app.people.models import Person
from app.principal import SeatKind
from app.tree.models import Organization


async def add(tx: Tx, assessment_id: UUID, body: ParticipantCreate) -> ParticipantCreated:
    """Add a seat and issue its token.

    Raises:
        NotFound, Forbidden: as everywhere.
        Frozen: the assessment has ended.
        OrganizationArchived, ImplementationEnded: nothing new is taken there.
        VotingClosed: a respondent's seat after the close.
        AdministratorExists: a second administrator.
        PerspectiveMismatch: a respondent without a perspective, or another seat with one.
        UnknownReference: no such person in sight.
    """
    held = await lock_assessment(tx, assessment_id, "addParticipant", lock="update")
    ensure_open(held.assessment)
    await check_takes(tx, held, "addParticipant")
    _check_perspective(body.seat, body.perspective)
    _check_invitable(held.assessment, body.seat)
    if body.seat is SeatKind.ADMINISTRATOR:
        await _check_single_administrator(tx, assessment_id)
    await _check_person(tx, body.person_id)
    token, token_hash = credentials.issue(credentials.SEAT_TOKEN, tx.tenant_id)
    made = Participant(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        updated_at=tx.now,
        assessment_id=assessment_id,
        seat=body.seat,
        perspective=body.perspective,
        label=body.label,
        person_id=body.person_id,
        token_hash=token_hash,
    )
    tx.session.add(made)
    await tx.session.flush()
    _tell(tx, "participant.added", made, held.organization.id)
    shown = await queries.get(tx, tx.principal, assessment_id, made.id)
    return ParticipantCreated(**shown.model_dump(), token=token, token_reason=None)


async def patch(tx: Tx, assessment_id: UUID, participant_id: UUID, body: ParticipantPatch) -> ParticipantRead:
    """Change a seat.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        Frozen: the assessment has ended.
        SeatWithdrawn: it was withdrawn.
        SeatFixed: voting has begun and it would no longer be a respondent's (whether it has voted is not told).
        VotingClosed, AdministratorExists, PerspectiveMismatch, UnknownReference: as for adding.
    """
    held = await lock_assessment(tx, assessment_id, "updateParticipant", lock="update")
    participant = await _seat(tx, assessment_id, participant_id)
    tx.expect(participant)
    ensure_open(held.assessment)
    if participant.withdrawn_at is not None:
        raise SeatWithdrawn
    changes = body.changes()
    seat = changes.get("seat", participant.seat)
    if seat is not participant.seat:
        if participant.seat is SeatKind.RESPONDENT and held.assessment.state is not AssessmentState.DRAFT:
            raise SeatFixed
        _check_invitable(held.assessment, participant.seat, seat)
        if seat is SeatKind.ADMINISTRATOR:
            await _check_single_administrator(tx, assessment_id)
        if seat is not SeatKind.RESPONDENT and "perspective" not in changes:
            changes["perspective"] = None
    if "person_id" in changes:
        await _check_person(tx, changes["person_id"])
    _check_perspective(seat, changes.get("perspective", participant.perspective))
    for name, value in changes.items():
        setattr(participant, name, value)
    if tx.touch(participant):
        _tell(tx, "participant.updated", participant, held.organization.id)
    return await queries.get(tx, tx.principal, assessment_id, participant.id)


async def withdraw(tx: Tx, assessment_id: UUID, participant_id: UUID) -> None:
    """Withdraw a seat: its token stops working, and its votes do not count unless the close came first.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        Frozen: the assessment has ended.
        SeatWithdrawn: it was withdrawn before.
    """
    held = await lock_assessment(tx, assessment_id, "withdrawParticipant", lock="update")
    participant = await _seat(tx, assessment_id, participant_id)
    tx.expect(participant)
    ensure_open(held.assessment)
    if participant.withdrawn_at is not None:
        raise SeatWithdrawn
    participant.withdrawn_at = _instant_of_withdrawal(tx, held.assessment)
    tx.touch(participant)
    _tell(tx, "participant.withdrawn", participant, held.organization.id)


async def issue_token(tx: Tx, assessment_id: UUID, participant_id: UUID) -> SeatToken:
    """Issue a new token for a seat; the one before stops working.

    Raises:
        NotFound, Forbidden: as everywhere.
        Frozen: the assessment is void.
        SeatWithdrawn: the seat was withdrawn.
    """
    held = await lock_assessment(tx, assessment_id, "issueSeatToken")
    participant = await _seat(tx, assessment_id, participant_id)
    if held.assessment.state is AssessmentState.VOID:
        ensure_open(held.assessment)
    if participant.withdrawn_at is not None:
        raise SeatWithdrawn
    token, participant.token_hash = credentials.issue(credentials.SEAT_TOKEN, tx.tenant_id)
    participant.token_revoked_at = None
    tx.touch(participant)
    _tell(tx, "participant.token_issued", participant, held.organization.id)
    return SeatToken(participant_id=participant.id, token=token, token_reason=None)


async def revoke_token(tx: Tx, assessment_id: UUID, participant_id: UUID) -> None:
    """Revoke a seat's token; the seat and its votes stay. Revoking twice changes nothing.

    Raises:
        NotFound, Forbidden: as everywhere.
    """
    held = await lock_assessment(tx, assessment_id, "revokeSeatToken")
    participant = await _seat(tx, assessment_id, participant_id)
    if participant.token_revoked_at is None:
        participant.token_revoked_at = tx.now
        tx.touch(participant)
        _tell(tx, "participant.token_revoked", participant, held.organization.id)


async def _seat(tx: Tx, assessment_id: UUID, participant_id: UUID) -> Participant:
    found: Participant | None = (
        await tx.session.execute(
            select(Participant)
            .where(
                col(Participant.tenant_id) == tx.tenant_id,
                col(Participant.assessment_id) == assessment_id,
                col(Participant.id) == participant_id,
            )
            .with_for_update()
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def _check_perspective(seat: SeatKind, perspective: object) -> None:
    if (seat is SeatKind.RESPONDENT) != (perspective is not None):
        error = FieldError("/body/perspective", "perspective_mismatch", "Exactly respondents have a perspective")
        raise PerspectiveMismatch(errors=[error])


def _check_invitable(assessment: Assessment, *seats: SeatKind) -> None:
    # Who was asked is settled by the close: afterwards nobody becomes a respondent, and nobody stops being one.
    if SeatKind.RESPONDENT in seats and assessment.state is AssessmentState.CONSENSUS:
        raise VotingClosed("Respondents are invited before the close; reopen the votes to invite more.")


def _instant_of_withdrawal(tx: Tx, assessment: Assessment) -> datetime:
    """Now; but after the close where the close came first, though this may have been asked for before it."""
    if assessment.state is not AssessmentState.CONSENSUS or assessment.closed_at is None:
        return tx.now
    return max(tx.now, assessment.closed_at + timedelta(microseconds=1))


async def _check_single_administrator(tx: Tx, assessment_id: UUID) -> None:
    if await tx.session.scalar(
        select(Participant.id).where(
            col(Participant.tenant_id) == tx.tenant_id,
            col(Participant.assessment_id) == assessment_id,
            col(Participant.seat) == SeatKind.ADMINISTRATOR,
            col(Participant.withdrawn_at).is_(None),
        )
    ):
        raise AdministratorExists


async def _check_person(tx: Tx, person_id: UUID | None) -> None:
    if person_id is None:
        return
    path = await tx.session.scalar(
        select(Organization.path)
        .join(
            Person,
            (col(Person.tenant_id) == col(Organization.tenant_id))
            & (col(Person.organization_id) == col(Organization.id)),
        )
        .where(col(Person.tenant_id) == tx.tenant_id, col(Person.id) == person_id)
        .with_for_update(read=True, of=Person)
    )
    if path is None or not tx.principal.reads(path):
        raise UnknownReference(
            errors=[
                FieldError("/body/person_id", "unknown_reference", "No such person is visible to these credentials")
            ]
        )


def _tell(tx: Tx, event: str, participant: Participant, organization_id: UUID) -> None:
    record_event(
        tx,
        event,
        participant.id,
        organization_id=organization_id,
        data={"assessment_id": str(participant.assessment_id), "seat": participant.seat.value},
    )
