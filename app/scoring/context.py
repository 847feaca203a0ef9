"""What the figures of one assessment share: the practices, what profile and stage say of them, and their outcomes."""

from typing import NamedTuple

from app.scoring.inputs import AssessmentInput
from app.scoring.priorities import Rating, rate_importance
from app.scoring.profile import ScoringProfile
from app.scoring.readiness import PracticeGroups
from app.scoring.types import Practice
from app.scoring.votes import Outcome, count_votes, score_practice


class ScoringContext(NamedTuple):
    """Rows of shape (practices,), in order of practice number, and the profile they come from."""

    practices: tuple[Practice, ...]
    profile: ScoringProfile
    seats: int
    """Number of respondent seats."""
    quorum: int
    """Fewer voters than this on a practice are a low response."""
    codes: tuple[str, ...]
    weights: list[int]
    """0 to 100."""
    expected: list[int | None]
    """Least levels that the stage expects; None where it expects none."""
    importance: list[Rating]
    feasibility: list[Rating]


def make_context(assessment: AssessmentInput) -> ScoringContext:
    """Collect what instrument, profile, stage and team say of the practices; votes are not looked at."""
    profile, codes, seats = assessment.profile, assessment.instrument.codes, len(assessment.seats)
    expected = profile.expected_levels_of(assessment.stage, codes)
    feasible = Rating(profile.feasibility, "default")
    return ScoringContext(
        assessment.instrument.practices,
        profile,
        seats,
        profile.quorum(seats),
        codes,
        [profile.weight(code) for code in codes],
        expected,
        rate_importance(assessment.importance, expected, profile),
        [feasible if own is None else Rating(own, "given") for own in assessment.feasibility],
    )


def score_practices(assessment: AssessmentInput) -> list[Outcome]:
    """Score every practice of an assessment, in order of number (scoring spec 2)."""
    rows = zip(assessment.votes, assessment.consensus, assessment.left_unscored, strict=True)
    return [score_practice(count_votes(row), consensus=agreed, left_unscored=left) for row, agreed, left in rows]


def group_practices(codes: tuple[str, ...], outcomes: list[Outcome]) -> PracticeGroups:
    """Name the practices that do not apply, are unscored, or are merely provisional."""
    rows = list(zip(codes, outcomes, strict=True))
    return PracticeGroups(
        [code for code, outcome in rows if outcome.status == "not_applicable"],
        [code for code, outcome in rows if outcome.status == "unscored"],
        [code for code, outcome in rows if outcome.source == "provisional"],
    )
