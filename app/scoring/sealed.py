"""The readiness object while votes are sealed: the same shape, every figure None, the reason said everywhere."""

from typing import Any, Final

from app.scoring.inputs import AssessmentInput
from app.scoring.render_practice import sealed_practice

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
    practices = given.instrument.practices
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
            "practices": len(practices),
            "applicable": None,
            "scored": None,
            "not_applicable": None,
            "unscored": None,
        },
        "path_to_established": {"practices": None, "moves": None, "reason": SEALED},
        "practices": [sealed_practice(given, practice) for practice in practices],
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
