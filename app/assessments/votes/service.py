"""Cast votes. Until the close, only the claim that cast a vote can see it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import func, true
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from app.access.credentials import TokenRevoked
from app.assessments.errors import (
    NotAPaperSeat,
    NotYourSeat,
    SeatMayNotVote,
    SeatWithdrawn,
    VoteExists,
    VotingClosed,
    VotingNotOpen,
)
from app.assessments.locking import ensure_open, lock_assessment
from app.assessments.models import Assessment, AssessmentState, Channel, Participant, Vote
from app.assessments.reference_data import FrozenInstrument, load_instrument
from app.assessments.seat_rules import is_deferred
from app.assessments.votes.schemas import BallotVote, VoteCast, VotesCast, to_stored
from app.db.transaction import Preconditions, Stored, Tx, WriteOutcome
from app.errors import AppError, FieldError, Invalid, NotFound, PreconditionFailed
from app.events.record import record_vote
from app.principal import SeatKind


async def cast(tx: Tx, assessment_id: UUID, participant_id: UUID, practice: str, body: VoteCast) -> Stored[UUID]:
    """Cast or replace the vote of a seat on a practice in the present round. Return the vote's id.

    A seat votes for itself. A caller who runs the assessment enters and corrects the ballots of paper seats.

    Raises:
        NotFound: No such assessment is visible to the caller, or no such seat or practice in it.
        Forbidden: It is visible, but the caller neither holds the seat nor runs the assessment.
        NotYourSeat: another seat's token.
        NotAPaperSeat: a key, and the seat votes with its token.
        SeatMayNotVote: the seat is not a respondent's.
        SeatWithdrawn: the seat was withdrawn.
        TokenRevoked: the seat was claimed anew or its token revoked since the caller was authenticated.
        VotingNotOpen, VotingClosed: outside the round or its window.
        VoteExists: this claim has voted, and there is no If-Match.
        PreconditionFailed: If-Match is stale, or this claim has not voted.
    """
    round_ = await _load_round(tx, assessment_id, [participant_id], [practice])
    vote, outcome = round_.cast(participant_id, practice, body, tx.preconditions)
    await _send_votes(tx)
    if outcome is not WriteOutcome.UNCHANGED:
        _record_vote(tx, round_.assessment, 1, replaced=outcome is WriteOutcome.REPLACED)
    return Stored(vote.id, outcome is WriteOutcome.CREATED)


async def cast_many(tx: Tx, assessment_id: UUID, body: VotesCast) -> list[UUID]:
    """Cast or replace many votes, all or none: a whole ballot, or a stack of paper ones. Return their ids.

    Raises:
        NotFound: The assessment or a seat does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        AppError: what `cast` raises; ``errors`` names the vote.
        Invalid: a vote is named twice.
    """
    pairs = [(vote.participant_id, vote.practice) for vote in body.votes]
    if len(set(pairs)) != len(pairs):
        raise Invalid(errors=[FieldError("/body/votes", "repeated_vote", "A vote is named twice")])
    round_ = await _load_round(tx, assessment_id, {seat for seat, _ in pairs}, {practice for _, practice in pairs})
    votes = []
    for index, wanted in enumerate(body.votes):
        with _locate_refusal(index):
            votes.append(round_.cast(wanted.participant_id, wanted.practice, wanted, _get_preconditions(wanted)))
    await _send_votes(tx)
    changed = sum(outcome is not WriteOutcome.UNCHANGED for _, outcome in votes)
    if changed:
        _record_vote(tx, round_.assessment, changed, replaced=False)
    return [vote.id for vote, _ in votes]


@contextmanager
def _locate_refusal(index: int) -> Iterator[None]:
    """Add the position of the vote in the body to a refusal."""
    try:
        yield
    except AppError as refused:
        refused.errors = [FieldError(f"/body/votes/{index}", refused.code, refused.title)]
        refused.headers.pop("ETag", None)
        raise


def _get_preconditions(vote: BallotVote) -> Preconditions:
    if vote.version is None:
        return Preconditions()
    return Preconditions(if_match=frozenset({vote.version}), has_if_match=True)


#: A seat and a practice: a claim has one vote on them in a round.
VoteKey = tuple[UUID, str]


class _Round:
    """The present round of a locked assessment, with the rules for casting a vote in it.

    Args:
        seats: the seats that the request names.
        votes: the votes of these seats in this round that the caller may replace. Votes of a former claim are not among
            them, because no answer may depend on whether a former claim has voted.
        entered_before: the claims of the paper ballots that the calling key entered in earlier rounds.
    """

    def __init__(
        self,
        tx: Tx,
        assessment: Assessment,
        instrument: FrozenInstrument,
        seats: Iterable[Participant],
        *,
        votes: Iterable[Vote],
        entered_before: Mapping[VoteKey, int],
    ) -> None:
        self.tx = tx
        self.assessment = assessment
        self.instrument = instrument
        self.seats = {seat.id: seat for seat in seats}
        self.entered_before = entered_before
        # A paper seat may have votes of several claims in one round. Keep those of the claim that the caller votes
        # with.
        self.votes = {
            key: vote for vote in votes if vote.claim == self.claim_of(key := (vote.participant_id, vote.practice))
        }

    def cast(
        self, participant_id: UUID, practice: str, body: VoteCast, expected: Preconditions
    ) -> tuple[Vote, WriteOutcome]:
        """Cast or replace one vote. Return the vote and the outcome."""
        seat = self._check(participant_id, practice)
        vote = self.votes.get((participant_id, practice))
        if vote is None:
            return self._insert(seat, practice, body, expected), WriteOutcome.CREATED
        return vote, self._replace(vote, body, expected)

    def claim_of(self, key: VoteKey) -> int:
        """Return the number of the claim that the caller votes with.

        The votes of a paper seat have the number of the round in which their key first entered one, so that the key can
        correct in a later round what it entered before. What another key enters in a later round is a separate claim
        and replaces nothing. Otherwise the figures before and after would show the other key the replaced vote.
        """
        own = self.tx.principal.seat
        return self.entered_before.get(key, self.assessment.round) if own is None else own.claim

    def _check(self, participant_id: UUID, practice: str) -> Participant:
        """Refuse a vote that may not be cast. No refusal depends on who has voted."""
        own = self.tx.principal.seat
        if own is not None and own.participant_id != participant_id:
            raise NotYourSeat
        seat = self.seats.get(participant_id)
        if seat is None or not self.instrument.has(practice):
            raise NotFound
        if seat.seat is not SeatKind.RESPONDENT:
            raise SeatMayNotVote
        if own is None and seat.channel is not Channel.PAPER:
            raise NotAPaperSeat
        if seat.withdrawn_at is not None:
            raise SeatWithdrawn
        if own is not None and (seat.claims != own.claim or seat.token_revoked_at is not None):
            raise TokenRevoked
        self._check_open(by_seat=own is not None)
        return seat

    def _check_open(self, *, by_seat: bool) -> None:
        assessment, now = self.assessment, self.tx.now
        if assessment.state is AssessmentState.DRAFT:
            raise VotingNotOpen
        if assessment.state is AssessmentState.VOID:
            ensure_open(assessment)
        if assessment.state is not AssessmentState.COLLECTING:
            raise VotingClosed
        # The window binds the seats. A paper ballot was cast within it and may be entered until the close.
        if by_seat and assessment.opens_at is not None and now < assessment.opens_at:
            raise VotingNotOpen("The voting window opens later.")
        if by_seat and assessment.closes_at is not None and now >= assessment.closes_at:
            raise VotingClosed("The voting window has ended.")

    def _insert(self, seat: Participant, practice: str, body: VoteCast, expected: Preconditions) -> Vote:
        if expected.has_if_match:
            raise PreconditionFailed("There is no vote to replace.")
        vote = Vote(
            tenant_id=self.tx.tenant_id,
            created_at=self.tx.now,
            updated_at=self.tx.now,
            assessment_id=self.assessment.id,
            participant_id=seat.id,
            practice=practice,
            round=self.assessment.round,
            claim=self.claim_of((seat.id, practice)),
            deferred=is_deferred(seat, self.assessment),
            value=to_stored(body.value),
            comment=body.comment,
            entered_by=self._enterer(),
        )
        self.tx.session.add(vote)
        return vote

    def _replace(self, vote: Vote, body: VoteCast, expected: Preconditions) -> WriteOutcome:
        if expected.must_not_exist:
            raise PreconditionFailed("There is a vote already.")
        # The comparison includes who entered the vote, so that nobody else can find out that an equal vote is stored.
        fields = {"value": to_stored(body.value), "comment": body.comment, "entered_by": self._enterer()}
        if self.tx.is_repetition(vote, fields, expected):
            return WriteOutcome.UNCHANGED
        if not expected.has_if_match:
            raise VoteExists
        self.tx.expect(vote, expected)
        for name, value in fields.items():
            setattr(vote, name, value)
        return WriteOutcome.REPLACED if self.tx.touch(vote) else WriteOutcome.UNCHANGED

    def _enterer(self) -> UUID | None:
        return self.tx.principal.id if self.tx.principal.seat is None else None


async def _load_round(tx: Tx, assessment_id: UUID, participants: Iterable[UUID], practices: Iterable[str]) -> _Round:
    # The shared lock orders votes and a close: either the close waits for these votes, or it comes first and they fail.
    assessment = (await lock_assessment(tx, assessment_id, "castVote")).assessment
    instrument = await load_instrument(tx, tx.tenant_id, assessment.instrument_version_id)
    if instrument is None:
        raise NotFound
    wanted = sorted(participants)
    seats = await _lock_seats(tx, assessment_id, wanted)
    # A key does not lock the votes of token seats. The time it waits for a lock would show that there is a vote.
    own = [seat.id for seat in seats if _may_cast_for(tx, seat)]
    known = sorted(practices)
    votes = await _lock_votes(tx, assessment, own, known)
    entered_before = await _find_entered_claims(tx, assessment, own, known) if tx.principal.seat is None else {}
    return _Round(tx, assessment, instrument, seats, votes=votes, entered_before=entered_before)


def _may_cast_for(tx: Tx, seat: Participant) -> bool:
    """Return whether the caller may cast votes of the seat."""
    if tx.principal.seat is None:
        return seat.channel is Channel.PAPER
    return tx.principal.seat.participant_id == seat.id


async def _send_votes(tx: Tx) -> None:
    try:
        await tx.session.flush()
    except IntegrityError as error:
        # Another request cast the same vote after `_lock_votes` had looked for it.
        raise VoteExists from error


def _record_vote(tx: Tx, assessment: Assessment, count: int, *, replaced: bool) -> None:
    record_vote(
        tx,
        "assessment.vote_replaced" if replaced else "assessment.vote_cast",
        assessment.id,
        organization_id=assessment.organization_id,
        data={"round": assessment.round, "votes": count, "on_paper": tx.principal.seat is None},
    )


async def _lock_seats(tx: Tx, assessment_id: UUID, participants: Sequence[UUID]) -> Sequence[Participant]:
    # The shared lock keeps the seats from being withdrawn or changed before the commit.
    found = await tx.session.execute(
        select(Participant)
        .where(
            col(Participant.tenant_id) == tx.tenant_id,
            col(Participant.assessment_id) == assessment_id,
            col(Participant.id).in_(participants),
        )
        .order_by(col(Participant.id))
        .with_for_update(read=True)
    )
    return found.scalars().all()


async def _lock_votes(
    tx: Tx, assessment: Assessment, participants: Sequence[UUID], practices: Sequence[str]
) -> Sequence[Vote]:
    own = tx.principal.seat
    found = await tx.session.execute(
        select(Vote)
        .where(
            col(Vote.tenant_id) == tx.tenant_id,
            col(Vote.assessment_id) == assessment.id,
            col(Vote.participant_id).in_(participants),
            col(Vote.practice).in_(practices),
            col(Vote.round) == assessment.round,
            true() if own is None else col(Vote.claim) == own.claim,
        )
        .order_by(col(Vote.id))
        .with_for_update()
    )
    return found.scalars().all()


async def _find_entered_claims(
    tx: Tx, assessment: Assessment, participants: Sequence[UUID], practices: Sequence[str]
) -> dict[VoteKey, int]:
    """Find the claims of the ballots that the calling key entered in earlier rounds, by seat and practice."""
    found = await tx.session.execute(
        select(col(Vote.participant_id), col(Vote.practice), func.min(col(Vote.claim)))
        .where(
            col(Vote.tenant_id) == tx.tenant_id,
            col(Vote.assessment_id) == assessment.id,
            col(Vote.participant_id).in_(participants),
            col(Vote.practice).in_(practices),
            col(Vote.round) < assessment.round,
            col(Vote.entered_by) == tx.principal.id,
        )
        .group_by(col(Vote.participant_id), col(Vote.practice))
    )
    return {(participant_id, practice): claim for participant_id, practice, claim in found}
