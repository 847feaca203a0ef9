"""Agreement between respondents, per practice and across practices (scoring spec 4).

Every function takes counts of numeric votes, so that nothing depends on the order of respondents.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Final, NamedTuple

from app.scoring.profile import ScoringProfile
from app.scoring.votes import PracticeResult, VoteCounts, count_votes

_LEAST_VOTES: Final = 3


class Agreement(NamedTuple):
    """A figure as an exact quotient; None with a reason, and the number of practices (units) it rests on."""

    numerator: int | None
    denominator: int
    reason: str | None
    units: int

    @property
    def value(self) -> Fraction | None:
        """The exact figure."""
        return None if self.numerator is None else Fraction(self.numerator, self.denominator)


def within_group_agreement(votes: Sequence[int]) -> Fraction | None:
    """Agreement of one practice's votes, r_wg with a uniform null.

    Args:
        votes: numeric votes of one practice, shape (n,), each 0, 1 or 2.
    Returns:
        Agreement in [0, 1], exact; None where n < 3.
    Source:
        James, Demaree & Wolf (1984); scoring spec 4.1.
    """
    return r_wg(count_votes(votes)).value


@lru_cache(maxsize=4096)
def r_wg(counts: VoteCounts) -> Agreement:
    """`within_group_agreement` of counted votes: 1 - S^2 / (2/3), not below 0."""
    n = counts.numeric
    if n < _LEAST_VOTES:
        return Agreement(None, 1, "too_few_votes", 0)
    pairs = 2 * n * (n - 1)
    return Agreement(max(0, pairs - 3 * _spread(counts)), pairs, None, 1)


def agreement_label(agreement: Agreement, profile: ScoringProfile) -> str | None:
    """Key of the profile's label for an agreement; None where the agreement is undefined."""
    if agreement.numerator is None:
        return None
    label = profile.agreement_labels[0].key
    for cut in profile.agreement_labels[1:]:
        if agreement.numerator * cut.denominator < cut.numerator * agreement.denominator:
            break
        label = cut.key
    return label


def r_star_wg_j(practices: Sequence[VoteCounts]) -> Agreement:
    """Agreement across practices, r*_wg(J): 1 - mean(S^2) / (2/3), which is negative where votes split beyond chance.

    Args:
        practices: counted votes of the applicable practices, shape (practices,).
    Returns:
        The exact figure over the practices with three numeric votes or more; `too_few_votes` without any.
    Source:
        Lindell, Brandt & Whitney (1999); scoring spec 4.2.
    """
    units = [(_spread(counts), counts.numeric) for counts in practices if counts.numeric >= _LEAST_VOTES]
    if not units:
        return Agreement(None, 1, "too_few_votes", 0)
    common = lcm(*(n * (n - 1) for _, n in units))
    variances = sum(spread * common // (n * (n - 1)) for spread, n in units)
    whole = 2 * common * len(units)
    return Agreement(whole - 3 * variances, whole, None, len(units))


def ordinal_alpha(practices: Sequence[VoteCounts]) -> Agreement:
    """Krippendorff's alpha with the ordinal metric, units being the practices with two numeric votes or more.

    Args:
        practices: counted votes of the applicable practices, shape (practices,).
    Returns:
        The exact alpha, at most 1; `too_few_votes` without a unit, `no_variation` where every pairable vote is the
        same and the expected disagreement is 0.
    Source:
        Krippendorff (2011, 2019); scoring spec 4.2. Tested against the package `krippendorff`.
    """
    units = [(counts.zeros, counts.ones, counts.twos) for counts in practices if counts.numeric >= 2]
    if not units:
        return Agreement(None, 1, "too_few_votes", 0)
    n0, n1, n2 = (sum(column) for column in zip(*units, strict=True))
    # Twice the ordinal distances: half of each end's votes count, and all of those between. The factor cancels.
    d01, d12, d02 = (n0 + n1) ** 2, (n1 + n2) ** 2, (n0 + 2 * n1 + n2) ** 2
    expected = n0 * n1 * d01 + n1 * n2 * d12 + n0 * n2 * d02
    if not expected:
        return Agreement(None, 1, "no_variation", len(units))
    common = lcm(*(z + o + t - 1 for z, o, t in units))
    observed = sum((z * o * d01 + o * t * d12 + z * t * d02) * common // (z + o + t - 1) for z, o, t in units)
    whole = common * expected
    return Agreement(whole - (n0 + n1 + n2 - 1) * observed, whole, None, len(units))


def pairwise_exact(practices: Sequence[VoteCounts]) -> Agreement:
    """Pairs of respondents who gave a practice the same level, out of all pairs, over practices with two votes.

    Args:
        practices: counted votes of the applicable practices, shape (practices,).
    Returns:
        Agreeing pairs as numerator and all pairs as denominator (not reduced); `too_few_votes` without any pair.
    Source:
        scoring spec 4.2.
    """
    units = [counts for counts in practices if counts.numeric >= 2]
    if not units:
        return Agreement(None, 1, "too_few_votes", 0)
    agreeing = sum(c * (c - 1) for counts in units for c in counts[:3]) // 2
    pairs = sum(counts.numeric * (counts.numeric - 1) for counts in units) // 2
    return Agreement(agreeing, pairs, None, len(units))


def discuss_first(results: Sequence[PracticeResult]) -> list[str]:
    """Codes of the applicable practices, those that most need talking about first.

    Practices unscored for want of knowledge lead; then the least agreement, the widest range, the lowest number.

    Args:
        results: the practices' results, in any order.
    Returns:
        Practice codes; practices that are not applicable are left out.
    Source:
        scoring spec 4.3.
    """
    items = [(result, *_agreement_to_sort_by(result.counts)) for result in results if result.status != "not_applicable"]
    common = lcm(*(denominator for _, _, denominator in items))

    def urgency(item: tuple[PracticeResult, int, int]) -> tuple[bool, int, int, int]:
        result, numerator, denominator = item
        known = result.reason != "insufficient_knowledge"
        return known, numerator * (common // denominator), -result.counts.width, result.number

    return [result.code for result, _, _ in sorted(items, key=urgency)]


def _agreement_to_sort_by(counts: VoteCounts) -> tuple[int, int]:
    """r_wg as a quotient; for two votes 0, 1/2 or 1 by their range, for fewer 1."""
    if counts.numeric < _LEAST_VOTES:
        return (2 - counts.width, 2) if counts.numeric == 2 else (1, 1)
    agreement = r_wg(counts)
    return agreement.numerator or 0, agreement.denominator


def _spread(counts: VoteCounts) -> int:
    """n (n - 1) S^2 as an integer: n times the sum of squares less the square of the sum."""
    return counts.numeric * (counts.ones + 4 * counts.twos) - counts.total**2
