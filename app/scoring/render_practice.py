"""One practice of the readiness object, with all that its score and its place in the sums rest on, as JSON text.

Practices are most of the object, and most of what is said of one follows from how often each vote was given and which
consensus was recorded. That part is written once and kept. (No cache holds anything of an assessment: only texts that
any assessment with such counts would get.)
"""

from functools import lru_cache
from typing import Final

from app.scoring.agreement import agreement_label, r_wg
from app.scoring.json_text import NULL, text, texts, truth, whole
from app.scoring.priorities import Priority, Rating
from app.scoring.readiness import Readiness
from app.scoring.rounding import number_text
from app.scoring.sheet import Sheet
from app.scoring.types import NOT_APPLICABLE
from app.scoring.votes import Outcome, within_range

GAP_TEXT: Final = ("1.0", "0.5", "0.0")
"""Gap by score: the share of the scale that is missing."""


def practice_text(
    sheet: Sheet,
    place: int,
    outcome: Outcome,
    readiness: Readiness,
    *,
    importance: Rating,
    feasibility: Rating,
    priority: Priority | None,
) -> str:
    """Render one practice.

    Args:
        sheet: what the assessment is scored on.
        place: the practice's place in it.
        outcome: what its votes come to.
        readiness: the sums its contribution is a part of.
        priority: None where it is not applicable.
    Returns:
        A JSON object; `contribution` is in points of readiness and sums to it over the practices.
    """
    weight, score, contribution = sheet.weights[place], outcome.score, NULL
    if score is not None and readiness.reason is None:
        contribution = number_text(50 * weight * score, readiness.weight_scored)
    return (
        f'{{{_name(sheet, place)},{_outcome(sheet, outcome)},"weight":{weight},"contribution":{contribution},'
        f"{_standing(importance, feasibility, sheet.expected[place], priority)}}}"
    )


@lru_cache(maxsize=4096)
def _name(sheet: Sheet, place: int) -> str:
    practice = sheet.instrument.practices[place]
    return f'"code":{text(practice.code)},"number":{practice.number}'


@lru_cache(maxsize=4096)
def _outcome(sheet: Sheet, outcome: Outcome) -> str:
    return (
        f'"status":"{outcome.status}","score":{whole(outcome.score)},"source":{text(outcome.source)},'
        f'"reason":{text(outcome.reason)},"flags":{_flags(sheet, outcome)},{_votes(sheet, outcome)},'
        f'"consensus":{_consensus(outcome)},"left_unscored":{truth(outcome.left_unscored)}'
    )


def _flags(sheet: Sheet, outcome: Outcome) -> str:
    raised = {
        "low_response": outcome.counts.voted < sheet.quorum,
        "gap_unknown": outcome.status == "unscored",
        "consensus_needs_note": outcome.lacks_note,
    }
    return texts(flag for flag, is_raised in raised.items() if is_raised)


def _votes(sheet: Sheet, outcome: Outcome) -> str:
    counts, perception, span = outcome.counts, NULL, NULL
    if counts.numeric:
        perception = number_text(counts.total, counts.numeric)
        span = f'{{"low":{counts.low},"high":{counts.high}}}'
    agreement = r_wg(counts)
    value, label = number_text(agreement.numerator, agreement.denominator), agreement_label(agreement, sheet.profile)
    return (
        f'"votes":{{"not_in_place":{counts.zeros},"partially_in_place":{counts.ones},"in_place":{counts.twos},'
        f'"dont_know":{counts.dont_know},"not_applicable":{counts.not_applicable},"voted":{counts.voted},'
        f'"invited":{sheet.seats}}},"perception":{perception},"vote_range":{span},'
        f'"r_wg":{{"value":{value},"label":{text(label)},"reason":{text(agreement.reason)}}}'
    )


def _consensus(outcome: Outcome) -> str:
    value, counts = outcome.consensus, outcome.counts
    if value is None:
        return NULL
    in_range = within_range(value, counts) if value != NOT_APPLICABLE and counts.numeric else None
    return (
        f'{{"value":{value if isinstance(value, int) else text(value)},"in_range":{truth(in_range)},'
        f'"needs_note":{truth(outcome.needs_note)},"has_note":{truth(outcome.has_note)}}}'
    )


@lru_cache(maxsize=4096)
def _standing(importance: Rating, feasibility: Rating, expected: int | None, priority: Priority | None) -> str:
    """What the team and the stage hold of a practice, and what follows."""
    gap, value = (NULL, NULL) if priority is None else (GAP_TEXT[priority.score or 0], f"{priority.value}.0")
    return (
        f'"importance":{{"value":{importance.value},"source":"{importance.origin}"}},'
        f'"feasibility":{{"value":{feasibility.value},"source":"{feasibility.origin}"}},'
        f'"expected_level":{whole(expected)},"gap":{gap},"priority":{value}'
    )
