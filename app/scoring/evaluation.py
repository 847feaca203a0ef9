"""All exact figures of one assessment, before any of them is rounded or rendered."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from app.scoring.agreement import Agreement, discuss_first, ordinal_alpha, pairwise_exact, r_star_wg_j
from app.scoring.finality import finality
from app.scoring.inputs import AssessmentInput
from app.scoring.path import Path, Step, cheapest_path
from app.scoring.perception import Interval, OwnReadiness, mean_and_interval, own_readiness
from app.scoring.priorities import Priority, Rating, given_rating, rank_priorities
from app.scoring.profile import ScoringProfile
from app.scoring.readiness import Readiness, readiness_of_scores
from app.scoring.sheet import PracticeRules, rules_of
from app.scoring.stages import StageAttainment, stage_attainment
from app.scoring.types import NO_VOTE, NOT_APPLICABLE, Finding, Score
from app.scoring.votes import PracticeResult, count_letters, score_practice


class Evaluation(NamedTuple):
    """The exact figures of one assessment; practices by number, respondents by seat.

    `own` holds respondents' own readiness and must not be rendered.
    """

    results: tuple[PracticeResult, ...]
    readiness: Readiness
    path: Path
    r_star_wg_j: Agreement
    ordinal_alpha: Agreement
    pairwise_exact: Agreement
    discuss_first: list[str]
    own: Sequence[OwnReadiness]
    perception: Interval | None
    importance: Sequence[Rating]
    feasibility: Sequence[Rating]
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
    rules = rules_of(given.instrument, profile, given.stage)
    results = practice_results(given)
    importance = _ratings(rules, given.importance, [rule.importance for rule in rules])
    feasibility = _ratings(rules, given.feasibility, [rule.feasibility for rule in rules])
    scores = scores_of(results)
    readiness = readiness_of_scores(
        scores, profile, provisional=[result.code for result in results if result.source == "provisional"]
    )
    counts = [result.counts for result in results if result.status != "not_applicable"]
    own = _own(given, rules, results)
    feasible = {result.code: rating.value for result, rating in zip(results, feasibility, strict=True)}
    return Evaluation(
        results,
        readiness,
        path_to_established(scores, feasible, profile, readiness),
        r_star_wg_j(counts),
        ordinal_alpha(counts),
        pairwise_exact(counts),
        discuss_first(results),
        own,
        mean_and_interval([(50 * item.weighted_sum, item.weight) for item in own if item.reason is None]),
        importance,
        feasibility,
        rank_priorities(results, importance, feasibility),
        stage_attainment(results, given.stage, profile),
        finality(results, profile, has_administration_record=given.has_administration_record),
    )


def _ratings(rules: Sequence[PracticeRules], given: Mapping[str, int], defaults: Sequence[Rating]) -> Sequence[Rating]:
    if not given:
        return defaults
    return [
        given_rating(given[rule.practice.code]) if rule.practice.code in given else default
        for rule, default in zip(rules, defaults, strict=True)
    ]


def _own(
    given: AssessmentInput, rules: Sequence[PracticeRules], results: Sequence[PracticeResult]
) -> list[OwnReadiness]:
    nobody = NO_VOTE * len(given.seats)
    applicable = [rule for rule, result in zip(rules, results, strict=True) if result.status != "not_applicable"]
    ballots = [given.ballots.get(rule.practice.code, nobody) for rule in applicable]
    return own_readiness(ballots, [rule.weight for rule in applicable], len(given.seats), given.profile)


def practice_results(given: AssessmentInput) -> tuple[PracticeResult, ...]:
    """The result of every practice of the instrument, in order of number."""
    ballots, consensus, left = given.ballots, given.consensus, given.left_unscored
    return tuple(
        [
            score_practice(
                practice,
                count_letters(ballots.get(practice.code, "")),
                consensus.get(practice.code),
                left_unscored=practice.code in left,
            )
            for practice in given.instrument.practices
        ]
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
    rules = rules_of(given.instrument, given.profile, given.stage)
    own = _own(given, rules, practice_results(given))
    return {seat.id: item.value for seat, item in zip(given.seats, own, strict=True)}
