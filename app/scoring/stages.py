"""How much of what the stage of implementation expects is attained (scoring spec 8)."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from app.scoring.profile import ScoringProfile
from app.scoring.types import Finding


class StageAttainment(NamedTuple):
    """Attained and expected levels, and whether the team may consider the next stage."""

    attained: int
    expected: int
    reason: str | None
    ready_to_advance: bool | None
    blocking: tuple[Finding, ...]

    @property
    def value(self) -> Fraction | None:
        """Attainment, 0 to 100, exact; None with `reason`."""
        return None if self.reason else Fraction(100 * self.attained, self.expected)


def stage_attainment(
    codes: Sequence[str],
    levels: Sequence[int | None],
    expected: Sequence[int | None],
    unscored: Sequence[str],
    profile: ScoringProfile,
    *,
    stage: str | None,
) -> StageAttainment:
    """Compute the attainment of what the profile expects in a stage.

    Args:
        codes: practice codes in order of number, shape (practices,).
        levels: their scores, or None, shape (practices,).
        expected: the levels that the stage expects, or None, shape (practices,).
        unscored: codes of the unscored practices.
        profile: sets the attainment from which a team may be ready to advance.
        stage: the stage of the assessment.
    Returns:
        100 x sum(min(s, e)) / sum(e) over the scored practices, without weights. If it is undefined, the reason is
        `no_stage`, `nothing_scored`, or `nothing_expected` where the stage expects nothing of the scored practices.
        `ready_to_advance` is advice. It is True if the attainment suffices, no practice of which the stage expects a
        level is at 0, and no practice is unscored. `blocking` lists what is missing.
    Source:
        scoring spec 8.
    """
    if stage is None:
        return StageAttainment(0, 0, "no_stage", None, ())
    attained = total = 0
    short: list[str] = []
    zeros: list[str] = []
    for code, level, least in zip(codes, levels, expected, strict=True):
        if level is None or not least:
            continue
        total += least
        attained += min(level, least)
        if level < least:
            short.append(code)
            if level == 0:
                zeros.append(code)
    if not total:
        reason = "nothing_scored" if levels.count(None) == len(levels) else "nothing_expected"
        return StageAttainment(0, 0, reason, None, ())
    cut = profile.ready_from
    reaches = 100 * attained * cut.denominator >= cut.numerator * total
    findings = _findings(attainment_too_low=[] if reaches else short, practice_at_zero=zeros, unscored=unscored)
    return StageAttainment(attained, total, None, not findings, findings)


def _findings(**blocking: Sequence[str]) -> tuple[Finding, ...]:
    """Return the reasons that name a practice, in the order given."""
    return tuple([Finding(reason, tuple(practices)) for reason, practices in blocking.items() if practices])
