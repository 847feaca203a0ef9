"""Readiness of practice scores, whatever the scores come from (scoring spec 3)."""

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from app.scoring.profile import ScoringProfile
from app.scoring.types import NOT_APPLICABLE, Finding, Score


class PracticeGroups(NamedTuple):
    """Codes of the practices that figures leave out or name, in order of number."""

    not_applicable: Sequence[str]
    unscored: Sequence[str]
    provisional: Sequence[str]
    """Scored from votes that differ, without a consensus."""


class Readiness(NamedTuple):
    """The exact sums behind readiness, the band, and the reasons for missing figures.

    Weights enter the three sums only. Counts, shares, coverage and gates count practices.
    """

    weighted_sum: int
    weight_scored: int
    weight_unscored: int
    practices: int
    applicable: int
    scored: int
    in_place: int
    at_least_partial: int
    reason: str | None
    band: str | None
    band_reason: str | None
    cap_reasons: tuple[Finding, ...]

    @property
    def weight_applicable(self) -> int:
        """Sum of the weights of all applicable practices."""
        return self.weight_scored + self.weight_unscored

    @property
    def mean(self) -> Fraction | None:
        """Weighted mean of the scores, 0 to 2; None with `reason`."""
        return None if self.reason else Fraction(self.weighted_sum, self.weight_scored)

    @property
    def readiness(self) -> Fraction | None:
        """Fifty times the mean, 0 to 100; None with `reason`."""
        return None if self.reason else Fraction(50 * self.weighted_sum, self.weight_scored)

    @property
    def in_place_share(self) -> Fraction | None:
        """Share of the scored practices at level 2, in per cent; None where none is scored."""
        return Fraction(100 * self.in_place, self.scored) if self.scored else None

    @property
    def at_least_partial_share(self) -> Fraction | None:
        """Share of the scored practices at level 1 or 2, in per cent; None where none is scored."""
        return Fraction(100 * self.at_least_partial, self.scored) if self.scored else None

    @property
    def coverage(self) -> Fraction | None:
        """Scored out of applicable practices, 0 to 1; None where none is applicable."""
        return Fraction(self.scored, self.applicable) if self.applicable else None

    @property
    def has_bounds(self) -> bool:
        """Whether bounds are defined: some weight is applicable, and not too many practices are not applicable."""
        return self.weight_applicable > 0 and self.reason != "too_many_not_applicable"

    @property
    def bounds(self) -> tuple[Fraction, Fraction] | None:
        """Readiness with every unscored practice at 0, and with every one at 2, both 0 to 100."""
        if not self.has_bounds:
            return None
        low = Fraction(50 * self.weighted_sum, self.weight_applicable)
        return low, low + Fraction(100 * self.weight_unscored, self.weight_applicable)


def readiness_of_scores(
    scores: Mapping[str, Score], profile: ScoringProfile, *, provisional: Collection[str] = ()
) -> Readiness:
    """Compute the readiness of practice scores.

    Args:
        scores: score by practice code: 0, 1, 2, None while unscored, or `NOT_APPLICABLE`. Only the order of practices
            in `cap_reasons` depends on the order.
        profile: weights, limits, bands and gates.
        provisional: codes of the practices whose score is provisional.
    Returns:
        The exact figures. An unscored practice gets no assumed score.
    Source:
        scoring spec 3.
    """
    codes = list(scores)
    groups = PracticeGroups(
        [code for code in codes if scores[code] == NOT_APPLICABLE],
        [code for code in codes if scores[code] is None],
        [code for code in codes if code in provisional],
    )
    levels = [None if score == NOT_APPLICABLE else score for score in scores.values()]
    return compute_readiness(codes, [profile.weight(code) for code in codes], levels, profile, groups)


def compute_readiness(
    codes: Sequence[str],
    weights: Sequence[int],
    levels: Sequence[int | None],
    profile: ScoringProfile,
    groups: PracticeGroups,
) -> Readiness:
    """Compute readiness from sequences of shape (practices,). A level is None where there is no score."""
    applicable = len(codes) - len(groups.not_applicable)
    scored = applicable - len(groups.unscored)
    weighted_sum = weight_scored = 0
    for weight, level in zip(weights, levels, strict=True):
        if level is not None:
            weight_scored += weight
            weighted_sum += weight * level
    weight_unscored = sum([profile.weight(code) for code in groups.unscored])
    reason = _find_reason(len(groups.not_applicable), weight_scored, profile)
    band: str | None = None
    band_reason = reason
    caps: tuple[Finding, ...] = ()
    if reason is None and not is_covered(scored, applicable, profile):
        band_reason = "insufficient_coverage"
    elif reason is None:
        band = find_band(50 * weighted_sum, weight_scored, profile)
        if band == profile.gated_band:
            zeros = [code for code, level in zip(codes, levels, strict=True) if level == 0]
            caps = _close_gates(zeros, groups, profile)
            band = profile.capped_band if caps else band
    in_place = levels.count(2)
    partial = levels.count(1)
    return Readiness(
        weighted_sum,
        weight_scored,
        weight_unscored,
        len(codes),
        applicable,
        scored,
        in_place,
        in_place + partial,
        reason,
        band,
        band_reason,
        caps,
    )


def is_covered(part: int, whole: int, profile: ScoringProfile) -> bool:
    """Return whether a part of a whole reaches the minimum coverage of the profile. It does not if the whole is 0."""
    least = profile.coverage_minimum
    return whole > 0 and part * least.denominator >= whole * least.numerator


def find_band(numerator: int, denominator: int, profile: ScoringProfile) -> str:
    """Return the key of the band of a readiness of numerator / denominator (0 to 100), before any gate."""
    key = profile.bands[0].key
    for band in profile.bands[1:]:
        if numerator * band.denominator < band.numerator * denominator:
            break
        key = band.key
    return key


def _find_reason(not_applicable: int, weight_scored: int, profile: ScoringProfile) -> str | None:
    if not_applicable > profile.max_not_applicable:
        return "too_many_not_applicable"
    return None if weight_scored else "nothing_scored"


def _close_gates(zeros: Sequence[str], groups: PracticeGroups, profile: ScoringProfile) -> tuple[Finding, ...]:
    closed = {"practice_at_zero": zeros, "unscored": groups.unscored, "provisional": groups.provisional}
    return tuple([Finding(gate, tuple(closed[gate])) for gate in profile.gates if closed[gate]])
