"""All exact figures of one assessment, before any of them is rounded or rendered."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import compress
from typing import NamedTuple

from app.scoring.agreement import Agreement, discuss_first, ordinal_alpha, pairwise_exact, r_star_wg_j
from app.scoring.finality import finality
from app.scoring.inputs import AssessmentInput
from app.scoring.path import Path, cheapest_path
from app.scoring.perception import Interval, OwnReadiness, mean_and_interval, own_readiness
from app.scoring.priorities import Priority, Rating, given_rating, priority_of, rank_priorities
from app.scoring.readiness import Readiness, sum_up
from app.scoring.results import Results, results_of
from app.scoring.stages import StageAttainment, stage_attainment
from app.scoring.types import NO_VOTE, Finding


class Evaluation(NamedTuple):
    """The exact figures of one assessment.

    What is said of practices stands in order of number, and of respondents in order of seat. `own` holds respondents'
    own readiness and must not be rendered.
    """

    results: Results
    readiness: Readiness
    path: Path
    r_star_wg_j: Agreement
    ordinal_alpha: Agreement
    pairwise_exact: Agreement
    discuss_first: list[int]
    """Places of practices."""
    own: Sequence[OwnReadiness]
    perception: Interval | None
    importance: Sequence[Rating]
    feasibility: Sequence[Rating]
    of_practices: Sequence[Priority | None]
    """Priorities of the practices; None where one is not applicable."""
    priorities: list[Priority]
    """The same, ranked."""
    stage: StageAttainment
    blockers: tuple[Finding, ...]


def evaluate(given: AssessmentInput) -> Evaluation:
    """Compute every figure of an assessment exactly.

    Args:
        given: the checked input; whether its votes are sealed is not looked at here.
    Returns:
        The figures of scoring spec 2 to 5, 7 and 8.
    """
    results = results_of(given)
    sheet, outcomes = results.sheet, results.outcomes
    scores = [outcome.score for outcome in outcomes]
    readiness = sum_up(sheet.codes, sheet.weights, scores, sheet.profile, results.marks)
    importance = _ratings(sheet.codes, given.importance, sheet.importance)
    feasibility = _ratings(sheet.codes, given.feasibility, sheet.feasibility)
    of_practices = [
        None if outcome.status == "not_applicable" else priority_of(code, outcome.score, important, feasible)
        for code, outcome, important, feasible in zip(sheet.codes, outcomes, importance, feasibility, strict=True)
    ]
    counts = [outcome.counts for outcome in outcomes if outcome.status != "not_applicable"]
    own = _own(given, results)
    return Evaluation(
        results,
        readiness,
        path_to_established(results, feasibility, readiness),
        r_star_wg_j(counts),
        ordinal_alpha(counts),
        pairwise_exact(counts),
        discuss_first(outcomes),
        own,
        mean_and_interval([(50 * item.weighted_sum, item.weight) for item in own if item.reason is None]),
        importance,
        feasibility,
        of_practices,
        rank_priorities(filter(None, of_practices)),
        stage_attainment(results),
        finality(results, has_administration_record=given.has_administration_record),
    )


def _ratings(codes: Sequence[str], given: Mapping[str, int], defaults: Sequence[Rating]) -> Sequence[Rating]:
    if not given:
        return defaults
    return [
        given_rating(given[code]) if code in given else default for code, default in zip(codes, defaults, strict=True)
    ]


def _own(given: AssessmentInput, results: Results) -> list[OwnReadiness]:
    sheet, ballots = results.sheet, given.ballots
    nobody = NO_VOTE * sheet.seats
    cast: Sequence[str] = [ballots.get(code) or nobody for code in sheet.codes]
    weights: Sequence[int] = sheet.weights
    if results.marks.not_applicable:
        applies = [outcome.status != "not_applicable" for outcome in results.outcomes]
        cast, weights = list(compress(cast, applies)), list(compress(weights, applies))
    return own_readiness(cast, weights, sheet.seats, sheet.profile)


def path_to_established(results: Results, feasibility: Sequence[Rating], readiness: Readiness) -> Path:
    """The shortest way from practice scores to the gated band of the profile.

    Args:
        results: what the practices come to.
        feasibility: theirs, in order of number.
        readiness: of their scores.
    Returns:
        The practices to lift, or None with the reason `too_many_not_applicable`, `unscored` or `nothing_scored`.
        Gates on provisional scores are no moves: a path of none may still need a consensus.
    Source:
        scoring spec 3.
    """
    if readiness.reason == "too_many_not_applicable":
        return Path(None, readiness.reason)
    if results.marks.unscored:
        return Path(None, "unscored")
    sheet = results.sheet
    steps = [
        (code, outcome.score, weight, rating.value)
        for code, outcome, weight, rating in zip(sheet.codes, results.outcomes, sheet.weights, feasibility, strict=True)
        if outcome.score is not None
    ]
    practices = cheapest_path(steps, sheet.target, lift_zeros="practice_at_zero" in sheet.profile.gates)
    return Path(practices, readiness.reason)


def respondent_readiness(given: AssessmentInput) -> dict[str, Fraction | None]:
    """Each respondent's own readiness, for that respondent alone.

    Args:
        given: the checked input.
    Returns:
        Readiness 0 to 100, exact, by seat id; None where it does not count. No rendered result carries these.
    Source:
        scoring spec 5.
    """
    own = _own(given, results_of(given))
    return {seat.id: item.value for seat, item in zip(given.seats, own, strict=True)}
