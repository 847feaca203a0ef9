"""How respondents see readiness, and how far they lie apart (scoring spec 5)."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import lcm, sqrt
from typing import Final, NamedTuple

from app.scoring.profile import ScoringProfile
from app.scoring.readiness import covers
from app.scoring.student_t import two_sided_quantile
from app.scoring.types import NOT_APPLICABLE, Vote

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


class _Tally:
    __slots__ = ("cast", "not_applicable", "numeric", "weight", "weighted_sum")

    def __init__(self) -> None:
        self.cast = self.not_applicable = self.numeric = self.weight = self.weighted_sum = 0


def own_readiness(
    applicable: Sequence[str], seats: Iterable[str], votes: Mapping[str, Mapping[str, Vote]], profile: ScoringProfile
) -> dict[str, OwnReadiness]:
    """Each respondent's own readiness, section 3 on that respondent's numeric votes.

    Args:
        applicable: codes of the practices applicable to the assessment.
        seats: ids of the respondent seats.
        votes: votes by practice code and seat id.
        profile: weights and the least coverage.
    Returns:
        Own readiness by seat id. It counts where numeric votes cover enough of the applicable practices less those
        the respondent called not applicable; else the reason is `no_votes`, `none_applicable`,
        `insufficient_coverage` or `nothing_scored`.
    Source:
        scoring spec 5.
    """
    tallies = {seat: _Tally() for seat in seats}
    for code in applicable:
        weight = profile.weight(code)
        for seat, vote in votes.get(code, {}).items():
            tally = tallies[seat]
            tally.cast += 1
            if isinstance(vote, int):
                tally.numeric += 1
                tally.weight += weight
                tally.weighted_sum += weight * vote
            elif vote == NOT_APPLICABLE:
                tally.not_applicable += 1
    return {
        seat: OwnReadiness(tally.weighted_sum, tally.weight, _why_not_counted(tally, len(applicable), profile))
        for seat, tally in tallies.items()
    }


def _why_not_counted(tally: _Tally, applicable: int, profile: ScoringProfile) -> str | None:
    if applicable == tally.not_applicable:
        return "none_applicable"
    if not tally.cast:
        return "no_votes"
    if not covers(tally.numeric, applicable - tally.not_applicable, profile):
        return "insufficient_coverage"
    return None if tally.weight else "nothing_scored"


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
