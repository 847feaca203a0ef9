"""One practice of the readiness object, with all that its score and its place in the sums rest on."""

from typing import Any, Final

from app.scoring.agreement import Agreement, agreement_label, r_wg
from app.scoring.finality import lacks_note
from app.scoring.inputs import AssessmentInput
from app.scoring.priorities import Priority, Rating, feasibility_of, importance_of
from app.scoring.readiness import Readiness
from app.scoring.rounding import to_wire
from app.scoring.types import NOT_APPLICABLE, Consensus, Practice
from app.scoring.votes import PracticeResult, VoteCounts, has_note, note_needed, within_range

GAP_ON_WIRE: Final = (1.0, 0.5, 0.0)
"""Gap by score: the share of the scale that is missing."""


def render_practice(
    given: AssessmentInput,
    result: PracticeResult,
    rank: Priority | None,
    readiness: Readiness,
    ratings: tuple[Rating, Rating],
    *,
    quorum: int,
) -> dict[str, Any]:
    """Render one practice.

    Args:
        given: the checked input.
        result: the practice's result.
        rank: its priority; None where it is not applicable.
        readiness: the sums its contribution is a part of.
        ratings: its importance and feasibility.
        quorum: fewer voters than this are a low response.
    Returns:
        JSON-ready data; `contribution` is in points of readiness and sums to it over the practices.
    """
    counts, score, numeric = result.counts, result.score, result.counts.numeric
    profile = given.profile
    weight = profile.weight(result.code)
    points = 50 * weight * score if score is not None and readiness.reason is None else None
    agreement = r_wg(counts)
    return {
        "code": result.code,
        "number": result.number,
        "status": result.status,
        "score": score,
        "source": result.source,
        "reason": result.reason,
        "flags": _flags(result, rank, quorum),
        "votes": _votes(counts, len(given.seats)),
        "perception": to_wire(counts.total, numeric) if numeric else None,
        "vote_range": {"low": counts.low, "high": counts.high} if numeric else None,
        "r_wg": {
            "value": agreement_on_wire(agreement),
            "label": agreement_label(agreement, profile),
            "reason": agreement.reason,
        },
        "consensus": None if result.consensus is None else _consensus(result.consensus, counts),
        "left_unscored": result.left_unscored,
        "weight": weight,
        "contribution": None if points is None else to_wire(points, readiness.weight_scored),
        **_standing(given, result.code, ratings),
        "gap": None if rank is None else GAP_ON_WIRE[score or 0],
        "priority": None if rank is None else float(rank.value),
    }


def sealed_practice(given: AssessmentInput, practice: Practice) -> dict[str, Any]:
    """Render one practice while votes are sealed: what the profile and the team set, and nothing from votes."""
    expected = given.profile.expected_level(given.stage, practice.code)
    ratings = (
        importance_of(practice.code, given.importance, expected, given.profile),
        feasibility_of(practice.code, given.feasibility, given.profile),
    )
    return {
        "code": practice.code,
        "number": practice.number,
        "status": None,
        "score": None,
        "source": None,
        "reason": "votes_sealed",
        "flags": [],
        "votes": None,
        "perception": None,
        "vote_range": None,
        "r_wg": {"value": None, "label": None, "reason": "votes_sealed"},
        "consensus": None,
        "left_unscored": None,
        "weight": given.profile.weight(practice.code),
        "contribution": None,
        **_standing(given, practice.code, ratings),
        "gap": None,
        "priority": None,
    }


def agreement_on_wire(agreement: Agreement) -> float | None:
    """The rounded figure, or None."""
    return None if agreement.numerator is None else to_wire(agreement.numerator, agreement.denominator)


def _standing(given: AssessmentInput, code: str, ratings: tuple[Rating, Rating]) -> dict[str, Any]:
    importance, feasibility = ratings
    return {
        "importance": {"value": importance.value, "source": importance.origin},
        "feasibility": {"value": feasibility.value, "source": feasibility.origin},
        "expected_level": given.profile.expected_level(given.stage, code),
    }


def _votes(counts: VoteCounts, invited: int) -> dict[str, int]:
    return {
        "not_in_place": counts.zeros,
        "partially_in_place": counts.ones,
        "in_place": counts.twos,
        "dont_know": counts.dont_know,
        "not_applicable": counts.not_applicable,
        "voted": counts.voted,
        "invited": invited,
    }


def _consensus(consensus: Consensus, counts: VoteCounts) -> dict[str, Any]:
    comparable = consensus.value != NOT_APPLICABLE and counts.numeric > 0
    return {
        "value": consensus.value,
        "in_range": within_range(consensus.value, counts) if comparable else None,
        "needs_note": note_needed(consensus.value, counts),
        "has_note": has_note(consensus),
    }


def _flags(result: PracticeResult, rank: Priority | None, quorum: int) -> list[str]:
    raised = (
        ("low_response", result.counts.voted < quorum),
        ("gap_unknown", rank is not None and rank.gap_unknown),
        ("consensus_needs_note", lacks_note(result)),
    )
    return [flag for flag, is_raised in raised if is_raised]
