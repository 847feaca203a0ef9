"""The rules that decide which votes count and which votes a claim sees. Pure: no clock, no database.

Three promises rest on these rules (docs/concepts.md, "Privacy of votes"):

- A vote that was counted at a reveal stays counted. Withdrawing its seat later changes no figure.
- Only the claim that cast a vote can replace it. Inviting again never opens or replaces what a former claim cast.
- A claim sees the votes of a reveal only if it was made before that reveal.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.assessments.models import Assessment, AssessmentState, Participant


class SeatFacts(NamedTuple):
    """The facts of a respondent's seat that decide which of its votes count."""

    first_round: int
    is_withdrawn: bool = False
    withdrawn_round: int = 0
    counted_round: int = 0


class CastVote(NamedTuple):
    """The facts of a stored vote that decide whether it counts."""

    practice: str
    seat: str
    answer: str
    round: int
    claim: int = 1
    deferred: bool = False


def next_round_to_reveal(assessment: Assessment) -> int:
    """Return the round whose votes the next close reveals."""
    return assessment.revealed_round + 1


def last_voting_round(assessment: Assessment) -> int:
    """Return the last round in which votes could be cast so far; 0 in a draft."""
    return 0 if assessment.state is AssessmentState.DRAFT else assessment.round


def begin_claim(
    seat: Participant,
    assessment: Assessment,
    now: datetime,
    *,
    token_hash: bytes | None = None,
    holder_id: UUID | None = None,
) -> None:
    """Give the seat to a new holder, who sees the votes of later reveals only.

    Args:
        token_hash: of the token that holds it.
        holder_id: the identity that holds it by signing in.
    """
    seat.claims += 1
    seat.holder_id = holder_id
    seat.claimed_at = now
    seat.sees_from = next_round_to_reveal(assessment)
    seat.token_hash = token_hash
    seat.token_revoked_at = None


def is_claimed(seat: Participant) -> bool:
    """Return whether somebody holds the seat."""
    return seat.holder_id is not None or (seat.token_hash is not None and seat.token_revoked_at is None)


def end_claim(seat: Participant, assessment: Assessment, now: datetime) -> bool:
    """End the present claim. Return whether there was one."""
    if not is_claimed(seat):
        return False
    seat.token_revoked_at = now
    seat.holder_id = None
    seat.claimed_at = None
    seat.former_round = last_voting_round(assessment)
    return True


def withdraw(seat: Participant, assessment: Assessment, now: datetime) -> None:
    """Withdraw the seat. Votes of revealed rounds stay counted."""
    seat.withdrawn_at = now
    seat.claimed_at = None
    seat.withdrawn_round = last_voting_round(assessment)
    seat.counted_round = assessment.revealed_round


def is_deferred(seat: Participant, assessment: Assessment) -> bool:
    """Return whether a vote cast now stays out of all counts until the close.

    A former claim could vote in this round. If the count of voters rose with the new claim's vote, it would show
    that the former claim had not voted.
    """
    return seat.former_round == assessment.round


def was_revealed(seat: Participant, assessment: Assessment) -> bool:
    """Return whether a close may have counted votes of this seat. The answer does not depend on whether it voted."""
    return assessment.revealed_round >= seat.first_round


def takes_part(seat: SeatFacts, *, round_: int, sealed: bool) -> bool:
    """Return whether a respondent's seat is among those invited.

    Args:
        round_: the present round while votes are sealed; otherwise the last revealed round.
    """
    if not seat.is_withdrawn:
        return True
    # While votes are sealed, a seat that was withdrawn in this round still counts as invited. If the count of voters
    # fell with the count of the invited, it would show that the seat had voted.
    return seat.withdrawn_round == round_ if sealed else seat.counted_round >= seat.first_round


def counted_votes(
    votes: Iterable[CastVote], seats: Mapping[str, SeatFacts], revealed_round: int
) -> dict[str, dict[str, str]]:
    """Return the votes that count after a reveal: answer by practice and seat.

    For each seat and practice, the earliest claim with a revealed vote counts, with its latest vote. Votes of a
    withdrawn seat count up to the last round that was revealed before the withdrawal.
    """
    chosen: dict[tuple[str, str], CastVote] = {}
    for vote in votes:
        seat = seats.get(vote.seat)
        if seat is None or vote.round > (seat.counted_round if seat.is_withdrawn else revealed_round):
            continue
        known = chosen.get((vote.practice, vote.seat))
        if known is None or (-vote.claim, vote.round) > (-known.claim, known.round):
            chosen[vote.practice, vote.seat] = vote
    return _by_practice(chosen.values())


def sealed_votes(votes: Iterable[CastVote], seats: Mapping[str, SeatFacts], round_: int) -> dict[str, dict[str, str]]:
    """Return the votes of the present round that the count of voters includes before the close."""
    return _by_practice(vote for vote in votes if vote.round == round_ and not vote.deferred and vote.seat in seats)


def _by_practice(votes: Iterable[CastVote]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for vote in votes:
        found.setdefault(vote.practice, {})[vote.seat] = vote.answer
    return found
