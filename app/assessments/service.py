"""Creating assessments, changing drafts, and the effects of a transition."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func
from sqlmodel import col, select

from app.access.policy import in_sight, organization_for
from app.assessments.errors import (
    ConfidentialUnavailable,
    FrozenAtOpening,
    UnknownReference,
    VoidFirst,
    WindowReversed,
)
from app.assessments.lifecycle import TRANSITIONS, needs_reason
from app.assessments.locking import Held, check_takes, ensure_open, lock_assessment
from app.assessments.models import Assessment, AssessmentChange, AssessmentState, Participant, PracticeRating
from app.assessments.reference_data import find_instrument, find_profile, instrument_of, profile_of
from app.assessments.schemas import (
    AskedMode,
    AssessmentCreate,
    AssessmentPatch,
    AssessmentTransition,
)
from app.db.transaction import Tx
from app.errors import FieldError, InvalidTransition, NotFound, ReasonRequired
from app.events.record import record_event
from app.programs.models import Implementation
from app.tree.archived import check_archived, check_ended

_FROZEN_AT_OPENING = frozenset({"instrument_version_id", "scoring_profile_id", "stage"})
_EVENTS = {
    AssessmentState.COLLECTING: "assessment.opened",
    AssessmentState.CONSENSUS: "assessment.closed",
    AssessmentState.FINAL: "assessment.finalized",
    AssessmentState.VOID: "assessment.voided",
}


async def create(tx: Tx, body: AssessmentCreate) -> UUID:
    """Create a draft.

    Raises:
        UnknownReference: no such implementation, instrument version or profile in the caller's sight.
        Forbidden: the caller may not assess there.
        ConfidentialUnavailable: that mode is not offered yet.
        WindowReversed: it would close before it opens.
        OrganizationArchived, ImplementationEnded: nothing new is taken there.
    """
    if body.mode is AskedMode.CONFIDENTIAL:
        raise ConfidentialUnavailable("Use the mode 'open'.")
    _check_window(body.opens_at, body.closes_at)
    implementation = await _implementation(tx, body.implementation_id)
    try:
        organization = await organization_for(tx, implementation.organization_id, "createAssessment")
    except NotFound:
        raise _unknown("implementation_id") from None
    check_archived(organization, "createAssessment")
    check_ended(implementation.ended_at, "createAssessment")
    made = Assessment(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        updated_at=tx.now,
        organization_id=organization.id,
        implementation_id=implementation.id,
        instrument_version_id=await _instrument(tx, body.instrument_version_id),
        scoring_profile_id=await _profile(tx, body.scoring_profile_id),
        title=body.title,
        stage=body.stage,
        opens_at=body.opens_at,
        closes_at=body.closes_at,
        administered_on=body.administered_on,
    )
    tx.session.add(made)
    await tx.session.flush()
    _keep(tx, made, None, None)
    record_event(
        tx,
        "assessment.created",
        made.id,
        organization_id=organization.id,
        data={"implementation_id": str(implementation.id)},
    )
    return made.id


async def patch(tx: Tx, assessment_id: UUID, body: AssessmentPatch) -> UUID:
    """Change an assessment that has not ended.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        Frozen: it is final or void.
        FrozenAtOpening: it was opened, and instrument, profile or stage was sent.
        UnknownReference: no such instrument version or profile.
        WindowReversed: it would close before it opens.
    """
    held = await lock_assessment(tx, assessment_id, "updateAssessment", lock="update")
    assessment = held.assessment
    tx.expect(assessment)
    ensure_open(assessment)
    changes = body.changes()
    if assessment.state is not AssessmentState.DRAFT and changes.keys() & _FROZEN_AT_OPENING:
        raise FrozenAtOpening
    if "instrument_version_id" in changes:
        await _forget_ratings(tx, assessment, await _instrument(tx, changes["instrument_version_id"]))
    if "scoring_profile_id" in changes:
        await _profile(tx, changes["scoring_profile_id"])
    for name, value in changes.items():
        setattr(assessment, name, value)
    _check_window(assessment.opens_at, assessment.closes_at)
    if assessment.opened_at is not None and assessment.administered_on is None:
        assessment.administered_on = assessment.opened_at.astimezone(held.timezone).date()
    if tx.touch(assessment):
        record_event(
            tx,
            "assessment.updated",
            assessment.id,
            organization_id=assessment.organization_id,
            data={"fields": sorted(changes)},
        )
    return assessment.id


async def remove(tx: Tx, assessment_id: UUID) -> None:
    """Delete a draft or a void assessment, with all that belongs to it.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        Frozen: it is final.
        VoidFirst: it is under way.
        InUse: action items refer to it.
    """
    assessment = (await lock_assessment(tx, assessment_id, "deleteAssessment", lock="update")).assessment
    tx.expect(assessment)
    if assessment.state is AssessmentState.FINAL:
        ensure_open(assessment)
    if assessment.state not in {AssessmentState.DRAFT, AssessmentState.VOID}:
        raise VoidFirst
    await tx.session.delete(assessment)
    record_event(tx, "assessment.deleted", assessment.id, organization_id=assessment.organization_id)


async def begin_move(tx: Tx, assessment_id: UUID, body: AssessmentTransition) -> Held:
    """Lock an assessment and check that this move may be made.

    Raises:
        NotFound, Forbidden: as everywhere.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InvalidTransition: the state does not lead there.
        ReasonRequired: the move must say why.
    """
    held = await lock_assessment(tx, assessment_id, "transitionAssessment", lock="update")
    state = held.assessment.state
    tx.expect(held.assessment)
    if body.to not in TRANSITIONS[state]:
        raise InvalidTransition(state.value, [to.value for to in TRANSITIONS[state]])
    if needs_reason(state, body.to) and body.reason is None:
        error = FieldError("/body/reason", "reason_required", "This move must say why")
        raise ReasonRequired("Say why in `reason`.", errors=[error])
    return held


async def move(tx: Tx, held: Held, to: AssessmentState, reason: str | None) -> None:
    """Make a checked move, with what it freezes or reveals.

    Raises:
        OrganizationArchived, ImplementationEnded: nothing can be opened there.
    """
    assessment = held.assessment
    before = assessment.state
    if before is AssessmentState.DRAFT and to is AssessmentState.COLLECTING:
        await _open(tx, held)
    elif before is AssessmentState.CONSENSUS and to is AssessmentState.COLLECTING:
        await check_takes(tx, held, "transitionAssessment: reopen")
        assessment.round += 1
        assessment.closes_at = None
    elif to is AssessmentState.CONSENSUS:
        assessment.closed_at = max(tx.now, await _last_withdrawal(tx, assessment) or tx.now)
        assessment.revealed_round = assessment.round
    elif to is AssessmentState.FINAL:
        assessment.finalized_at = tx.now
    assessment.state = to
    tx.touch(assessment)
    _keep(tx, assessment, before, reason)
    reopened = before is AssessmentState.CONSENSUS and to is AssessmentState.COLLECTING
    record_event(
        tx,
        "assessment.reopened" if reopened else _EVENTS[to],
        assessment.id,
        organization_id=assessment.organization_id,
        data={"from": before.value, "to": to.value, "round": assessment.round},
    )


async def _open(tx: Tx, held: Held) -> None:
    await check_takes(tx, held, "transitionAssessment: open")
    assessment = held.assessment
    if assessment.stage is None:
        assessment.stage = (await _implementation(tx, assessment.implementation_id)).stage
    if assessment.administered_on is None:
        assessment.administered_on = tx.now.astimezone(held.timezone).date()
    assessment.opened_at = tx.now


def _keep(tx: Tx, assessment: Assessment, before: AssessmentState | None, reason: str | None) -> None:
    tx.insert(
        AssessmentChange,
        assessment_id=assessment.id,
        from_state=before,
        to_state=assessment.state,
        reason=reason,
        actor_id=tx.principal.id,
        actor_name=tx.principal.name,
    )


async def _last_withdrawal(tx: Tx, assessment: Assessment) -> datetime | None:
    """When a seat was last withdrawn: a close that had to wait for that comes after it, whenever it was asked for."""
    last: datetime | None = await tx.session.scalar(
        select(func.max(Participant.withdrawn_at)).where(
            col(Participant.tenant_id) == tx.tenant_id, col(Participant.assessment_id) == assessment.id
        )
    )
    return last


async def _forget_ratings(tx: Tx, assessment: Assessment, version_id: UUID) -> None:
    """Drop a draft's ratings of practices that its new instrument does not have: they could never be scored."""
    instrument = await instrument_of(tx, tx.tenant_id, version_id)
    known = list(instrument.titles) if instrument else []
    await tx.session.execute(
        delete(PracticeRating).where(
            col(PracticeRating.tenant_id) == tx.tenant_id,
            col(PracticeRating.assessment_id) == assessment.id,
            col(PracticeRating.practice).not_in(known),
        )
    )


def _check_window(opens_at: datetime | None, closes_at: datetime | None) -> None:
    if opens_at is not None and closes_at is not None and closes_at <= opens_at:
        raise WindowReversed(
            errors=[FieldError("/body/closes_at", "window_reversed", "closes_at must come after opens_at")]
        )


def _unknown(field: str) -> UnknownReference:
    return UnknownReference(
        errors=[FieldError(f"/body/{field}", "unknown_reference", "There is no such thing in sight")]
    )


async def _implementation(tx: Tx, implementation_id: UUID) -> Implementation:
    # FOR SHARE: neither its stage nor its existence may change until this commits.
    found: Implementation | None = (
        await tx.session.execute(
            select(Implementation)
            .where(
                col(Implementation.tenant_id) == tx.tenant_id,
                col(Implementation.id) == implementation_id,
                in_sight(tx.principal, Implementation.organization_id),
            )
            .with_for_update(read=True)
        )
    ).scalar_one_or_none()
    if found is None:
        raise _unknown("implementation_id")
    return found


async def _instrument(tx: Tx, asked: UUID | None) -> UUID:
    if asked is None:
        asked = await find_instrument(tx, tx.tenant_id)
    if asked is None or await instrument_of(tx, tx.tenant_id, asked) is None:
        raise _unknown("instrument_version_id")
    return asked


async def _profile(tx: Tx, asked: UUID | None) -> UUID:
    if asked is None:
        asked = await find_profile(tx, tx.tenant_id)
    if asked is None or await profile_of(tx, tx.tenant_id, asked) is None:
        raise _unknown("scoring_profile_id")
    return asked
