"""What a figure does not rest on, and why: one line per figure and reason."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from app.scoring.perception import OwnReadiness
from app.scoring.results import Results

#: Numeric votes on a practice that are enough for every figure of agreement.
_ENOUGH: Final = 3


class LeftOut(NamedTuple):
    """Practices by code, or a number of respondents, that a figure leaves out for a reason; one of the two is None."""

    figure: str
    reason: str
    practices: Sequence[str] | None
    respondents: int | None


def left_out(results: Results, excluded: Sequence[tuple[str, int]]) -> list[LeftOut]:
    """List what was left out of readiness, agreement and perception.

    Args:
        results: what the practices come to.
        excluded: `excluded_respondents` of the same assessment.
    Returns:
        An entry a figure and reason; respondents are a number and never named.
    """
    entries = _of_readiness(results) if results.marks.not_applicable or results.marks.unscored else []
    if results.marks.not_applicable or min([one.counts.numeric for one in results.outcomes]) < _ENOUGH:
        entries += _of_agreement(results)
    return entries + [LeftOut("perception", reason, None, number) for reason, number in excluded]


def _of_readiness(results: Results) -> list[LeftOut]:
    reasons: dict[str, list[str]] = {}
    for code, outcome in zip(results.sheet.codes, results.outcomes, strict=True):
        if outcome.reason:
            reasons.setdefault(outcome.reason, []).append(code)
    return [LeftOut("readiness", reason, codes, None) for reason, codes in sorted(reasons.items())]


def _of_agreement(results: Results) -> list[LeftOut]:
    gone = results.marks.not_applicable
    applicable = [
        (code, outcome.counts.numeric)
        for code, outcome in zip(results.sheet.codes, results.outcomes, strict=True)
        if outcome.status != "not_applicable"
    ]
    entries = []
    for figure, least in (
        ("agreement.r_star_wg_j", _ENOUGH),
        ("agreement.alpha_ordinal", 2),
        ("agreement.pairwise_exact", 2),
    ):
        thin = [code for code, numeric in applicable if numeric < least]
        entries += [LeftOut(figure, "not_applicable", gone, None)] if gone else []
        entries += [LeftOut(figure, "too_few_votes", thin, None)] if thin else []
    return entries


def excluded_respondents(own: Sequence[OwnReadiness]) -> list[tuple[str, int]]:
    """How many respondents do not count towards perception, by reason; numbers only."""
    reasons = [item.reason for item in own if item.reason]
    return [(reason, reasons.count(reason)) for reason in sorted(set(reasons))] if reasons else []
