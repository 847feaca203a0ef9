"""What a figure does not rest on, and why: one line per figure and reason."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from app.scoring.evaluation import Evaluation

#: Numeric votes on a practice that are enough for every figure of agreement.
_ENOUGH: Final = 3


def left_out(figures: Evaluation) -> list[dict[str, Any]]:
    """List what was left out of readiness, agreement and perception.

    Args:
        figures: the exact figures.
    Returns:
        JSON-ready entries {figure, reason, practices, respondents}: practices by code, respondents as a number and
        never by name; one of the two is None.
    """
    applicable = [result for result in figures.results if result.status != "not_applicable"]
    reasons: dict[str, list[str]] = {}
    for result in figures.results:
        if result.reason:
            reasons.setdefault(result.reason, []).append(result.code)
    entries = [_practices("readiness", reason, codes) for reason, codes in sorted(reasons.items())]
    gone = [result.code for result in figures.results if result.status == "not_applicable"]
    if not gone and all(result.counts.numeric >= _ENOUGH for result in applicable):
        return entries + list(_respondents(figures))
    for figure, least in (
        ("agreement.r_star_wg_j", _ENOUGH),
        ("agreement.alpha_ordinal", 2),
        ("agreement.pairwise_exact", 2),
    ):
        thin = [result.code for result in applicable if result.counts.numeric < least]
        entries += [_practices(figure, "not_applicable", gone)] if gone else []
        entries += [_practices(figure, "too_few_votes", thin)] if thin else []
    return entries + list(_respondents(figures))


def excluded_respondents(figures: Evaluation) -> list[dict[str, Any]]:
    """How many respondents do not count towards perception, by reason; numbers only."""
    counts = Counter([item.reason for item in figures.own if item.reason])
    return [{"reason": reason, "respondents": number} for reason, number in sorted(counts.items())]


def _practices(figure: str, reason: str, codes: list[str]) -> dict[str, Any]:
    return {"figure": figure, "reason": reason, "practices": codes, "respondents": None}


def _respondents(figures: Evaluation) -> Iterator[dict[str, Any]]:
    for item in excluded_respondents(figures):
        yield {"figure": "perception", "reason": item["reason"], "practices": None, "respondents": item["respondents"]}
