"""Agreement between respondents, per practice and across practices (scoring spec 4).

Every function takes counts of votes, so that nothing depends on the order of respondents.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import Final

from msgspec import Struct

from app.scoring.profile import ScoringProfile
from app.scoring.votes import PracticeOutcome, VoteCounts

_LEAST_VOTES: Final = 3


class Agreement(Struct, frozen=True, gc=False):
    """A figure as an exact quotient, or None with a reason, and the number of practices (units) it is computed from."""

    numerator: int | None
    denominator: int
    reason: str | None
    units: int

    @property
    def value(self) -> Fraction | None:
        """The exact figure."""
        return None if self.numerator is None else Fraction(self.numerator, self.denominator)


def within_group_agreement(counts: VoteCounts) -> Agreement:
    """Compute the agreement on one practice, r_wg with a uniform null: 1 - S^2 / (2/3), not below 0.

    Returns:
        The exact figure in [0, 1]; `too_few_votes` for fewer than three numeric votes.
    Source:
        James, Demaree & Wolf (1984); scoring spec 4.1.
    """
    if counts.numeric < _LEAST_VOTES:
        return Agreement(None, 1, "too_few_votes", 0)
    whole = 2 * counts.pairs
    return Agreement(max(0, whole - 3 * counts.spread), whole, None, 1)


def agreement_label(agreement: Agreement, profile: ScoringProfile) -> str | None:
    """Return the key of the profile's label for an agreement; None if the agreement is undefined."""
    if agreement.numerator is None:
        return None
    label = profile.agreement_labels[0].key
    for cut in profile.agreement_labels[1:]:
        if agreement.numerator * cut.denominator < cut.numerator * agreement.denominator:
            break
        label = cut.key
    return label


def r_star_wg_j(practices: Sequence[VoteCounts]) -> Agreement:
    """Compute agreement across practices, r*_wg(J): 1 - mean(S^2) / (2/3); negative below chance.

    Args:
        practices: counted votes of the applicable practices, shape (practices,).
    Returns:
        The exact figure over the practices with at least three numeric votes; `too_few_votes` without any.
    Source:
        Lindell, Brandt & Whitney (1999); scoring spec 4.2.
    """
    units = 0
    spreads: dict[int, int] = {}
    for counts in practices:
        if counts.numeric >= _LEAST_VOTES:
            units += 1
            spreads[counts.pairs] = spreads.get(counts.pairs, 0) + counts.spread
    if not units:
        return Agreement(None, 1, "too_few_votes", 0)
    common = lcm(*spreads)
    variances = sum([spread * (common // pairs) for pairs, spread in spreads.items()])
    whole = 2 * common * units
    return Agreement(whole - 3 * variances, whole, None, units)


def ordinal_alpha(practices: Sequence[VoteCounts]) -> Agreement:
    """Compute Krippendorff's alpha with the ordinal metric. The units are the practices with two numeric votes or more.

    Args:
        practices: counted votes of the applicable practices, shape (practices,).
    Returns:
        The exact alpha, at most 1; `too_few_votes` without a unit, `no_variation` where every pairable vote is the
        same and the expected disagreement is 0.
    Source:
        Krippendorff (2011, 2019); scoring spec 4.2. Tested against the package `krippendorff`.
    """
    n0 = n1 = n2 = units = 0
    # Ordered pairs of different levels, by the number of the other votes on the same practice.
    mixed: dict[int, tuple[int, int, int]] = {}
    for counts in practices:
        if counts.numeric < 2:
            continue
        zeros, ones, twos = counts.zeros, counts.ones, counts.twos
        n0 += zeros
        n1 += ones
        n2 += twos
        units += 1
        if counts.agreeing < counts.pairs:
            p01, p12, p02 = mixed.get(counts.numeric - 1, (0, 0, 0))
            mixed[counts.numeric - 1] = (p01 + zeros * ones, p12 + ones * twos, p02 + zeros * twos)
    if not units:
        return Agreement(None, 1, "too_few_votes", 0)
    # Twice the ordinal distances: half of each end's votes count, and all of those between. The factor cancels.
    d01, d12, d02 = (n0 + n1) ** 2, (n1 + n2) ** 2, (n0 + 2 * n1 + n2) ** 2
    expected = n0 * n1 * d01 + n1 * n2 * d12 + n0 * n2 * d02
    if not expected:
        return Agreement(None, 1, "no_variation", units)
    common = lcm(*mixed)
    observed = sum([(p01 * d01 + p12 * d12 + p02 * d02) * (common // m) for m, (p01, p12, p02) in mixed.items()])
    whole = common * expected
    return Agreement(whole - (n0 + n1 + n2 - 1) * observed, whole, None, units)


def pairwise_exact(practices: Sequence[VoteCounts]) -> Agreement:
    """Compute the share of pairs of respondents who gave a practice the same level, over practices with two votes.

    Args:
        practices: counted votes of the applicable practices, shape (practices,).
    Returns:
        Agreeing pairs as numerator and all pairs as denominator (not reduced); `too_few_votes` without any pair.
    Source:
        scoring spec 4.2.
    """
    units = agreeing = pairs = 0
    for counts in practices:
        if counts.numeric >= 2:
            units += 1
            agreeing += counts.agreeing
            pairs += counts.pairs
    if not units:
        return Agreement(None, 1, "too_few_votes", 0)
    return Agreement(agreeing // 2, pairs // 2, None, units)


def discuss_first(outcomes: Sequence[PracticeOutcome], agreements: Sequence[Agreement]) -> list[int]:
    """Order the applicable practices by how much they need discussion.

    Practices that are unscored for insufficient knowledge come first; then those with the least agreement, the widest
    range of votes and the lowest number. Agreement is r_wg; of two votes it is 1, 1/2 or 0 for a range of 0, 1 or 2,
    and of fewer it is 1.

    Args:
        outcomes: the practices in order of number, shape (practices,).
        agreements: their r_wg, shape (practices,).
    Returns:
        Positions in that order, without those of practices that are not applicable.
    Source:
        scoring spec 4.3.
    """
    urgencies = []
    for position, (outcome, agreement) in enumerate(zip(outcomes, agreements, strict=True)):
        if outcome.status != "not_applicable":
            width = outcome.counts.width
            numerator, denominator = 2 - width, 2
            if agreement.numerator is not None:
                numerator, denominator = agreement.numerator, agreement.denominator
            # Steps of 2^-64 keep the exact order of the quotients: with fewer than 30,000 voters they lie further
            # apart.
            steps = (numerator << 64) // denominator
            urgencies.append((outcome.reason != "insufficient_knowledge", steps, -width, position))
    urgencies.sort()
    return [urgency[-1] for urgency in urgencies]
