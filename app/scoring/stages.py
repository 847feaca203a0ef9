"""What the stage of implementation expects, and how much of it is attained (scoring spec 8)."""

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from app.scoring.profile import ScoringProfile
from app.scoring.types import Finding
from app.scoring.votes import PracticeResult


class StageAttainment(NamedTuple):
    """Levels attained out of those expected, and whether the team may think of moving on."""

    attained: int
    expected: int
    reason: str | None
    ready_to_advance: bool | None
    blocking: tuple[Finding, ...]

    @property
    def value(self) -> Fraction | None:
        """Attainment, 0 to 100, exact; None with `reason`."""
        return None if self.reason else Fraction(100 * self.attained, self.expected)


def stage_attainment(results: Iterable[PracticeResult], stage: str | None, profile: ScoringProfile) -> StageAttainment:
    """Attainment of what the profile expects in a stage.

    Args:
        results: the practices' results in order of number.
        stage: the stage whose row is looked at, or None.
        profile: expected levels and the attainment from which a team may be ready to advance.
    Returns:
        100 x sum(min(s, e)) / sum(e) over scored applicable practices; no weights enter. The reason for none is
        `no_stage`, `nothing_scored`, or `nothing_expected` of what is scored. Ready to advance (advice, no more)
        needs that attainment, no practice at 0 of which anything is expected, and none unscored; `blocking` says
        what stands in the way.
    Source:
        scoring spec 8.
    """
    if stage is None:
        return StageAttainment(0, 0, "no_stage", None, ())
    attained = expected = 0
    short: list[str] = []
    zeros: list[str] = []
    unscored: list[str] = []
    any_scored = False
    for result in results:
        if result.status == "unscored":
            unscored.append(result.code)
        if result.score is None:
            continue
        any_scored = True
        level = profile.expected_level(stage, result.code) or 0
        attained += min(result.score, level)
        expected += level
        if result.score < level:
            short.append(result.code)
            if result.score == 0:
                zeros.append(result.code)
    if not expected:
        return StageAttainment(0, 0, "nothing_expected" if any_scored else "nothing_scored", None, ())
    cut = profile.ready_from
    reaches = 100 * attained * cut.denominator >= cut.numerator * expected
    candidates = (
        Finding("attainment_too_low", () if reaches else tuple(short)),
        Finding("practice_at_zero", tuple(zeros)),
        Finding("unscored", tuple(unscored)),
    )
    blocking = tuple(finding for finding in candidates if finding.practices)
    return StageAttainment(attained, expected, None, not blocking, blocking)
