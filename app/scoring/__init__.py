"""Scoring of facilitative administration, specification `fa9/1` (SPEC.md).

The package is pure and exact: it reads no clock, does no input or output, and imports the standard library and
msgspec only. `assess` computes the readiness object of an assessment. The modules named after sections of the
specification compute its figures from counts of votes and from plain scores.
"""

from app.scoring.assessment import assess, respondent_readiness
from app.scoring.canonical import canonical_json, content_hash
from app.scoring.inputs import AssessmentInput, canonical_input, read_input
from app.scoring.profile import ScoringProfile
from app.scoring.result import (
    Result,
    encode_result,
    encode_without_voting,
    summarize,
    to_builtins,
)
from app.scoring.signal import Coverage
from app.scoring.types import (
    DONT_KNOW,
    NO_VOTE,
    NOT_APPLICABLE,
    SPEC,
    STAGES,
    Consensus,
    Instrument,
    Practice,
    Seat,
    Subject,
    parse_vote,
)
from app.scoring.votes import VoteCounts, consensus_needs_note, count_votes

__all__ = [
    "DONT_KNOW",
    "NOT_APPLICABLE",
    "NO_VOTE",
    "SPEC",
    "STAGES",
    "AssessmentInput",
    "Consensus",
    "Coverage",
    "Instrument",
    "Practice",
    "Result",
    "ScoringProfile",
    "Seat",
    "Subject",
    "VoteCounts",
    "assess",
    "canonical_input",
    "canonical_json",
    "consensus_needs_note",
    "content_hash",
    "count_votes",
    "encode_result",
    "encode_without_voting",
    "parse_vote",
    "read_input",
    "respondent_readiness",
    "summarize",
    "to_builtins",
]
