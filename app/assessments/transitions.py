"""The transitions of an assessment, the one to final with its checks included."""

from typing import Any
from uuid import UUID

from app.assessments.errors import (
    AdministrationMissing,
    ConsensusLacksNote,
    InsufficientCoverage,
    NotFinalizable,
    ProvisionalPractice,
    UnscoredPractice,
)
from app.assessments.models import AssessmentState
from app.assessments.schemas import AssessmentTransition
from app.assessments.scoring_input import build_input, load_scoring_row
from app.assessments.service import begin_move, move
from app.db.transaction import Tx
from app.errors import FieldError, NotFound
from app.scoring import assess

_BLOCKERS: dict[str, type[NotFinalizable]] = {
    "insufficient_coverage": InsufficientCoverage,
    "no_administration_record": AdministrationMissing,
    "unscored_practice": UnscoredPractice,
    "provisional_practice": ProvisionalPractice,
    "consensus_needs_note": ConsensusLacksNote,
}


async def transition(tx: Tx, assessment_id: UUID, body: AssessmentTransition) -> UUID:
    """Move an assessment to its next state.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InvalidTransition: the state does not lead there.
        ReasonRequired: the move must say why.
        OrganizationArchived, ImplementationEnded: nothing can be opened or reopened there.
        NotFinalizable: one of its kinds, for the first of what stands in the way of the final state; all of it is
            in ``errors``.
    """
    held = await begin_move(tx, assessment_id, body)
    if body.to is AssessmentState.FINAL:
        await _check_final(tx, assessment_id)
    await move(tx, held, body.to, body.reason)
    return assessment_id


async def _check_final(tx: Tx, assessment_id: UUID) -> None:
    row = await load_scoring_row(tx, tx.tenant_id, assessment_id)
    if row is None:
        raise NotFound
    blockers = assess(await build_input(tx, tx.tenant_id, row, as_of=None)).finality.blockers
    if not blockers:
        return
    errors = [
        FieldError("/body/to", _BLOCKERS[found.reason].code, _explain(_BLOCKERS[found.reason], found.practices))
        for found in blockers
    ]
    blocking: list[dict[str, Any]] = [
        {"reason": _BLOCKERS[found.reason].code, "practices": list(found.practices)} for found in blockers
    ]
    raise _BLOCKERS[blockers[0].reason](
        "The assessment cannot be made final yet; see errors.", errors=errors, blockers=blocking
    )


def _explain(kind: type[NotFinalizable], practices: tuple[str, ...]) -> str:
    return f"{kind.title}: {', '.join(practices)}" if practices else kind.title
