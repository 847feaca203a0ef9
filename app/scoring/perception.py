"""How respondents see readiness, and how much their views differ (scoring spec 5)."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import lcm, sqrt
from operator import mul
from typing import Final

from msgspec import Struct

from app.scoring.profile import ScoringProfile
from app.scoring.readiness import is_covered
from app.scoring.student_t import two_sided_quantile
from app.scoring.types import HIGHEST_LEVEL, NO_VOTE, NOT_APPLICABLE

_LEAST_RESPONDENTS: Final = 3


class OwnReadiness(Struct, frozen=True, gc=False):
    """The readiness of one respondent's votes as sums, or the reason why it does not count. No result contains it."""

    weighted_sum: int
    weight: int
    reason: str | None

    @property
    def value(self) -> Fraction | None:
        """Readiness of this respondent's votes, 0 to 100, exact; None with `reason`."""
        return None if self.reason else Fraction(50 * self.weighted_sum, self.weight)


class Interval(Struct, frozen=True, gc=False):
    """Mean and 95 per cent interval of readiness values; the interval is None for fewer than three."""

    numerator: int
    denominator: int
    ci95: tuple[float, float] | None


def compute_own_readiness(
    votes: Sequence[bytes], weights: Sequence[int], seats: int, profile: ScoringProfile
) -> list[OwnReadiness]:
    """Compute each respondent's own readiness: section 3 on that respondent's numeric votes.

    Args:
        votes: shape (practices, seats), of the practices that apply to the assessment.
        weights: of the same practices, shape (practices,).
        seats: number of respondent seats.
        profile: sets the minimum coverage.
    Returns:
        Own readiness in order of seats. The practices of a respondent are the applicable ones that the respondent did
        not call not applicable. Own readiness counts if numeric votes cover enough of them. Otherwise the reason is
        `none_applicable`, `no_votes`, `insufficient_coverage` or `nothing_scored`.
    Source:
        scoring spec 5.
    """
    if not votes:
        return [OwnReadiness(0, 0, "none_applicable")] * seats
    total = sum(weights)
    return [
        # Most respondents give every practice a level. Their sums need no loop in Python.
        OwnReadiness(sum(map(mul, column, weights)), total, None)
        if total and max(column) <= HIGHEST_LEVEL
        else _of_respondent(column, weights, profile)
        for column in zip(*votes, strict=True)
    ]


def _of_respondent(votes: Sequence[int], weights: Sequence[int], profile: ScoringProfile) -> OwnReadiness:
    weighted_sum = weight = numeric = 0
    for vote, own_weight in zip(votes, weights, strict=True):
        if vote <= HIGHEST_LEVEL:
            numeric += 1
            weight += own_weight
            weighted_sum += own_weight * vote
    applicable = len(votes) - votes.count(NOT_APPLICABLE)
    reason = None
    if not applicable:
        reason = "none_applicable"
    elif not numeric and votes.count(NO_VOTE) == len(votes):
        reason = "no_votes"
    elif not is_covered(numeric, applicable, profile):
        reason = "insufficient_coverage"
    elif not weight:
        reason = "nothing_scored"
    return OwnReadiness(weighted_sum, weight, reason)


def count_excluded(own: Sequence[OwnReadiness]) -> list[tuple[str, int]]:
    """Count the respondents who do not count towards perception, by reason."""
    return sorted(Counter([one.reason for one in own if one.reason]).items())


def mean_and_interval(values: Sequence[tuple[int, int]]) -> Interval | None:
    """Compute the mean of readiness values and its two-sided 95 per cent Student t interval, clipped to [0, 100].

    Args:
        values: quotients (numerator, denominator > 0), each 0 to 100, shape (k,), in any order.
    Returns:
        The exact mean, and the interval if k >= 3; None if there is no value. Equal values give an interval of width 0.
    Source:
        scoring spec 5; tested against `scipy.stats.t.interval`.
    """
    k = len(values)
    if not k:
        return None
    common = lcm(*[denominator for _, denominator in values])
    whole = [numerator * (common // denominator) for numerator, denominator in values]
    total, denominator = sum(whole), k * common
    if k < _LEAST_RESPONDENTS:
        return Interval(total, denominator, None)
    # k (k - 1) times the variance of the integers. Integers are divided before the root, so that huge ones stay exact.
    spread = k * sum([x * x for x in whole]) - total * total
    half = two_sided_quantile(k - 1) * sqrt(spread / (k * k * (k - 1) * common * common))
    mean = total / denominator
    return Interval(total, denominator, (max(0.0, mean - half), min(100.0, mean + half)))
