"""Score a practice from its votes or its consensus (scoring spec 2)."""

from collections.abc import Sequence

from msgspec import Struct

from app.scoring.types import DONT_KNOW, NO_VOTE, NOT_APPLICABLE, Consensus, Source, Status


class VoteCounts(Struct, frozen=True, gc=False):
    """How often each answer was given to one practice, and the sums that the figures use."""

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
    """Lowest numeric vote; meaningful only where there is one."""
    high: int
    """Highest numeric vote; meaningful only where there is one."""
    pairs: int
    """Ordered pairs of numeric votes: n (n - 1)."""
    agreeing: int
    """Ordered pairs of equal numeric votes."""
    spread: int
    """n (n - 1) S^2: n times the sum of the squares minus the square of the sum."""

    @property
    def width(self) -> int:
        """Highest minus lowest numeric vote; 0 if there is none."""
        return self.high - self.low if self.numeric else 0


class PracticeOutcome(Struct, frozen=True, gc=False):
    """The score of one practice and its source, or the reason why there is none."""

    status: Status
    score: int | None
    source: Source | None
    reason: str | None
    counts: VoteCounts
    consensus: int | None
    """The recorded consensus: a level, `NOT_APPLICABLE` or None."""
    has_note: bool
    needs_note: bool
    left_unscored: bool

    @property
    def lacks_note(self) -> bool:
        """Whether the consensus needs a note and has none."""
        return self.needs_note and not self.has_note


def count_votes(votes: Sequence[int]) -> VoteCounts:
    """Count the votes on one practice.

    Args:
        votes: shape (seats,), each 0, 1, 2, `DONT_KNOW`, `NOT_APPLICABLE` or `NO_VOTE`; `bytes` are fastest.
    Raises:
        ValueError: any other value.
    """
    zeros, ones, twos = votes.count(0), votes.count(1), votes.count(2)
    dont_know, not_applicable = votes.count(DONT_KNOW), votes.count(NOT_APPLICABLE)
    numeric = zeros + ones + twos
    voted = numeric + dont_know + not_applicable
    if voted + votes.count(NO_VOTE) != len(votes):
        raise ValueError("a vote must be 0, 1, 2, don't know or not applicable")
    total = ones + 2 * twos
    return VoteCounts(
        zeros,
        ones,
        twos,
        dont_know,
        not_applicable,
        numeric,
        voted,
        total,
        low=0 if zeros else 1 if ones else 2,
        high=2 if twos else 1 if ones else 0,
        pairs=numeric * (numeric - 1),
        agreeing=zeros * (zeros - 1) + ones * (ones - 1) + twos * (twos - 1),
        spread=numeric * (ones + 4 * twos) - total * total,
    )


def lower_median(counts: VoteCounts) -> int | None:
    """Compute the lower median of the numeric votes, 0 to 2; None where there are none (scoring spec 2.5)."""
    if not counts.numeric:
        return None
    middle = (counts.numeric - 1) // 2
    if middle < counts.zeros:
        return 0
    return 1 if middle < counts.zeros + counts.ones else 2


def in_vote_range(level: int, counts: VoteCounts) -> bool:
    """Return whether a level lies between the lowest and the highest numeric vote; False without numeric votes."""
    return counts.numeric > 0 and counts.low <= level <= counts.high


def consensus_needs_note(value: int, counts: VoteCounts) -> bool:
    """Return whether a consensus differs so much from the votes that it needs a note.

    Args:
        value: the consensus, a level or `NOT_APPLICABLE`.
        counts: the votes on the practice.
    Returns:
        True if there is no vote, for `NOT_APPLICABLE` if there are numeric votes, and for a level outside the range of
        the numeric votes. Without numeric votes every level is outside.
    Source:
        scoring spec 2.
    """
    if not counts.voted:
        return True
    if value == NOT_APPLICABLE:
        return counts.numeric > 0
    return not in_vote_range(value, counts)


def score_practice(
    counts: VoteCounts, *, consensus: Consensus | None = None, left_unscored: bool = False
) -> PracticeOutcome:
    """Score one practice from its consensus, or else from its votes.

    Args:
        counts: the votes that count, one of each seat.
        consensus: the recorded consensus, if any. It wins over the votes.
        left_unscored: whether the team explicitly leaves the practice unscored. Then votes give no score. A consensus
            still counts, and so does a majority for not applicable.
    Source:
        scoring spec 2.1 to 2.5.
    """
    if consensus is None:
        return _score_votes(counts, left_unscored)
    value, has_note = consensus.value, consensus.has_note
    needs_note = consensus_needs_note(value, counts)
    if value == NOT_APPLICABLE:
        reason = "consensus_not_applicable"
        return PracticeOutcome(
            "not_applicable", None, "consensus", reason, counts, value, has_note, needs_note, left_unscored
        )
    return PracticeOutcome("scored", value, "consensus", None, counts, value, has_note, needs_note, left_unscored)


def _score_votes(counts: VoteCounts, left_unscored: bool) -> PracticeOutcome:
    numeric, voted = counts.numeric, counts.voted
    status: Status = "unscored"
    score, source, reason = None, None, None
    median = lower_median(counts)
    if not voted:
        reason = "no_votes"
    elif 2 * counts.not_applicable > voted:
        status, reason = "not_applicable", "majority_not_applicable"
    elif median is None or 2 * counts.dont_know > numeric + counts.dont_know:
        reason = "insufficient_knowledge"
    elif left_unscored:
        reason = "left_unscored"
    else:
        status, score = "scored", median
        source = _source(counts)
    return PracticeOutcome(status, score, source, reason, counts, None, False, False, left_unscored)


def _source(counts: VoteCounts) -> Source:
    unanimous = counts.numeric >= 2 and counts.numeric == counts.voted and not counts.width
    return "unanimous" if unanimous else "provisional"
