"""A practice's gap in an assessment, for the action items made from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.access.policy import require_for_assessment
from app.assessments.errors import SealedVotes, UnknownAssessment, UnknownPractice
from app.assessments.models import AssessmentState
from app.assessments.reference_data import instrument_of
from app.assessments.scoring_input import build_input, is_sealed, load_scoring_row
from app.db.transaction import Tx
from app.errors import FieldError, NotFound
from app.scoring import assess


@dataclass(frozen=True, slots=True)
class Gap:
    """One practice as an assessment has it."""

    organization_id: UUID
    practice_title: str
    score: int | None


async def gaps_of(tx: Tx, assessment_id: UUID, practices: Sequence[str]) -> list[Gap]:
    """The practices' present scores in an assessment; None where one has none.

    Raises:
        UnknownAssessment: none such in the caller's sight.
        UnknownPractice: its instrument lacks one of the practices.
        SealedVotes: its votes are not revealed yet.
    """
    row = await load_scoring_row(tx, tx.tenant_id, assessment_id)
    try:
        if row is None:
            raise NotFound
        require_for_assessment(tx.principal, "getAssessment", row["path"], assessment_id)
    except NotFound:
        error = FieldError("/body/assessment_id", "unknown_assessment", "There is no such assessment in sight")
        raise UnknownAssessment(errors=[error]) from None
    instrument = await instrument_of(tx, tx.tenant_id, row["instrument_version_id"])
    if instrument is None or not all(map(instrument.has, practices)):
        raise UnknownPractice(
            errors=[FieldError("/body/practices", "unknown_practice", "The instrument has no such practice")]
        )
    if is_sealed(row) or row["state"] == AssessmentState.DRAFT:
        raise SealedVotes("The gap is known once the votes were revealed.")
    result = assess(await build_input(tx, tx.tenant_id, row, as_of=None))
    scores = {practice.code: practice.score for practice in result.practices}
    return [
        Gap(
            organization_id=row["organization_id"],
            practice_title=instrument.titles[practice],
            score=scores[practice],
        )
        for practice in practices
    ]
