"""Add, change and withdraw seats."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from app.assessments.errors import (
    AdministratorExists,
    ChannelMismatch,
    PerspectiveMismatch,
    SeatFixed,
    SeatWithdrawn,
    VotingClosed,
)
from app.assessments.locking import LockedAssessment, check_archived_or_ended, ensure_open, lock_assessment
from app.assessments.models import Assessment, AssessmentState, Channel, Participant, SeatEvent
from app.assessments.participants.codes import InvitationTerms
from app.assessments.participants.invitations import invite, record_change, remove_invitation
from app.assessments.participants.people import check_people, has_left
from app.assessments.participants.schemas import Invitation, ParticipantCreate, ParticipantPatch, ParticipantsCreate
from app.assessments.seat_rules import end_claim, next_round_to_reveal, was_revealed, withdraw
from app.db.transaction import Tx
from app.errors import FieldError, NotFound
from app.events.erasure import erase_audit_values
from app.events.record import record_event
from app.principal import SeatKind

#: New seats in the order sent, each with its invitation; None for a paper seat.
NewSeats = Mapping[UUID, Invitation | None]
_FIXED_BY_A_REVEAL = ("seat", "perspective", "person_id")


async def add(tx: Tx, assessment_id: UUID, body: ParticipantCreate, terms: InvitationTerms) -> NewSeats:
    """Add a seat and invite to it.

    Raises:
        NotFound: The assessment or the seat does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        Frozen: the assessment has ended.
        OrganizationArchived, ImplementationEnded: nothing new is taken there.
        VotingClosed: a respondent's seat between a close and a reopening.
        AdministratorExists: a second administrator.
        PerspectiveMismatch: a respondent without a perspective, or another seat with one.
        ChannelMismatch: a paper seat that is not a respondent's.
        UnknownReference, InactivePerson, PersonSeated: the person can have no such seat.
    """
    locked = await lock_assessment(tx, assessment_id, "addParticipant", lock="update")
    return await _add(tx, locked, [body], [""], terms)


async def add_many(tx: Tx, assessment_id: UUID, body: ParticipantsCreate, terms: InvitationTerms) -> NewSeats:
    """Add many seats, all or none.

    Raises:
        AppError: what `add` raises; ``errors`` names the seat.
    """
    locked = await lock_assessment(tx, assessment_id, "addParticipants", lock="update")
    places = [f"/seats/{at}" for at in range(len(body.seats))]
    return await _add(tx, locked, body.seats, places, terms)


async def _add(
    tx: Tx, locked: LockedAssessment, wanted: Sequence[ParticipantCreate], places: Sequence[str], terms: InvitationTerms
) -> NewSeats:
    ensure_open(locked.assessment)
    await check_archived_or_ended(tx, locked, "addParticipant")
    for body, place in zip(wanted, places, strict=True):
        _check_shape(body.seat, body.perspective, body.channel, place)
        _check_invitable(locked.assessment, body.seat)
    await _check_single_administrator(tx, locked.assessment.id, [body.seat for body in wanted])
    people = [
        (body.person_id, body.seat is SeatKind.RESPONDENT, f"/body{place}/person_id")
        for body, place in zip(wanted, places, strict=True)
        if body.person_id is not None
    ]
    await check_people(tx, locked.assessment.id, people)
    seats = [
        Participant(
            tenant_id=tx.tenant_id,
            created_at=tx.now,
            updated_at=tx.now,
            assessment_id=locked.assessment.id,
            first_round=next_round_to_reveal(locked.assessment),
            **body.model_dump(),
        )
        for body in wanted
    ]
    tx.session.add_all(seats)
    await tx.session.flush()
    invited = [seat for seat in seats if seat.channel is Channel.TOKEN]
    invitations = await invite(tx, locked.assessment.id, [seat.id for seat in invited], terms)
    for seat in seats:
        record_seat_event(tx, "participant.added", seat, locked.organization.id)
    for seat in invited:
        record_change(tx, seat, SeatEvent.INVITED)
    return {seat.id: invitations.get(seat.id) for seat in seats}


async def patch(
    tx: Tx,
    assessment_id: UUID,
    participant_id: UUID,
    body: ParticipantPatch,
    invalidate: Callable[[], None] | None = None,
) -> tuple[UUID, UUID]:
    """Change a seat. Return the ids of the assessment and the seat.

    Args:
        invalidate: drops the cached principals.

    Raises:
        NotFound: The assessment or the seat does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        Frozen: the assessment has ended.
        SeatWithdrawn: it was withdrawn.
        SeatFixed: the channel, or that it is a respondent's, once voting has opened; kind, perspective or person
            once a close may have counted its votes. Whether it has voted makes no difference.
        VotingClosed, AdministratorExists, PerspectiveMismatch, ChannelMismatch, UnknownReference, InactivePerson,
        PersonSeated: as for adding.
    """
    locked = await lock_assessment(tx, assessment_id, "updateParticipant", lock="update")
    participant = await lock_seat(tx, assessment_id, participant_id)
    tx.expect(participant)
    ensure_open(locked.assessment)
    if participant.withdrawn_at is not None:
        raise SeatWithdrawn
    changes = {name: value for name, value in body.changes().items() if value != getattr(participant, name)}
    await _check_changes(tx, locked.assessment, participant, changes)
    if "person_id" in changes and participant.person_id is not None:
        await erase_audit_values(tx, participant.id)
    await _end_access(tx, locked, participant, changes)
    if invalidate is not None:
        # A cached principal knows the kind of its seat.
        tx.after_commit.append(invalidate)
    if changes.get("seat") is SeatKind.RESPONDENT:
        participant.first_round = next_round_to_reveal(locked.assessment)
    for name, value in changes.items():
        setattr(participant, name, value)
    if tx.touch(participant):
        record_seat_event(tx, "participant.updated", participant, locked.organization.id)
    return assessment_id, participant.id


async def _end_access(tx: Tx, locked: LockedAssessment, participant: Participant, changes: dict[str, Any]) -> None:
    """Close the ways into a seat that a change ends: all of a seat on paper, and those that a leaver holds."""
    if changes.get("channel") is Channel.PAPER:
        await remove_invitation(tx, participant)
        end_claim(participant, locked.assessment, tx.now)
    elif "person_id" in changes and await has_left(tx, participant.person_id):
        # The code and the token are with the person who has left.
        had_invitation = await remove_invitation(tx, participant)
        if end_claim(participant, locked.assessment, tx.now) or had_invitation:
            record_change(tx, participant, SeatEvent.TOKEN_REVOKED)
            record_seat_event(tx, "participant.token_revoked", participant, locked.organization.id)


async def _check_changes(tx: Tx, assessment: Assessment, participant: Participant, changes: dict[str, Any]) -> None:
    """Check the changes of a seat, and add what follows from them."""
    was, seat = participant.seat, changes.get("seat", participant.seat)
    opened = assessment.state is not AssessmentState.DRAFT
    if opened and ("channel" in changes or (was is SeatKind.RESPONDENT and "seat" in changes)):
        raise SeatFixed("The channel of a seat, and that it is a respondent's, are fixed once voting has opened.")
    # Figures by perspective would otherwise differ by the votes of this one seat.
    is_counted = was is SeatKind.RESPONDENT and was_revealed(participant, assessment)
    if is_counted and any(name in changes for name in _FIXED_BY_A_REVEAL):
        raise SeatFixed("A close may have counted this seat's votes: only its label can change.")
    if "seat" in changes:
        _check_invitable(assessment, seat)
        await _check_single_administrator(tx, assessment.id, [seat])
        if seat is not SeatKind.RESPONDENT and "perspective" not in changes:
            changes["perspective"] = None
    person = changes.get("person_id", participant.person_id)
    if person is not None and ("person_id" in changes or seat is SeatKind.RESPONDENT is not was):
        is_respondent = seat is SeatKind.RESPONDENT
        await check_people(tx, assessment.id, [(person, is_respondent, "/body/person_id")], changed_seat=participant.id)
    perspective = changes.get("perspective", participant.perspective)
    _check_shape(seat, perspective, changes.get("channel", participant.channel), "")


async def withdraw_seat(
    tx: Tx, assessment_id: UUID, participant_id: UUID, invalidate: Callable[[], None] | None = None
) -> None:
    """Withdraw a seat permanently. Nobody can claim it, and it casts no further vote.

    Votes that a close has counted stay counted. Sealed votes are dropped at the next close, and no count changes
    before it.

    Args:
        invalidate: drops the cached principals.

    Raises:
        NotFound: The assessment or the seat does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        Frozen: the assessment has ended.
        SeatWithdrawn: it was withdrawn before.
    """
    locked = await lock_assessment(tx, assessment_id, "withdrawParticipant", lock="update")
    participant = await lock_seat(tx, assessment_id, participant_id)
    tx.expect(participant)
    ensure_open(locked.assessment)
    if participant.withdrawn_at is not None:
        raise SeatWithdrawn
    await remove_invitation(tx, participant)
    withdraw(participant, locked.assessment, tx.now)
    tx.touch(participant)
    record_change(tx, participant, SeatEvent.WITHDRAWN)
    record_seat_event(tx, "participant.withdrawn", participant, locked.organization.id)
    if invalidate is not None:
        tx.after_commit.append(invalidate)


async def lock_seat(tx: Tx, assessment_id: UUID, participant_id: UUID) -> Participant:
    """Load and lock a seat of a locked assessment.

    Raises:
        NotFound: the assessment has no such seat.
    """
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


def record_seat_event(tx: Tx, event: str, participant: Participant, organization_id: UUID) -> None:
    """Record an event about a seat."""
    record_event(
        tx,
        event,
        participant.id,
        organization_id=organization_id,
        data={"assessment_id": str(participant.assessment_id), "seat": participant.seat.value},
    )


def _check_shape(seat: SeatKind, perspective: object, channel: Channel, place: str) -> None:
    if (seat is SeatKind.RESPONDENT) != (perspective is not None):
        pointer = f"/body{place}/perspective"
        error = FieldError(pointer, "perspective_mismatch", "Exactly respondents have a perspective")
        raise PerspectiveMismatch(errors=[error])
    if channel is Channel.PAPER and seat is not SeatKind.RESPONDENT:
        error = FieldError(f"/body{place}/channel", "channel_mismatch", ChannelMismatch.title)
        raise ChannelMismatch(errors=[error])


def _check_invitable(assessment: Assessment, seat: SeatKind) -> None:
    # The close settles who was asked: until a reopening nobody becomes a respondent.
    if seat is SeatKind.RESPONDENT and assessment.state is AssessmentState.CONSENSUS:
        raise VotingClosed("Respondents are invited before the close; reopen the votes to invite more.")


async def _check_single_administrator(tx: Tx, assessment_id: UUID, wanted: Sequence[SeatKind]) -> None:
    count = wanted.count(SeatKind.ADMINISTRATOR)
    if count == 0:
        return
    known = await tx.session.scalar(
        select(Participant.id).where(
            col(Participant.tenant_id) == tx.tenant_id,
            col(Participant.assessment_id) == assessment_id,
            col(Participant.seat) == SeatKind.ADMINISTRATOR,
            col(Participant.withdrawn_at).is_(None),
        )
    )
    if known is not None or count > 1:
        raise AdministratorExists
