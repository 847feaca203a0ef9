"""The readiness object while votes are sealed: the same shape, every figure None, the reason said everywhere."""

from typing import Any, Final

from app.scoring.inputs import AssessmentInput
from app.scoring.priorities import given_rating
from app.scoring.sheet import Sheet, sheet_of

SEALED: Final = "votes_sealed"


def sealed_result(given: AssessmentInput) -> dict[str, Any]:
    """Render what may be said before the reveal, apart from who-voted counts.

    Args:
        given: the checked input. Votes, consensus and what was left unscored are not looked at.
    Returns:
        The part of the readiness object that figures would fill.
    Source:
        scoring spec 1.2 and 9.
    """
    sheet = sheet_of(given.instrument, given.profile, given.stage, len(given.seats))
    return {
        "readiness": None,
        "readiness_mean": None,
        "in_place_share": None,
        "at_least_partial_share": None,
        "coverage": None,
        "bounds": None,
        "band": None,
        "reason": SEALED,
        "band_reason": SEALED,
        "cap_reasons": [],
        "provisional": [],
        "sums": None,
        "counts": {
            "practices": len(sheet.codes),
            "applicable": None,
            "scored": None,
            "not_applicable": None,
            "unscored": None,
        },
        "path_to_established": {"practices": None, "moves": None, "reason": SEALED},
        "practices": [_practice(given, sheet, place) for place in range(len(sheet.codes))],
        "agreement": _agreement(),
        "perception": {
            "mean": None,
            "reason": SEALED,
            "ci95": None,
            "ci95_reason": SEALED,
            "respondents": None,
            "excluded": [],
        },
        "priorities": [],
        "stage_attainment": {
            "value": None,
            "reason": SEALED,
            "attained": None,
            "expected": None,
            "ready_to_advance": None,
            "blocking": [],
        },
        "finality": {"can_finalize": False, "blockers": [{"reason": SEALED, "practices": []}]},
        "left_out": [],
    }


def _agreement() -> dict[str, Any]:
    nothing = {"value": None, "reason": SEALED, "units": None}
    return {
        "r_star_wg_j": dict(nothing),
        "alpha_ordinal": dict(nothing),
        "pairwise_exact": {**nothing, "agreeing_pairs": None, "pairs": None},
        "discuss_first": [],
    }


def _practice(given: AssessmentInput, sheet: Sheet, place: int) -> dict[str, Any]:
    """One practice: what the profile and the team set, and nothing from votes."""
    code = sheet.codes[place]
    importance = given_rating(given.importance[code]) if code in given.importance else sheet.importance[place]
    feasibility = given_rating(given.feasibility[code]) if code in given.feasibility else sheet.feasibility[place]
    return {
        "code": code,
        "number": sheet.instrument.practices[place].number,
        "status": None,
        "score": None,
        "source": None,
        "reason": SEALED,
        "flags": [],
        "votes": None,
        "perception": None,
        "vote_range": None,
        "r_wg": {"value": None, "label": None, "reason": SEALED},
        "consensus": None,
        "left_unscored": None,
        "weight": sheet.weights[place],
        "contribution": None,
        "importance": {"value": importance.value, "source": importance.origin},
        "feasibility": {"value": feasibility.value, "source": feasibility.origin},
        "expected_level": sheet.expected[place],
        "gap": None,
        "priority": None,
    }
