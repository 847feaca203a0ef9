"""The figures of a result while votes are sealed: None in place of every figure (scoring spec 9)."""

from typing import Any, Final

from app.scoring.context import ScoringContext
from app.scoring.result import (
    AgreementFigure,
    AgreementResult,
    Finality,
    PairwiseExact,
    PathToEstablished,
    Perception,
    PracticeAgreement,
    PracticeResult,
    StageResult,
)
from app.scoring.types import Finding

SEALED: Final = "votes_sealed"
_NO_FIGURE: Final = AgreementFigure(None, SEALED, None)

#: The figures, which are the same for all sealed assessments.
SEALED_FIGURES: Final[dict[str, Any]] = {
    "readiness": None,
    "readiness_mean": None,
    "in_place_share": None,
    "at_least_partial_share": None,
    "coverage": None,
    "bounds": None,
    "band": None,
    "reason": SEALED,
    "band_reason": SEALED,
    "cap_reasons": (),
    "provisional": [],
    "sums": None,
    "path_to_established": PathToEstablished(None, None, SEALED),
    "agreement": AgreementResult(_NO_FIGURE, _NO_FIGURE, PairwiseExact(None, SEALED, None, None, None), []),
    "perception": Perception(None, SEALED, None, SEALED, None, []),
    "priorities": [],
    "stage_attainment": StageResult(None, SEALED, None, None, None, ()),
    "finality": Finality(False, (Finding(SEALED),)),
    "left_out": [],
}


def list_sealed_practices(context: ScoringContext) -> list[PracticeResult]:
    """List the practices with what profile, stage and team set. Nothing in the list comes from votes or decisions."""
    return [
        PracticeResult(
            practice.code,
            practice.number,
            practice.title,
            status=None,
            score=None,
            source=None,
            reason=SEALED,
            flags=[],
            votes=None,
            perception=None,
            vote_range=None,
            r_wg=PracticeAgreement(None, None, SEALED),
            consensus=None,
            left_unscored=None,
            weight=context.weights[position],
            contribution=None,
            importance=context.importance[position],
            feasibility=context.feasibility[position],
            expected_level=context.expected[position],
            gap=None,
            priority=None,
            signal=None,
        )
        for position, practice in enumerate(context.practices)
    ]
