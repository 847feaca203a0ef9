"""How respondents see readiness, and how far they lie apart (scoring spec 5)."""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm, sqrt
from typing import Final, NamedTuple

from app.scoring.profile import ScoringProfile
from app.scoring.readiness import covers
from app.scoring.student_t import two_sided_quantile
from app.scoring.types import LETTERS, NO_VOTE, NOT_APPLICABLE, Ballot

_LEAST_RESPONDENTS: Final = 3


class OwnReadiness(NamedTuple):
    """One respondent's own readiness as sums, or why it does not count. Never part of a rendered result."""

    weighted_sum: int
    weight: int
    reason: str | None

    @property
    def value(self) -> Fraction | None:
        """Readiness of this respondent's votes, 0 to 100, exact; None with `reason`."""
        return None if self.reason else Fraction(50 * self.weighted_sum, self.weight)


class Interval(NamedTuple):
    """Mean and 95 per cent interval of readiness values; the interval is None for fewer than three."""

    numerator: int
    denominator: int
    ci95: tuple[float, float] | None


def own_readiness(
    ballots: Sequence[Ballot], weights: Sequence[int], seats: int, profile: ScoringProfile
) -> list[OwnReadiness]:
    """Each respondent's own readiness, section 3 on that respondent's numeric votes.

    Args:
        ballots: the ballots of the practices applicable to the assessment, shape (practices,), of as many letters as
            there are seats.
        weights: the practices' weights, in the same order.
        seats: number of respondent seats.
        profile: the least coverage.
    Returns:
        Own readiness in the order of seats. It counts where numeric votes cover enough of the applicable practices
        less those the respondent called not applicable; else the reason is `none_applicable`, `no_votes`,
        `insufficient_coverage` or `nothing_scored`.
    Source:
        scoring spec 5.
    """
    if not ballots:
        return [OwnReadiness(0, 0, "none_applicable")] * seats
    return [_of_seat(votes, weights, profile) for votes in zip(*ballots, strict=True)]


_NOT_APPLICABLE: Final = LETTERS[NOT_APPLICABLE]
_LEVELS: Final = {"0": 0, "1": 1, "2": 2}


def _of_seat(votes: Sequence[str], weights: Sequence[int], profile: ScoringProfile) -> OwnReadiness:
    numeric = total = weighted_sum = 0
    for vote, weight in zip(votes, weights, strict=True):
        if vote in _LEVELS:
            numeric += 1
            total += weight
            weighted_sum += weight * _LEVELS[vote]
    applicable = len(votes) - votes.count(_NOT_APPLICABLE)
    reason = None
    if not applicable:
        reason = "none_applicable"
    elif votes.count(NO_VOTE) == len(votes):
        reason = "no_votes"
    elif not covers(numeric, applicable, profile):
        reason = "insufficient_coverage"
    elif not total:
        reason = "nothing_scored"
    return OwnReadiness(weighted_sum, total, reason)


def mean_and_interval(values: Sequence[tuple[int, int]]) -> Interval | None:
    """Mean of readiness values and their two-sided 95 per cent Student t interval, clipped to [0, 100].

    Args:
        values: quotients (numerator, denominator > 0), each 0 to 100, shape (k,), in any order.
    Returns:
        The exact mean, and the interval where k >= 3; None for no value. Values that are all alike give an interval
        of no width.
    Source:
        scoring spec 5; tested against `scipy.stats.t.interval`.
    """
    k = len(values)
    if not k:
        return None
    common = lcm(*(denominator for _, denominator in values))
    whole = [numerator * (common // denominator) for numerator, denominator in values]
    total, denominator = sum(whole), k * common
    if k < _LEAST_RESPONDENTS:
        return Interval(total, denominator, None)
    # k (k - 1) times the variance of the integers; dividing integers before the root keeps huge ones exact.
    spread = k * sum(x * x for x in whole) - total * total
    half = two_sided_quantile(k - 1) * sqrt(spread / (k * k * (k - 1) * common * common))
    mean = total / denominator
    return Interval(total, denominator, (max(0.0, mean - half), min(100.0, mean + half)))
