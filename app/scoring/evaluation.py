"""All exact figures of one assessment, before any of them is rounded or rendered."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from app.scoring.agreement import Agreement, discuss_first, ordinal_alpha, pairwise_exact, r_star_wg_j
from app.scoring.finality import finality
from app.scoring.inputs import AssessmentInput
from app.scoring.path import Path, Step, cheapest_path
from app.scoring.perception import Interval, OwnReadiness, mean_and_interval, own_readiness
from app.scoring.priorities import Priority, Rating, feasibility_of, importance_of, rank_priorities
from app.scoring.profile import ScoringProfile
from app.scoring.readiness import Readiness, readiness_of_scores
from app.scoring.stages import StageAttainment, stage_attainment
from app.scoring.types import NOT_APPLICABLE, Finding, Score
from app.scoring.votes import PracticeResult, practice_result


class Evaluation(NamedTuple):
    """The exact figures of one assessment. `own` holds respondents' own readiness and must not be rendered."""

    results: tuple[PracticeResult, ...]
    readiness: Readiness
    path: Path
    r_star_wg_j: Agreement
    ordinal_alpha: Agreement
    pairwise_exact: Agreement
    discuss_first: list[str]
    own: Mapping[str, OwnReadiness]
    perception: Interval | None
    importance: Mapping[str, Rating]
    feasibility: Mapping[str, Rating]
    priorities: list[Priority]
    stage: StageAttainment
    blockers: tuple[Finding, ...]


def evaluate(given: AssessmentInput) -> Evaluation:
    """Compute every figure of an assessment exactly.

    Args:
        given: the checked input; whether its votes are sealed is not looked at here.
    Returns:
        The figures of scoring spec 2 to 5, 7 and 8.
    """
    profile = given.profile
    results = practice_results(given)
    codes = [result.code for result in results]
    feasibility = {code: feasibility_of(code, given.feasibility, profile) for code in codes}
    importance = {
        code: importance_of(code, given.importance, profile.expected_level(given.stage, code), profile)
        for code in codes
    }
    scores = scores_of(results)
    readiness = readiness_of_scores(
        scores, profile, provisional=[result.code for result in results if result.source == "provisional"]
    )
    applicable = [result for result in results if result.status != "not_applicable"]
    counts = [result.counts for result in applicable]
    own = own_readiness([result.code for result in applicable], [seat.id for seat in given.seats], given.votes, profile)
    return Evaluation(
        results,
        readiness,
        path_to_established(scores, {code: rating.value for code, rating in feasibility.items()}, profile, readiness),
        r_star_wg_j(counts),
        ordinal_alpha(counts),
        pairwise_exact(counts),
        discuss_first(results),
        own,
        mean_and_interval([(50 * item.weighted_sum, item.weight) for item in own.values() if item.reason is None]),
        importance,
        feasibility,
        rank_priorities(results, importance, feasibility),
        stage_attainment(results, given.stage, profile),
        finality(results, profile, has_administration_record=given.has_administration_record),
    )


def practice_results(given: AssessmentInput) -> tuple[PracticeResult, ...]:
    """The result of every practice of the instrument, in order of number."""
    return tuple(
        practice_result(
            practice,
            given.votes.get(practice.code, {}).values(),
            consensus=given.consensus.get(practice.code),
            left_unscored=practice.code in given.left_unscored,
        )
        for practice in given.instrument.practices
    )


def scores_of(results: Sequence[PracticeResult]) -> dict[str, Score]:
    """Scores by practice code, as `readiness_of_scores` takes them."""
    return {r.code: NOT_APPLICABLE if r.status == "not_applicable" else r.score for r in results}


def path_to_established(
    scores: Mapping[str, Score], feasibility: Mapping[str, int], profile: ScoringProfile, readiness: Readiness
) -> Path:
    """The shortest way from practice scores to the gated band of the profile.

    Args:
        scores: score by practice code, in order of practice number.
        feasibility: 1 to 5 by practice code.
        profile: weights, the band to reach and its gates.
        readiness: `readiness_of_scores` of the same scores.
    Returns:
        The practices to lift, or None with the reason `too_many_not_applicable`, `unscored` or `nothing_scored`.
        Gates on provisional scores are no moves: a path of none may still need a consensus.
    Source:
        scoring spec 3.
    """
    if readiness.reason == "too_many_not_applicable":
        return Path(None, readiness.reason)
    if readiness.scored < readiness.applicable:
        return Path(None, "unscored")
    steps = [
        Step(code, score, profile.weight(code), feasibility[code])
        for code, score in scores.items()
        if isinstance(score, int)
    ]
    practices = cheapest_path(steps, profile.established_from, lift_zeros="practice_at_zero" in profile.gates)
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
    applicable = [result.code for result in practice_results(given) if result.status != "not_applicable"]
    own = own_readiness(applicable, [seat.id for seat in given.seats], given.votes, given.profile)
    return {seat: item.value for seat, item in own.items()}
