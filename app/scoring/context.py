"""The facts of the practices that all figures of an assessment use, and the scores of the practices."""

from typing import NamedTuple

from app.scoring.inputs import AssessmentInput
from app.scoring.priorities import Rating, rate_importance
from app.scoring.profile import ScoringProfile
from app.scoring.readiness import PracticeGroups
from app.scoring.signal import Signal, compute_signal
from app.scoring.types import Practice
from app.scoring.votes import PracticeOutcome, count_votes, score_practice


class ScoringContext(NamedTuple):
    """What instrument, profile, stage and team say about the practices. Sequences have the shape (practices,)."""

    practices: tuple[Practice, ...]
    profile: ScoringProfile
    seats: int
    """Number of respondent seats."""
    quorum: int
    """A practice with fewer voters than this has a low response."""
    codes: tuple[str, ...]
    weights: list[int]
    """Weights, 0 to 100."""
    expected: list[int | None]
    """The lowest level that the stage expects of a practice; None: it expects none."""
    importance: list[Rating]
    feasibility: list[Rating]
    signals: list[Signal | None]
    """What systems report; None: nothing."""


def make_context(assessment: AssessmentInput) -> ScoringContext:
    """Collect the facts of the practices. They do not depend on votes."""
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
        [compute_signal(practice, assessment.coverages) for practice in assessment.instrument.practices],
    )


def score_practices(assessment: AssessmentInput) -> list[PracticeOutcome]:
    """Score every practice of an assessment, in order of number (scoring spec 2)."""
    rows = zip(assessment.votes, assessment.consensus, assessment.left_unscored, strict=True)
    return [score_practice(count_votes(row), consensus=agreed, left_unscored=left) for row, agreed, left in rows]


def group_practices(codes: tuple[str, ...], outcomes: list[PracticeOutcome]) -> PracticeGroups:
    """List the codes of the practices that do not apply, are unscored, or have a provisional score."""
    rows = list(zip(codes, outcomes, strict=True))
    return PracticeGroups(
        [code for code, outcome in rows if outcome.status == "not_applicable"],
        [code for code, outcome in rows if outcome.status == "unscored"],
        [code for code, outcome in rows if outcome.source == "provisional"],
    )
