"""From the votes on one practice to its score (scoring spec 2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from app.scoring.types import DONT_KNOW, LETTERS, NOT_APPLICABLE, Ballot, Consensus, Source, Status, Vote


@dataclass(frozen=True, slots=True, eq=False)
class VoteCounts:
    """How often each answer was given to one practice, and the sums its figures use.

    Compared by identity: `tally`, which builds it, mostly gives the same one for the same, which makes it a cheap key.
    """

    zeros: int
    ones: int
    twos: int
    dont_know: int
    not_applicable: int
    numeric: int
    """Votes of 0, 1 or 2: n."""
    voted: int
    """Votes of any kind: n + d + a."""
    total: int
    """Sum of the numeric votes."""
    low: int
    """Lowest numeric vote; only meaningful where there is one."""
    high: int
    """Highest numeric vote; only meaningful where there is one."""
    pairs: int
    """Ordered pairs of numeric votes: n (n - 1)."""
    agreeing: int
    """Ordered pairs of the same level."""
    spread: int
    """n (n - 1) S^2: n times the sum of squares less the square of the sum."""

    @property
    def width(self) -> int:
        """Range of the numeric votes, highest less lowest; 0 where there are none."""
        return self.high - self.low if self.numeric else 0


@lru_cache(maxsize=4096)
def tally(zeros: int = 0, ones: int = 0, twos: int = 0, dont_know: int = 0, not_applicable: int = 0) -> VoteCounts:
    """Complete how often each answer was given with the sums that follow."""
    numeric = zeros + ones + twos
    total = ones + 2 * twos
    return VoteCounts(
        zeros,
        ones,
        twos,
        dont_know,
        not_applicable,
        numeric=numeric,
        voted=numeric + dont_know + not_applicable,
        total=total,
        low=0 if zeros else 1 if ones else 2,
        high=2 if twos else 1 if ones else 0,
        pairs=numeric * (numeric - 1),
        agreeing=sum(count * (count - 1) for count in (zeros, ones, twos)),
        spread=numeric * (ones + 4 * twos) - total**2,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What the votes on one practice and the team's decision come to: its score, where that is from, or why none.

    Compared by identity: `outcome_of` mostly gives the same one for the same, which makes it a cheap key.
    """

    status: Status
    score: int | None
    source: Source | None
    reason: str | None
    counts: VoteCounts
    consensus: int | str | None
    """The value of the recorded consensus, if any."""
    has_note: bool
    """Whether a note goes with it."""
    needs_note: bool
    """Whether it departs so far from the votes that it needs one."""
    lacks_note: bool
    """Whether it needs one and has none."""
    left_unscored: bool


def count_votes(votes: Iterable[Vote]) -> VoteCounts:
    """Count the votes on one practice.

    Args:
        votes: one practice's votes, shape (voters,), each 0, 1, 2, "dont_know" or "not_applicable".
    Returns:
        How often each was given.
    Raises:
        ValueError: any other value.
    """
    cast = list(votes)
    counts = tally(cast.count(0), cast.count(1), cast.count(2), cast.count(DONT_KNOW), cast.count(NOT_APPLICABLE))
    if counts.voted != len(cast):
        raise ValueError("a vote must be 0, 1, 2, dont_know or not_applicable")
    return counts


@lru_cache(maxsize=4096)
def count_letters(ballot: Ballot) -> VoteCounts:
    """`count_votes` of a ballot."""
    return tally(*map(ballot.count, LETTERS.values()))


def lower_median(counts: VoteCounts) -> int | None:
    """Lower median of the numeric votes: 0, 1 or 2; None where there are none (scoring spec 2.5)."""
    if not counts.numeric:
        return None
    middle = (counts.numeric - 1) // 2
    if middle < counts.zeros:
        return 0
    return 1 if middle < counts.zeros + counts.ones else 2


def consensus_needs_note(value: int | str, votes: Iterable[Vote]) -> bool:
    """Whether a consensus departs from the votes so far that it needs a note.

    Args:
        value: the consensus, 0, 1, 2 or "not_applicable".
        votes: the practice's votes, shape (voters,).
    Returns:
        True where there is no vote at all, for "not_applicable" over numeric votes, and for a level outside the
        range of the numeric votes (any level is outside where nobody gave one).
    Raises:
        ValueError: a value that is no vote.
    Source:
        scoring spec 2.
    """
    return note_needed(value, count_votes(votes))


def note_needed(value: int | str, counts: VoteCounts) -> bool:
    """`consensus_needs_note` on votes already counted."""
    if not counts.voted:
        return True
    if value == NOT_APPLICABLE:
        return counts.numeric > 0
    return not within_range(value, counts)


def within_range(value: int | str, counts: VoteCounts) -> bool:
    """Whether a level lies between the lowest and the highest numeric vote; False where there is no numeric vote."""
    return counts.numeric > 0 and counts.low <= int(value) <= counts.high


def has_note(consensus: Consensus) -> bool:
    """Whether a consensus carries a note with any text in it."""
    return consensus.note is not None and bool(consensus.note.strip())


def practice_outcome(
    votes: Iterable[Vote], *, consensus: Consensus | None = None, left_unscored: bool = False
) -> Outcome:
    """Score one practice from its consensus or else from its votes.

    Args:
        votes: the latest revealed round's votes of seats not withdrawn, shape (voters,).
        consensus: what the facilitator recorded, if anything; it wins over the votes.
        left_unscored: the team explicitly leaves the practice unscored; that sets aside a score from votes,
            while a consensus, or a majority for not applicable, stands.
    Returns:
        Status, score (0, 1, 2 or None), source and reason.
    Raises:
        ValueError: a value that is no vote.
    Source:
        scoring spec 2.1 to 2.5.
    """
    counts = count_votes(votes)
    if consensus is None:
        return outcome_of(counts, None, False, left_unscored)
    return outcome_of(counts, consensus.value, has_note(consensus), left_unscored)


@lru_cache(maxsize=4096)
def outcome_of(counts: VoteCounts, consensus: int | str | None, noted: bool, left_unscored: bool) -> Outcome:
    """`practice_outcome` of votes already counted.

    Args:
        consensus: its value.
        noted: whether a note goes with it; what the note says is never among what is kept.
    """
    found = _from_votes(counts, left_unscored) if consensus is None else _from_consensus(consensus)
    needs_note = consensus is not None and note_needed(consensus, counts)
    return Outcome(*found, counts, consensus, noted, needs_note, needs_note and not noted, left_unscored)


_Found = tuple[Status, int | None, Source | None, str | None]


def _from_consensus(value: int | str) -> _Found:
    if value == NOT_APPLICABLE:
        return "not_applicable", None, "consensus", "consensus_not_applicable"
    return "scored", int(value), "consensus", None


def _from_votes(counts: VoteCounts, left_unscored: bool) -> _Found:
    numeric, voted = counts.numeric, counts.voted
    if not voted:
        return "unscored", None, None, "no_votes"
    if 2 * counts.not_applicable > voted:
        return "not_applicable", None, None, "majority_not_applicable"
    score = lower_median(counts)
    if score is None or 2 * counts.dont_know > numeric + counts.dont_know:
        return "unscored", None, None, "insufficient_knowledge"
    if left_unscored:
        return "unscored", None, None, "left_unscored"
    unanimous = numeric >= 2 and numeric == voted and not counts.width
    return "scored", score, "unanimous" if unanimous else "provisional", None
