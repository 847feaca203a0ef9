"""Scoring of facilitative administration, specification `fa9/1` (SPEC.md): pure, exact, standard library only.

`assess` renders the whole readiness object of an assessment; `evaluate` gives the same figures exact. The pieces
underneath take plain scores, counts or votes, for what-if, evidence-adjusted scores and roll-ups.
"""

from app.scoring.agreement import (
    Agreement,
    discuss_first,
    ordinal_alpha,
    pairwise_exact,
    r_star_wg_j,
    within_group_agreement,
)
from app.scoring.canonical import canonical_json, content_hash
from app.scoring.evaluation import (
    Evaluation,
    evaluate,
    path_to_established,
    respondent_readiness,
)
from app.scoring.finality import finality
from app.scoring.inputs import AssessmentInput, canonical_input
from app.scoring.path import Path, cheapest_path
from app.scoring.perception import Interval, OwnReadiness, mean_and_interval, own_readiness
from app.scoring.priorities import Priority, Rating, priority, rank_priorities
from app.scoring.profile import ScoringProfile
from app.scoring.readiness import Readiness, band_of, readiness_of_scores
from app.scoring.render import NOTICE, assess, assess_json, sealed_basis
from app.scoring.render_figures import INTERVAL_STATEMENT
from app.scoring.results import Results, results_of
from app.scoring.rounding import fraction_to_wire, to_wire
from app.scoring.stages import StageAttainment, stage_attainment
from app.scoring.types import (
    DONT_KNOW,
    LETTERS,
    NO_VOTE,
    NOT_APPLICABLE,
    PERSPECTIVES,
    SPEC,
    STAGES,
    Ballot,
    Consensus,
    Finding,
    Instrument,
    Practice,
    Score,
    Seat,
    Vote,
)
from app.scoring.votes import (
    Outcome,
    VoteCounts,
    consensus_needs_note,
    count_letters,
    count_votes,
    lower_median,
    note_needed,
    practice_outcome,
    tally,
)

__all__ = [
    "DONT_KNOW",
    "INTERVAL_STATEMENT",
    "LETTERS",
    "NOTICE",
    "NOT_APPLICABLE",
    "NO_VOTE",
    "PERSPECTIVES",
    "SPEC",
    "STAGES",
    "Agreement",
    "AssessmentInput",
    "Ballot",
    "Consensus",
    "Evaluation",
    "Finding",
    "Instrument",
    "Interval",
    "Outcome",
    "OwnReadiness",
    "Path",
    "Practice",
    "Priority",
    "Rating",
    "Readiness",
    "Results",
    "Score",
    "ScoringProfile",
    "Seat",
    "StageAttainment",
    "Vote",
    "VoteCounts",
    "assess",
    "assess_json",
    "band_of",
    "canonical_input",
    "canonical_json",
    "cheapest_path",
    "consensus_needs_note",
    "content_hash",
    "count_letters",
    "count_votes",
    "discuss_first",
    "evaluate",
    "finality",
    "fraction_to_wire",
    "lower_median",
    "mean_and_interval",
    "note_needed",
    "ordinal_alpha",
    "own_readiness",
    "pairwise_exact",
    "path_to_established",
    "practice_outcome",
    "priority",
    "r_star_wg_j",
    "rank_priorities",
    "readiness_of_scores",
    "respondent_readiness",
    "results_of",
    "sealed_basis",
    "stage_attainment",
    "tally",
    "to_wire",
    "within_group_agreement",
]
