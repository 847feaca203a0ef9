"""Find the gaps of an assessment: the practices that are not in place. Action items close gaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.access.policy import require_for_assessment
from app.assessments.errors import (
    AssessmentSuperseded,
    AssessmentVoid,
    NoGap,
    SealedVotes,
    UnknownAssessment,
    UnknownPractice,
)
from app.assessments.models import AssessmentState
from app.assessments.queries import is_superseded
from app.assessments.reference_data import FrozenInstrument, load_instrument
from app.assessments.scoring_input import build_input, is_sealed, load_scoring_row
from app.db.statement import Row
from app.db.transaction import Tx
from app.errors import FieldError, NotFound
from app.scoring import assess

_IN_PLACE = 2


@dataclass(frozen=True, slots=True)
class Gap:
    """A practice that is not in place; ``score`` is 0 or 1, or None while it is unscored."""

    organization_id: UUID
    practice_title: str
    score: int | None


async def find_gaps(tx: Tx, assessment_id: UUID, practices: Sequence[str]) -> list[Gap]:
    """Return the practices' present gaps in an assessment, in their order.

    Raises:
        UnknownAssessment: no such assessment is visible to the caller.
        UnknownPractice: its instrument lacks one of the practices.
        AssessmentVoid, AssessmentSuperseded: its scores do not count.
        SealedVotes: its votes have not been revealed.
        NoGap: one of the practices is in place, or does not apply.
    """
    row = await _load_row(tx, assessment_id)
    instrument = await _require_practices(tx, row, practices)
    if row["state"] == AssessmentState.VOID:
        raise AssessmentVoid
    if await is_superseded(tx, tx.tenant_id, assessment_id):
        raise AssessmentSuperseded
    if is_sealed(row) or row["state"] == AssessmentState.DRAFT:
        raise SealedVotes("The gap is known after the votes have been revealed.")
    result = assess(await build_input(tx, tx.tenant_id, row, as_of=None))
    outcomes = {practice.code: practice for practice in result.practices}
    not_gaps = [
        FieldError(f"/body/practices/{place}", NoGap.code, NoGap.title)
        for place, practice in enumerate(practices)
        if outcomes[practice].status == "not_applicable" or outcomes[practice].score == _IN_PLACE
    ]
    if not_gaps:
        raise NoGap(errors=not_gaps)
    return [
        Gap(row["organization_id"], instrument.titles[practice], outcomes[practice].score) for practice in practices
    ]


async def _load_row(tx: Tx, assessment_id: UUID) -> Row:
    row = await load_scoring_row(tx, tx.tenant_id, assessment_id)
    try:
        if row is None:
            raise NotFound
        require_for_assessment(tx.principal, "getAssessment", row["path"], assessment_id)
    except NotFound:
        error = FieldError("/body/assessment_id", UnknownAssessment.code, UnknownAssessment.title)
        raise UnknownAssessment(errors=[error]) from None
    return row


async def _require_practices(tx: Tx, row: Row, practices: Sequence[str]) -> FrozenInstrument:
    instrument = await load_instrument(tx, tx.tenant_id, row["instrument_version_id"])
    if instrument is None or not all(map(instrument.has, practices)):
        error = FieldError("/body/practices", UnknownPractice.code, UnknownPractice.title)
        raise UnknownPractice(errors=[error])
    return instrument
