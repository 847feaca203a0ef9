"""One practice of the readiness object, with all that its score and its place in the sums rest on, as JSON text.

Practices are most of the object, and most of what is said of one follows from a few small things: how often each vote
was given, which consensus was recorded. Such a part is written once and kept; a whole practice is put together from
its parts. (No cache holds anything of an assessment: only texts that any assessment with such counts would get.)
"""

from functools import lru_cache
from typing import Final

from app.scoring.agreement import Agreement, agreement_label, r_wg
from app.scoring.canonical import encode_text
from app.scoring.finality import lacks_note
from app.scoring.priorities import Priority, Rating
from app.scoring.profile import ScoringProfile
from app.scoring.readiness import Readiness
from app.scoring.rounding import number_text, to_wire
from app.scoring.sheet import PracticeRules
from app.scoring.types import NOT_APPLICABLE, Source, Status
from app.scoring.votes import PracticeResult, VoteCounts, has_note, note_needed, within_range

GAP_TEXT: Final = ("1.0", "0.5", "0.0")
"""Gap by score: the share of the scale that is missing."""
_KEPT: Final = 16_384


def practice_text(
    rules: PracticeRules,
    result: PracticeResult,
    rank: Priority | None,
    readiness: Readiness,
    ratings: tuple[Rating, Rating],
    *,
    profile: ScoringProfile,
    invited: int,
    quorum: int,
) -> str:
    """Render one practice.

    Args:
        rules: what instrument, profile and stage say of it.
        result: its result.
        rank: its priority; None where it is not applicable.
        readiness: the sums its contribution is a part of.
        ratings: its importance and feasibility.
        profile: the labels of agreement.
        invited: number of respondent seats.
        quorum: fewer voters than this are a low response.
    Returns:
        A JSON object; `contribution` is in points of readiness and sums to it over the practices.
    """
    counts, score, consensus = result.counts, result.score, result.consensus
    agreed = "null" if consensus is None else _consensus(consensus.value, has_note(consensus), counts)
    gap, value = ("null", "null") if rank is None else (GAP_TEXT[score or 0], f"{rank.value}.0")
    contribution = (
        "null"
        if score is None or readiness.reason is not None
        else number_text(50 * rules.weight * score, readiness.weight_scored)
    )
    return (
        f"{{{rules.head},{_outcome(result.status, score, result.source, result.reason)},"
        f'"flags":{_flags(counts.voted < quorum, rank is not None and rank.gap_unknown, lacks_note(result))},'
        f'{_votes(counts, invited, profile)},"consensus":{agreed},'
        f'"left_unscored":{"true" if result.left_unscored else "false"},"weight":{rules.weight},'
        f'"contribution":{contribution},{standing_text(*ratings, rules.expected)},"gap":{gap},"priority":{value}}}'
    )


def agreement_on_wire(agreement: Agreement) -> float | None:
    """The rounded figure, or None."""
    return None if agreement.numerator is None else to_wire(agreement.numerator, agreement.denominator)


@lru_cache(maxsize=_KEPT)
def standing_text(importance: Rating, feasibility: Rating, expected: int | None) -> str:
    """What the team and the stage hold of a practice."""
    return _members(
        importance={"value": importance.value, "source": importance.origin},
        feasibility={"value": feasibility.value, "source": feasibility.origin},
        expected_level=expected,
    )


@lru_cache(maxsize=_KEPT)
def _outcome(status: Status, score: int | None, source: Source | None, reason: str | None) -> str:
    return _members(status=status, score=score, source=source, reason=reason)


@lru_cache(maxsize=_KEPT)
def _flags(low_response: bool, gap_unknown: bool, consensus_needs_note: bool) -> str:
    raised = {
        "low_response": low_response,
        "gap_unknown": gap_unknown,
        "consensus_needs_note": consensus_needs_note,
    }
    return encode_text([flag for flag, is_raised in raised.items() if is_raised])


@lru_cache(maxsize=_KEPT)
def _votes(counts: VoteCounts, invited: int, profile: ScoringProfile) -> str:
    agreement, numeric = r_wg(counts), counts.numeric
    return _members(
        votes={
            "not_in_place": counts.zeros,
            "partially_in_place": counts.ones,
            "in_place": counts.twos,
            "dont_know": counts.dont_know,
            "not_applicable": counts.not_applicable,
            "voted": counts.voted,
            "invited": invited,
        },
        perception=to_wire(counts.total, numeric) if numeric else None,
        vote_range={"low": counts.low, "high": counts.high} if numeric else None,
        r_wg={
            "value": agreement_on_wire(agreement),
            "label": agreement_label(agreement, profile),
            "reason": agreement.reason,
        },
    )


@lru_cache(maxsize=_KEPT)
def _consensus(value: int | str, noted: bool, counts: VoteCounts) -> str:
    comparable = value != NOT_APPLICABLE and counts.numeric > 0
    return encode_text(
        {
            "value": value,
            "in_range": within_range(value, counts) if comparable else None,
            "needs_note": note_needed(value, counts),
            "has_note": noted,
        }
    )


def _members(**named: object) -> str:
    """Members of an object, without its braces."""
    return encode_text(named)[1:-1]
