"""What a figure does not rest on, and why: one line per figure and reason."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from app.scoring.evaluation import Evaluation


def left_out(figures: Evaluation) -> list[dict[str, Any]]:
    """List what was left out of readiness, agreement and perception.

    Args:
        figures: the exact figures.
    Returns:
        JSON-ready entries {figure, reason, practices, respondents}: practices by code, respondents as a number and
        never by name; one of the two is None.
    """
    applicable = [result for result in figures.results if result.status != "not_applicable"]
    reasons = {
        result.reason: [r.code for r in figures.results if r.reason == result.reason]
        for result in figures.results
        if result.reason
    }
    entries = [_practices("readiness", reason, codes) for reason, codes in sorted(reasons.items())]
    gone = [result.code for result in figures.results if result.status == "not_applicable"]
    for figure, least in (
        ("agreement.r_star_wg_j", 3),
        ("agreement.alpha_ordinal", 2),
        ("agreement.pairwise_exact", 2),
    ):
        thin = [result.code for result in applicable if result.counts.numeric < least]
        entries += [_practices(figure, "not_applicable", gone)] if gone else []
        entries += [_practices(figure, "too_few_votes", thin)] if thin else []
    return entries + list(_respondents(figures))


def excluded_respondents(figures: Evaluation) -> list[dict[str, Any]]:
    """How many respondents do not count towards perception, by reason; numbers only."""
    counts = Counter(item.reason for item in figures.own.values() if item.reason)
    return [{"reason": reason, "respondents": number} for reason, number in sorted(counts.items())]


def _practices(figure: str, reason: str, codes: list[str]) -> dict[str, Any]:
    return {"figure": figure, "reason": reason, "practices": codes, "respondents": None}


def _respondents(figures: Evaluation) -> Iterator[dict[str, Any]]:
    for item in excluded_respondents(figures):
        yield {"figure": "perception", "reason": item["reason"], "practices": None, "respondents": item["respondents"]}
