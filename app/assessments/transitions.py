"""Make the transitions of an assessment: open, close, reopen, finalize or void it."""

from datetime import date
from typing import Any
from uuid import UUID

from app.assessments.dates import check_administered_on, check_window
from app.assessments.errors import (
    AdministrationMissing,
    ConsensusLacksNote,
    InsufficientCoverage,
    NotFinalizable,
    ProvisionalPractice,
    UnscoredPractice,
)
from app.assessments.history import record_change
from app.assessments.lifecycle import TRANSITIONS, needs_reason
from app.assessments.locking import LockedAssessment, check_archived_or_ended, lock_assessment
from app.assessments.models import Assessment, AssessmentState
from app.assessments.schemas import AssessmentTransition
from app.assessments.scoring_input import build_input, load_scoring_row
from app.assessments.service import lock_implementation
from app.assessments.signals import list_metric_ids
from app.db.transaction import Tx
from app.errors import FieldError, InvalidTransition, NotFound, ReasonRequired
from app.events.record import record_event
from app.scoring import assess

_DRAFT, _COLLECTING, _CONSENSUS, _FINAL, _VOID = AssessmentState
_EVENTS = {
    (_DRAFT, _COLLECTING): "assessment.opened",
    (_COLLECTING, _CONSENSUS): "assessment.closed",
    (_CONSENSUS, _COLLECTING): "assessment.reopened",
    (_CONSENSUS, _FINAL): "assessment.finalized",
    (_DRAFT, _VOID): "assessment.voided",
    (_COLLECTING, _VOID): "assessment.voided",
    (_CONSENSUS, _VOID): "assessment.voided",
}
_BLOCKERS: dict[str, type[NotFinalizable]] = {
    "insufficient_coverage": InsufficientCoverage,
    "no_administration_record": AdministrationMissing,
    "unscored_practice": UnscoredPractice,
    "provisional_practice": ProvisionalPractice,
    "consensus_needs_note": ConsensusLacksNote,
}


async def transition(tx: Tx, assessment_id: UUID, body: AssessmentTransition) -> UUID:
    """Make a transition of an assessment. Opening freezes the stage; closing reveals the votes.

    Raises:
        NotFound, Forbidden: the assessment is not visible to the caller, or the caller may not make this transition.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InvalidTransition: the present state does not allow this transition.
        ReasonRequired: the transition needs a reason.
        WindowEnded: nobody could vote after opening or reopening.
        AdministeredInFuture: a draft whose session has not taken place is opened.
        OrganizationArchived, ImplementationEnded: the organization or the implementation allows no opening.
        NotFinalizable: A subclass for the first obstacle to the final state. ``errors`` lists all obstacles.
    """
    locked = await lock_assessment(tx, assessment_id, "transitionAssessment", lock="update")
    assessment, before = locked.assessment, locked.assessment.state
    tx.expect(assessment)
    if body.to not in TRANSITIONS[before]:
        raise InvalidTransition(before.value, [to.value for to in TRANSITIONS[before]])
    if needs_reason(before, body.to) and body.reason is None:
        error = FieldError("/body/reason", "reason_required", "This transition needs a reason")
        raise ReasonRequired("Say why in `reason`.", errors=[error])
    match (before, body.to):
        case (AssessmentState.DRAFT, AssessmentState.COLLECTING):
            await _open(tx, locked)
        case (AssessmentState.CONSENSUS, AssessmentState.COLLECTING):
            await _reopen(tx, locked)
        case (_, AssessmentState.CONSENSUS):
            _close(tx, assessment)
        case (_, AssessmentState.FINAL):
            assessment.signal_metric_ids = await _check_final(tx, assessment_id, locked.day(tx.now))
            assessment.finalized_at = tx.now
    assessment.state = body.to
    tx.touch(assessment)
    record_change(tx, assessment, before, body.reason)
    record_event(
        tx,
        _EVENTS[before, body.to],
        assessment.id,
        organization_id=assessment.organization_id,
        data={"from": before.value, "to": body.to.value, "round": assessment.round},
    )
    return assessment_id


async def _open(tx: Tx, locked: LockedAssessment) -> None:
    assessment, today = locked.assessment, locked.day(tx.now)
    await check_archived_or_ended(tx, locked, "transitionAssessment: open")
    check_window(assessment.opens_at, assessment.closes_at, tx.now, at="to")
    check_administered_on(assessment.administered_on, today, at="to")
    if assessment.stage is None:
        assessment.stage = (await lock_implementation(tx, assessment.implementation_id)).stage
    if assessment.administered_on is None:
        assessment.administered_on = today
    assessment.opened_at = tx.now


async def _reopen(tx: Tx, locked: LockedAssessment) -> None:
    assessment = locked.assessment
    await check_archived_or_ended(tx, locked, "transitionAssessment: reopen")
    check_window(assessment.opens_at, assessment.closes_at, tx.now, at="to")
    assessment.round += 1


def _close(tx: Tx, assessment: Assessment) -> None:
    assessment.closed_at = tx.now
    assessment.revealed_round = assessment.round


async def _check_final(tx: Tx, assessment_id: UUID, today: date) -> list[UUID]:
    """Refuse what cannot be final. Return the figures that count for the signal today."""
    row = await load_scoring_row(tx, tx.tenant_id, assessment_id)
    if row is None:
        raise NotFound
    scored = await build_input(tx, tx.tenant_id, row, as_of=None)
    blockers = assess(scored).finality.blockers
    if not blockers:
        return list_metric_ids(row, scored.profile, today)
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
