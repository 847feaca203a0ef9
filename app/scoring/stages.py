"""What the stage of implementation expects, and how much of it is attained (scoring spec 8)."""

from fractions import Fraction
from typing import NamedTuple

from app.scoring.results import Results
from app.scoring.types import Finding


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


def stage_attainment(results: Results) -> StageAttainment:
    """Attainment of what the profile expects in a stage.

    Args:
        results: what the practices come to; their sheet says what the stage expects of them, and the attainment from
            which a team may be ready to advance.
    Returns:
        100 x sum(min(s, e)) / sum(e) over scored applicable practices; no weights enter. The reason for none is
        `no_stage`, `nothing_scored`, or `nothing_expected` of what is scored. Ready to advance (advice, no more)
        needs that attainment, no practice at 0 of which anything is expected, and none unscored; `blocking` says
        what stands in the way.
    Source:
        scoring spec 8.
    """
    sheet = results.sheet
    if sheet.stage is None:
        return StageAttainment(0, 0, "no_stage", None, ())
    attained = expected = 0
    short: list[str] = []
    zeros: list[str] = []
    scores = [outcome.score for outcome in results.outcomes]
    for code, level, score in zip(sheet.codes, sheet.expected, scores, strict=True):
        if score is None or not level:
            continue
        expected += level
        if score >= level:
            attained += level
            continue
        attained += score
        short.append(code)
        if score == 0:
            zeros.append(code)
    if not expected:
        reason = "nothing_scored" if scores.count(None) == len(scores) else "nothing_expected"
        return StageAttainment(0, 0, reason, None, ())
    cut = sheet.profile.ready_from
    reaches = 100 * attained * cut.denominator >= cut.numerator * expected
    blocking = (
        ("attainment_too_low", [] if reaches else short),
        ("practice_at_zero", zeros),
        ("unscored", results.marks.unscored),
    )
    findings = tuple([Finding(reason, tuple(codes)) for reason, codes in blocking if codes])
    return StageAttainment(attained, expected, None, not findings, findings)
