"""The readiness object as it goes over the wire: exact figures rounded, every null with its reason."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from app.scoring.agreement import Agreement
from app.scoring.evaluation import Evaluation, evaluate
from app.scoring.inputs import AssessmentInput, canonical_input, name_of, respondents_voted
from app.scoring.left_out import excluded_respondents, left_out
from app.scoring.path import Path
from app.scoring.priorities import Priority
from app.scoring.readiness import Readiness
from app.scoring.render_practice import GAP_ON_WIRE, agreement_on_wire, render_practice
from app.scoring.rounding import to_wire
from app.scoring.sealed import sealed_result
from app.scoring.stages import StageAttainment
from app.scoring.types import SPEC, Finding

NOTICE: Final = (
    "A planning aid for the team that made it: not a ranking and not a sanction. "
    "None of the cut-offs used here has been validated for this instrument."
)
INTERVAL_STATEMENT: Final = (
    "The interval describes the spread between respondents, not the sampling error of a complete team."
)


def assess(given: AssessmentInput) -> dict[str, Any]:
    """Score an assessment and render the readiness object.

    Args:
        given: the checked input.
    Returns:
        JSON-ready data with keys in a fixed order: the same input gives the same bytes. Numbers are rounded half-even
        to six decimals; what is undefined is None beside a machine-readable reason. No seat id and no respondent's
        own readiness is in it. While votes are sealed every figure is None with the reason `votes_sealed`, and
        `voting` is the only part that changes as people vote, so that an ETag can leave it out.
    Source:
        scoring spec 1 to 5, 7 and 8.
    """
    body = sealed_result(given) if given.sealed else render_figures(given, evaluate(given))
    body["perception"]["statement"] = INTERVAL_STATEMENT
    return {**_head(given), **body, "notice": NOTICE}


def render_figures(given: AssessmentInput, figures: Evaluation) -> dict[str, Any]:
    """Render exact figures: the part of the readiness object that a sealed one leaves empty."""
    readiness = figures.readiness
    results = figures.results
    quorum = given.profile.quorum(len(given.seats))
    ranks = {item.code: item for item in figures.priorities}
    return {
        **_readiness(readiness),
        "provisional": [result.code for result in results if result.source == "provisional"],
        "sums": {
            "weighted_sum": readiness.weighted_sum,
            "weight_scored": readiness.weight_scored,
            "weight_applicable": readiness.weight_applicable,
        },
        "counts": {
            "practices": readiness.practices,
            "applicable": readiness.applicable,
            "scored": readiness.scored,
            "not_applicable": readiness.practices - readiness.applicable,
            "unscored": readiness.applicable - readiness.scored,
        },
        "path_to_established": _path(figures.path),
        "practices": [
            render_practice(
                given,
                result,
                ranks.get(result.code),
                readiness,
                (figures.importance[result.code], figures.feasibility[result.code]),
                quorum=quorum,
            )
            for result in results
        ],
        "agreement": _agreement(figures),
        "perception": _perception(figures),
        "priorities": [_priority(rank, item) for rank, item in enumerate(figures.priorities, 1)],
        "stage_attainment": _stage(figures.stage),
        "finality": {"can_finalize": not figures.blockers, "blockers": _findings(figures.blockers)},
        "left_out": left_out(figures),
    }


def _head(given: AssessmentInput) -> dict[str, Any]:
    votes = given.votes
    return {
        "spec": SPEC,
        "instrument": name_of(given.instrument),
        "profile": name_of(given.profile),
        "input_hash": sha256(canonical_input(given)).hexdigest(),
        "stage": given.stage,
        "as_of": None if given.as_of is None else given.as_of.isoformat(),
        "sealed": given.sealed,
        "voting": {
            "invited": len(given.seats),
            "voted": respondents_voted(votes.values()),
            "quorum": given.profile.quorum(len(given.seats)),
            "practices": [
                {"code": practice.code, "voted": len(votes.get(practice.code, ()))}
                for practice in given.instrument.practices
            ],
        },
    }


def _readiness(figures: Readiness) -> dict[str, Any]:
    scored, weight, defined = figures.scored, figures.weight_scored, figures.reason is None
    return {
        "readiness": to_wire(50 * figures.weighted_sum, weight) if defined else None,
        "readiness_mean": to_wire(figures.weighted_sum, weight) if defined else None,
        "in_place_share": to_wire(100 * figures.in_place, scored) if scored else None,
        "at_least_partial_share": to_wire(100 * figures.at_least_partial, scored) if scored else None,
        "coverage": to_wire(scored, figures.applicable) if figures.applicable else None,
        "bounds": _bounds(figures),
        "band": figures.band,
        "reason": figures.reason,
        "band_reason": figures.band_reason,
        "cap_reasons": _findings(figures.cap_reasons),
    }


def _bounds(figures: Readiness) -> list[float] | None:
    if not figures.has_bounds:
        return None
    low = 50 * figures.weighted_sum
    return [
        to_wire(low, figures.weight_applicable),
        to_wire(low + 100 * figures.weight_unscored, figures.weight_applicable),
    ]


def _path(path: Path) -> dict[str, Any]:
    if path.practices is None:
        return {"practices": None, "moves": None, "reason": path.reason}
    return {"practices": list(path.practices), "moves": len(path.practices), "reason": None}


def _agreement(figures: Evaluation) -> dict[str, Any]:
    pairs = figures.pairwise_exact
    return {
        "r_star_wg_j": _agreement_figure(figures.r_star_wg_j),
        "alpha_ordinal": _agreement_figure(figures.ordinal_alpha),
        "pairwise_exact": {
            **_agreement_figure(pairs),
            "agreeing_pairs": pairs.numerator,
            "pairs": None if pairs.numerator is None else pairs.denominator,
        },
        "discuss_first": figures.discuss_first,
    }


def _agreement_figure(agreement: Agreement) -> dict[str, Any]:
    return {"value": agreement_on_wire(agreement), "reason": agreement.reason, "units": agreement.units}


def _perception(figures: Evaluation) -> dict[str, Any]:
    interval, excluded = figures.perception, excluded_respondents(figures)
    counting = len(figures.own) - sum(item["respondents"] for item in excluded)
    ci95 = interval.ci95 if interval else None
    return {
        "mean": to_wire(interval.numerator, interval.denominator) if interval else None,
        "reason": None if interval else "no_counting_respondents",
        "ci95": [round(limit, 6) for limit in ci95] if ci95 else None,
        "ci95_reason": None if ci95 else "too_few_respondents",
        "respondents": counting,
        "excluded": excluded,
    }


def _priority(rank: int, item: Priority) -> dict[str, Any]:
    return {
        "rank": rank,
        "practice": item.code,
        "priority": float(item.value),
        "gap": GAP_ON_WIRE[item.score or 0],
        "importance": item.importance.value,
        "feasibility": item.feasibility.value,
        "flags": ["gap_unknown"] if item.gap_unknown else [],
    }


def _stage(stage: StageAttainment) -> dict[str, Any]:
    defined = stage.reason is None
    return {
        "value": to_wire(100 * stage.attained, stage.expected) if defined else None,
        "reason": stage.reason,
        "attained": stage.attained if defined else None,
        "expected": stage.expected if defined else None,
        "ready_to_advance": stage.ready_to_advance,
        "blocking": _findings(stage.blocking),
    }


def _findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [{"reason": finding.reason, "practices": list(finding.practices)} for finding in findings]
