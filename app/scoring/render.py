"""The readiness object as it goes over the wire: JSON, exact figures rounded, every null with its reason."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from app.scoring.agreement import Agreement
from app.scoring.canonical import encode_text
from app.scoring.evaluation import Evaluation, evaluate
from app.scoring.inputs import AssessmentInput, canonical_input, respondents_voted
from app.scoring.left_out import excluded_respondents, left_out
from app.scoring.path import Path
from app.scoring.priorities import Priority
from app.scoring.profile import ScoringProfile
from app.scoring.readiness import Readiness
from app.scoring.render_practice import GAP_TEXT, agreement_on_wire, practice_text
from app.scoring.rounding import to_wire
from app.scoring.sealed import sealed_result
from app.scoring.sheet import rules_of
from app.scoring.stages import StageAttainment
from app.scoring.types import SPEC, Finding, Instrument
from app.scoring.votes import count_letters

NOTICE: Final = (
    "A planning aid for the team that made it: not a ranking and not a sanction. "
    "None of the cut-offs used here has been validated for this instrument."
)
INTERVAL_STATEMENT: Final = (
    "The interval describes the spread between respondents, not the sampling error of a complete team."
)


def assess_json(given: AssessmentInput) -> bytes:
    """Score an assessment and render the readiness object.

    Args:
        given: the checked input.
    Returns:
        A JSON object with keys in a fixed order: the same input gives the same bytes. Numbers are rounded half-even
        to six decimals; what is undefined is null beside a machine-readable reason. No seat id and no respondent's
        own readiness is in it. While votes are sealed every figure is null with the reason `votes_sealed`, and
        `voting` is the only part that changes as people vote, so that an ETag can leave it out (`sealed_basis`).
    Source:
        scoring spec 1 to 5, 7 and 8.
    """
    body = sealed_text(given) if given.sealed else figures_text(given, evaluate(given))
    return f"{{{_head(given)},{body},{_NOTICE}}}".encode()


def assess(given: AssessmentInput) -> dict[str, Any]:
    """`assess_json` as data."""
    made: dict[str, Any] = json.loads(assess_json(given))
    return made


def sealed_basis(given: AssessmentInput) -> bytes:
    """Of a sealed assessment's readiness object everything but `voting`, which tells that somebody voted."""
    return f"{_head(given, voting=False)},{sealed_text(given)}".encode()


def figures_text(given: AssessmentInput, figures: Evaluation) -> str:
    """Render exact figures: the members of the readiness object that a sealed one leaves empty."""
    readiness, results, profile, invited = figures.readiness, figures.results, given.profile, len(given.seats)
    quorum = profile.quorum(invited)
    ranks = {item.code: item for item in figures.priorities}
    before = {
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
    }
    rules = rules_of(given.instrument, profile, given.stage)
    ratings = zip(figures.importance, figures.feasibility, strict=True)
    practices = [
        practice_text(
            rule, result, ranks.get(result.code), readiness, rated, profile=profile, invited=invited, quorum=quorum
        )
        for rule, result, rated in zip(rules, results, ratings, strict=True)
    ]
    priorities = [_priority(rank, item) for rank, item in enumerate(figures.priorities, 1)]
    opinions = {"agreement": _agreement(figures), "perception": _perception(figures)}
    after = {
        "stage_attainment": _stage(figures.stage),
        "finality": {"can_finalize": not figures.blockers, "blockers": _findings(figures.blockers)},
        "left_out": left_out(figures),
    }
    return (
        f'{_members(before)},"practices":[{",".join(practices)}],{_members(opinions)},'
        f'"priorities":[{",".join(priorities)}],{_members(after)}'
    )


def sealed_text(given: AssessmentInput) -> str:
    """Render what may be said before the reveal: the same members, and no figure in them."""
    body = sealed_result(given)
    body["perception"]["statement"] = INTERVAL_STATEMENT
    return _members(body)


def _members(value: Mapping[str, Any]) -> str:
    return encode_text(value)[1:-1]


_NOTICE: Final = _members({"notice": NOTICE})


@lru_cache(maxsize=256)
def _names(instrument: Instrument, profile: ScoringProfile) -> str:
    return _members({"spec": SPEC, "instrument": _name(instrument), "profile": _name(profile)})


def _name(item: Instrument | ScoringProfile) -> dict[str, str]:
    return {"key": item.key, "version": item.version, "content_hash": item.content_hash}


def _head(given: AssessmentInput, *, voting: bool = True) -> str:
    names, as_of = _names(given.instrument, given.profile), f'"{given.as_of.isoformat()}"' if given.as_of else "null"
    return (
        f'{names},"input_hash":"{sha256(canonical_input(given)).hexdigest()}","stage":{_text(given.stage)},'
        f'"as_of":{as_of},"sealed":{"true" if given.sealed else "false"}{_voting(given) if voting else ""}'
    )


_text = lru_cache(maxsize=4096)(encode_text)


def _voting(given: AssessmentInput) -> str:
    ballots, invited = given.ballots, len(given.seats)
    practices = [
        f'{{"code":{_text(practice.code)},"voted":{count_letters(ballots.get(practice.code, "")).voted}}}'
        for practice in given.instrument.practices
    ]
    return (
        f',"voting":{{"invited":{invited},"voted":{respondents_voted(ballots.values())},'
        f'"quorum":{given.profile.quorum(invited)},"practices":[{",".join(practices)}]}}'
    )


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
        "statement": INTERVAL_STATEMENT,
    }


def _priority(rank: int, item: Priority) -> str:
    return (
        f'{{"rank":{rank},"practice":{_text(item.code)},"priority":{item.value}.0,'
        f'"gap":{GAP_TEXT[item.score or 0]},"importance":{item.importance.value},'
        f'"feasibility":{item.feasibility.value},"flags":{_GAP_FLAGS[item.gap_unknown]}}}'
    )


_GAP_FLAGS: Final = ("[]", '["gap_unknown"]')


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
