"""Score an assessment: exact figures from every section of the specification, rounded once into one result."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from app.scoring.agreement import (
    Agreement,
    agreement_label,
    discuss_first,
    ordinal_alpha,
    pairwise_exact,
    r_star_wg_j,
    within_group_agreement,
)
from app.scoring.context import ScoringContext, group_practices, make_context, score_practices
from app.scoring.exclusions import list_exclusions
from app.scoring.finality import find_blockers
from app.scoring.inputs import AssessmentInput, count_voters, hash_input
from app.scoring.path import Path, cheapest_path
from app.scoring.perception import Interval, OwnReadiness, compute_own_readiness, count_excluded, mean_and_interval
from app.scoring.priorities import Priority, compute_priority, rank_priorities
from app.scoring.profile import ScoringProfile
from app.scoring.readiness import PracticeGroups, Readiness, compute_readiness
from app.scoring.result import (
    AgreementFigure,
    AgreementResult,
    Counts,
    ExcludedRespondents,
    Finality,
    PairwiseExact,
    PathToEstablished,
    Perception,
    PracticeAgreement,
    PracticeConsensus,
    PracticeResult,
    PracticeSignal,
    PracticeVotes,
    PracticeVoting,
    RankedPriority,
    Result,
    SignalMetric,
    StageResult,
    Sums,
    VersionedItem,
    VoteRange,
    Voting,
)
from app.scoring.rounding import fraction_to_wire, to_wire
from app.scoring.sealed import SEALED_FIGURES, list_sealed_practices
from app.scoring.signal import CONTRADICTION, MISSING, SMALL, Coverage, Signal, contradicts
from app.scoring.stages import StageAttainment, stage_attainment
from app.scoring.types import NO_VOTE, NOT_APPLICABLE, WIRE_VOTES, Instrument
from app.scoring.votes import PracticeOutcome, VoteCounts, in_vote_range


def assess(assessment: AssessmentInput) -> Result:
    """Score an assessment.

    Args:
        assessment: the checked input.
    Returns:
        The readiness object. Numbers are rounded half-even to six decimals; an undefined figure is None with a
        machine-readable reason. It holds no seat id and no respondent's own readiness. While votes are sealed every
        figure is None with the reason `votes_sealed`, and `voting` is the only part that changes as people vote.
    Source:
        scoring spec 1 to 5, 7 and 8.
    """
    context = make_context(assessment)
    figures = _compute_figures(assessment, context)
    return Result(
        **assessment.subject._asdict(),
        instrument=_identify(assessment.instrument),
        profile=_identify(assessment.profile),
        input_hash=hash_input(assessment),
        stage=assessment.stage,
        as_of=assessment.as_of,
        sealed=assessment.sealed,
        voting=_count_voting(assessment, context),
        **figures,
    )


def respondent_readiness(assessment: AssessmentInput) -> dict[str, Fraction | None]:
    """Compute each respondent's own readiness, for that respondent alone.

    Returns:
        Readiness 0 to 100, exact, by seat id; None where it does not count. No result carries these.
    Source:
        scoring spec 5.
    """
    own = _score_respondents(assessment, make_context(assessment), score_practices(assessment))
    return {seat.id: one.value for seat, one in zip(assessment.seats, own, strict=True)}


def _compute_figures(assessment: AssessmentInput, context: ScoringContext) -> dict[str, Any]:
    """Compute the figures; None in place of each while votes are sealed."""
    if assessment.sealed:
        return {
            **SEALED_FIGURES,
            "counts": Counts(len(context.codes), None, None, None, None),
            "practices": list_sealed_practices(context),
        }
    codes, profile = context.codes, context.profile
    outcomes = score_practices(assessment)
    groups = group_practices(codes, outcomes)
    levels = [outcome.score for outcome in outcomes]
    readiness = compute_readiness(codes, context.weights, levels, profile, groups)
    priorities = _compute_priorities(context, outcomes)
    agreements = [within_group_agreement(outcome.counts) for outcome in outcomes]
    own = _score_respondents(assessment, context, outcomes)
    excluded = count_excluded(own)
    stage = stage_attainment(codes, levels, context.expected, groups.unscored, profile, stage=assessment.stage)
    blockers = find_blockers(
        codes, outcomes, groups, profile, has_administration_record=assessment.has_administration_record
    )
    return {
        **_round_readiness(readiness),
        "provisional": groups.provisional,
        "path_to_established": _round_path(_find_path(context, outcomes, groups, readiness)),
        "practices": _round_practices(context, outcomes, agreements, priorities, readiness),
        "agreement": _round_agreement(codes, outcomes, agreements),
        "perception": _round_perception(own, excluded),
        "priorities": _round_priorities([one for one in priorities if one is not None]),
        "stage_attainment": _round_stage(stage),
        "finality": Finality(not blockers, blockers),
        "left_out": list_exclusions(codes, outcomes, groups, excluded),
    }


def _score_respondents(
    assessment: AssessmentInput, context: ScoringContext, outcomes: Sequence[PracticeOutcome]
) -> list[OwnReadiness]:
    rows, weights = [], []
    for row, weight, outcome in zip(assessment.votes, context.weights, outcomes, strict=True):
        if outcome.status != "not_applicable":
            rows.append(row)
            weights.append(weight)
    return compute_own_readiness(rows, weights, context.seats, context.profile)


def _find_path(
    context: ScoringContext, outcomes: Sequence[PracticeOutcome], groups: PracticeGroups, readiness: Readiness
) -> Path:
    """Find the shortest path to the highest band, whatever the gate on provisional scores says (scoring spec 3)."""
    if readiness.reason == "too_many_not_applicable":
        return Path(None, readiness.reason)
    if groups.unscored:
        return Path(None, "unscored")
    rows = zip(context.codes, outcomes, context.weights, context.feasibility, strict=True)
    steps = [(code, one.score, weight, rating.value) for code, one, weight, rating in rows if one.score is not None]
    return Path(cheapest_path(steps, context.profile.established_from), readiness.reason)


def _compute_priorities(context: ScoringContext, outcomes: Sequence[PracticeOutcome]) -> list[Priority | None]:
    rows = zip(context.codes, outcomes, context.importance, context.feasibility, strict=True)
    return [
        None if one.status == "not_applicable" else compute_priority(code, one.score, important.value, feasible.value)
        for code, one, important, feasible in rows
    ]


def _identify(item: Instrument | ScoringProfile) -> VersionedItem:
    return VersionedItem(item.key, item.version, item.content_hash)


def _count_voting(assessment: AssessmentInput, context: ScoringContext) -> Voting:
    voted = [len(row) - row.count(NO_VOTE) for row in assessment.votes]
    practices = [PracticeVoting(code, count) for code, count in zip(context.codes, voted, strict=True)]
    return Voting(context.seats, count_voters(assessment.votes), context.quorum, practices)


def _round_readiness(exact: Readiness) -> dict[str, Any]:
    weight = exact.weight_scored
    scored, applicable, whole = exact.scored, exact.applicable, exact.weight_applicable
    low = 50 * exact.weighted_sum
    high = low + 100 * exact.weight_unscored
    return {
        "readiness": None if exact.reason else to_wire(50 * exact.weighted_sum, weight),
        "readiness_mean": None if exact.reason else to_wire(exact.weighted_sum, weight),
        "in_place_share": to_wire(100 * exact.in_place, scored) if scored else None,
        "at_least_partial_share": to_wire(100 * exact.at_least_partial, scored) if scored else None,
        "coverage": to_wire(scored, applicable) if applicable else None,
        "bounds": (to_wire(low, whole), to_wire(high, whole)) if exact.has_bounds else None,
        "band": exact.band,
        "reason": exact.reason,
        "band_reason": exact.band_reason,
        "cap_reasons": exact.cap_reasons,
        "sums": Sums(exact.weighted_sum, weight, whole),
        "counts": Counts(exact.practices, applicable, scored, exact.practices - applicable, applicable - scored),
    }


def _round_path(path: Path) -> PathToEstablished:
    if path.practices is None:
        return PathToEstablished(None, None, path.reason)
    return PathToEstablished(path.practices, len(path.practices), None)


def _round_practices(
    context: ScoringContext,
    outcomes: Sequence[PracticeOutcome],
    agreements: Sequence[Agreement],
    priorities: Sequence[Priority | None],
    readiness: Readiness,
) -> list[PracticeResult]:
    rows = zip(
        context.practices,
        outcomes,
        agreements,
        priorities,
        context.weights,
        context.importance,
        context.feasibility,
        context.expected,
        context.signals,
        strict=True,
    )
    return [
        PracticeResult(
            practice.code,
            practice.number,
            practice.title,
            outcome.status,
            outcome.score,
            outcome.source,
            outcome.reason,
            _list_flags(outcome, context.quorum, signal),
            _list_votes(outcome.counts, context.seats),
            _average_votes(outcome.counts),
            VoteRange(outcome.counts.low, outcome.counts.high) if outcome.counts.numeric else None,
            _round_within_group(outcome, agreement, context.profile),
            _relate_consensus(outcome),
            outcome.left_unscored,
            weight,
            _round_contribution(weight, outcome.score, readiness),
            importance,
            feasibility,
            expected,
            None if priority is None else priority.missing_levels / 2,
            None if priority is None else float(priority.value),
            _list_signal(signal),
        )
        for practice, outcome, agreement, priority, weight, importance, feasibility, expected, signal in rows
    ]


def _average_votes(counts: VoteCounts) -> float | None:
    return to_wire(counts.total, counts.numeric) if counts.numeric else None


def _round_contribution(weight: int, score: int | None, readiness: Readiness) -> float | None:
    if score is None or readiness.reason is not None:
        return None
    return to_wire(50 * weight * score, readiness.weight_scored)


def _list_flags(outcome: PracticeOutcome, quorum: int, signal: Signal | None) -> list[str]:
    flags = []
    if outcome.counts.voted < quorum:
        flags.append("low_response")
    if outcome.status == "unscored":
        flags.append("gap_unknown")
    if outcome.lacks_note:
        flags.append("consensus_needs_note")
    if contradicts(signal, outcome):
        flags.append(CONTRADICTION)
    return flags


def _list_signal(signal: Signal | None) -> PracticeSignal | None:
    if signal is None:
        return None
    return PracticeSignal(
        signal.level, signal.reason, [_show_coverage(metric, one) for metric, one in signal.coverages.items()]
    )


def _show_coverage(metric: str, one: Coverage | None) -> SignalMetric:
    if one is None:
        return SignalMetric(metric, None, MISSING, None, None, None, None, None)
    return SignalMetric(metric, one.level, SMALL if one.level is None else None, *one)


def _list_votes(counts: VoteCounts, seats: int) -> PracticeVotes:
    return PracticeVotes(
        counts.zeros, counts.ones, counts.twos, counts.dont_know, counts.not_applicable, counts.voted, seats
    )


def _round_within_group(outcome: PracticeOutcome, exact: Agreement, profile: ScoringProfile) -> PracticeAgreement:
    if outcome.status == "not_applicable":
        return PracticeAgreement(None, None, "not_applicable")
    return PracticeAgreement(_round_figure(exact), agreement_label(exact, profile), exact.reason)


def _relate_consensus(outcome: PracticeOutcome) -> PracticeConsensus | None:
    value, counts = outcome.consensus, outcome.counts
    if value is None:
        return None
    in_range = in_vote_range(value, counts) if value != NOT_APPLICABLE and counts.numeric else None
    return PracticeConsensus(WIRE_VOTES[value] or 0, in_range, outcome.needs_note, outcome.has_note)


def _round_agreement(
    codes: Sequence[str], outcomes: Sequence[PracticeOutcome], agreements: Sequence[Agreement]
) -> AgreementResult:
    counts = [outcome.counts for outcome in outcomes if outcome.status != "not_applicable"]
    star, alpha, pairs = r_star_wg_j(counts), ordinal_alpha(counts), pairwise_exact(counts)
    return AgreementResult(
        AgreementFigure(_round_figure(star), star.reason, star.units),
        AgreementFigure(_round_figure(alpha), alpha.reason, alpha.units),
        PairwiseExact(
            _round_figure(pairs),
            pairs.reason,
            pairs.units,
            pairs.numerator,
            None if pairs.numerator is None else pairs.denominator,
        ),
        [codes[position] for position in discuss_first(outcomes, agreements)],
    )


def _round_figure(exact: Agreement) -> float | None:
    return None if exact.numerator is None else to_wire(exact.numerator, exact.denominator)


def _round_perception(own: Sequence[OwnReadiness], excluded: Sequence[tuple[str, int]]) -> Perception:
    interval = mean_and_interval([(50 * one.weighted_sum, one.weight) for one in own if one.reason is None])
    counting = len(own) - sum([number for _, number in excluded])
    left = [ExcludedRespondents(reason, number) for reason, number in excluded]
    if interval is None:
        return Perception(None, "no_counting_respondents", None, "too_few_respondents", counting, left)
    mean, ci95 = to_wire(interval.numerator, interval.denominator), _round_interval(interval)
    return Perception(mean, None, ci95, "too_few_respondents" if ci95 is None else None, counting, left)


def _round_interval(interval: Interval) -> tuple[float, float] | None:
    return None if interval.ci95 is None else (round(interval.ci95[0], 6), round(interval.ci95[1], 6))


def _round_priorities(priorities: Sequence[Priority]) -> list[RankedPriority]:
    return [
        RankedPriority(
            rank,
            one.code,
            float(one.value),
            one.missing_levels / 2,
            one.importance,
            one.feasibility,
            ["gap_unknown"] if one.gap_unknown else [],
        )
        for rank, one in enumerate(rank_priorities(priorities), 1)
    ]


def _round_stage(exact: StageAttainment) -> StageResult:
    has_value = exact.reason is None
    return StageResult(
        fraction_to_wire(exact.value),
        exact.reason,
        exact.attained if has_value else None,
        exact.expected if has_value else None,
        exact.ready_to_advance,
        exact.blocking,
    )
