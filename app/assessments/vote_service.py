"""Casting votes. They are sealed from everyone but their owner until the close."""

from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from app.assessments.errors import (
    NotYourSeat,
    SeatMayNotVote,
    SeatWithdrawn,
    VoteExists,
    VotingClosed,
    VotingNotOpen,
)
from app.assessments.frozen import instrument_of
from app.assessments.held import ensure_open, hold
from app.assessments.models import Assessment, AssessmentState, Participant, Vote
from app.assessments.vote_reads import present_stored
from app.assessments.vote_schemas import VoteCast, VoteRead, stored
from app.db.transaction import Tx
from app.errors import NotFound, PreconditionFailed
from app.http.write import Created
from app.outbox import record
from app.principal import SeatKind


async def cast(tx: Tx, assessment_id: UUID, participant_id: UUID, practice: str, body: VoteCast) -> Created | VoteRead:
    """Cast or replace the vote of a seat on a practice in the present round.

    A seat votes for itself. Whoever runs the assessment may enter a paper ballot, and correct what was so entered,
    but never replace what a seat cast itself.

    Raises:
        NotFound: no such assessment in sight, or no such seat or practice in it.
        Forbidden: in sight, but the caller neither holds the seat nor runs the assessment.
        NotYourSeat: another seat's token.
        SeatMayNotVote: the seat is not a respondent's.
        SeatWithdrawn: the seat was withdrawn.
        VotingNotOpen, VotingClosed: outside the round or its window.
        VoteExists: there is a vote, and no If-Match or not this caller's to replace.
        PreconditionFailed: If-Match is stale, or names a vote that does not exist.
    """
    # FOR SHARE: the close waits for this vote, or this vote meets the close.
    held = await hold(tx, assessment_id, "castVote")
    assessment = held.assessment
    own = tx.principal.seat
    if own is not None and own.participant_id != participant_id:
        raise NotYourSeat
    participant = await _seat(tx, assessment_id, participant_id)
    instrument = await instrument_of(tx, tx.tenant_id, assessment.instrument_version_id)
    if instrument is None or not instrument.has(practice):
        raise NotFound
    if participant.seat is not SeatKind.RESPONDENT:
        raise SeatMayNotVote
    if participant.withdrawn_at is not None:
        raise SeatWithdrawn
    _check_open(tx, assessment, by_seat=own is not None)
    vote = await _present_vote(tx, assessment, participant_id, practice)
    if vote is None:
        return await _insert(tx, assessment, participant_id, practice, body)
    return await _replace(tx, assessment, vote, body)


def _check_open(tx: Tx, assessment: Assessment, *, by_seat: bool) -> None:
    if assessment.state is AssessmentState.DRAFT:
        raise VotingNotOpen
    if assessment.state is AssessmentState.VOID:
        ensure_open(assessment)
    if assessment.state is not AssessmentState.COLLECTING:
        raise VotingClosed
    # The window is for the seats; a paper ballot cast within it may be entered until the close.
    if by_seat and assessment.opens_at is not None and tx.now < assessment.opens_at:
        raise VotingNotOpen("The voting window opens later.")
    if by_seat and assessment.closes_at is not None and tx.now >= assessment.closes_at:
        raise VotingClosed("The voting window has ended.")


async def _insert(tx: Tx, assessment: Assessment, participant_id: UUID, practice: str, body: VoteCast) -> Created:
    if tx.preconditions.has_if_match:
        raise PreconditionFailed("There is no vote to replace.")
    vote = Vote(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        updated_at=tx.now,
        assessment_id=assessment.id,
        participant_id=participant_id,
        practice=practice,
        round=assessment.round,
        value=stored(body.value),
        comment=body.comment,
        entered_by=_enterer(tx),
    )
    tx.session.add(vote)
    try:
        await tx.session.flush()
    except IntegrityError as error:
        # Another request cast this very vote between the look and the insert.
        raise VoteExists from error
    _tell(tx, assessment, vote, "assessment.vote_cast")
    return Created(value=present_stored(vote))


async def _replace(tx: Tx, assessment: Assessment, vote: Vote, body: VoteCast) -> VoteRead:
    if tx.preconditions.must_not_exist:
        raise PreconditionFailed("There is a vote already.")
    if not tx.preconditions.has_if_match:
        raise VoteExists
    if tx.principal.seat is None and vote.entered_by is None:
        raise VoteExists("The seat has voted itself; only its holder may replace that.")
    tx.expect(vote)
    vote.value = stored(body.value)
    vote.comment = body.comment
    vote.entered_by = _enterer(tx)
    tx.touch(vote)
    _tell(tx, assessment, vote, "assessment.vote_replaced")
    return present_stored(vote)


def _enterer(tx: Tx) -> UUID | None:
    return tx.principal.id if tx.principal.seat is None else None


def _tell(tx: Tx, assessment: Assessment, vote: Vote, event: str) -> None:
    # Neither who nor what: before the reveal the feed may say only that a vote was cast.
    record(
        tx,
        event,
        assessment.id,
        organization_id=assessment.organization_id,
        data={"round": vote.round, "on_paper": vote.entered_by is not None},
        anonymous=tx.principal.seat is not None,
    )


async def _seat(tx: Tx, assessment_id: UUID, participant_id: UUID) -> Participant:
    # FOR SHARE: the seat cannot be withdrawn or changed until this commits.
    found: Participant | None = (
        await tx.session.execute(
            select(Participant)
            .where(
                col(Participant.tenant_id) == tx.tenant_id,
                col(Participant.assessment_id) == assessment_id,
                col(Participant.id) == participant_id,
            )
            .with_for_update(read=True)
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


async def _present_vote(tx: Tx, assessment: Assessment, participant_id: UUID, practice: str) -> Vote | None:
    found: Vote | None = (
        await tx.session.execute(
            select(Vote)
            .where(
                col(Vote.tenant_id) == tx.tenant_id,
                col(Vote.assessment_id) == assessment.id,
                col(Vote.participant_id) == participant_id,
                col(Vote.practice) == practice,
                col(Vote.round) == assessment.round,
            )
            .with_for_update()
        )
    ).scalar_one_or_none()
    return found
