"""Create, change and delete assessments."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlmodel import col, select

from app.access.policy import is_visible, load_organization_for
from app.assessments.consensus.copies import copy_ratings
from app.assessments.dates import check_administered_on, check_window
from app.assessments.errors import (
    ConfidentialUnavailable,
    FrozenAtOpening,
    ImplementationRequired,
    UnknownReference,
    VoidFirst,
)
from app.assessments.history import record_change
from app.assessments.locking import LockedAssessment, ensure_open, lock_assessment
from app.assessments.models import Assessment, AssessmentState, Participant, PracticeRating
from app.assessments.participants.copies import copy_seats
from app.assessments.reference_data import find_instrument, find_profile, load_instrument, load_profile
from app.assessments.schemas import AskedMode, AssessmentCreate, AssessmentPatch
from app.db.transaction import Tx
from app.errors import FieldError, NotFound
from app.events.erasure import erase_audit_values
from app.events.record import record_event
from app.programs.models import Implementation
from app.tree.archived import check_archived, check_ended

_FROZEN_AT_OPENING = frozenset({"instrument_version_id", "scoring_profile_id", "stage"})


async def create(tx: Tx, body: AssessmentCreate) -> UUID:
    """Create a draft, empty or based on another assessment.

    Raises:
        ImplementationRequired: neither an implementation nor an assessment to start from is named.
        UnknownReference: no such assessment, implementation, instrument version or profile is visible to the caller.
        Forbidden: the caller may not assess there.
        ConfidentialUnavailable: that mode is not offered yet.
        WindowReversed, WindowEnded: nobody could vote in the window.
        AdministeredInFuture: the session has not taken place.
        OrganizationArchived, ImplementationEnded: the organization or the implementation allows no new assessment.
    """
    if body.mode is AskedMode.CONFIDENTIAL:
        raise ConfidentialUnavailable("Use the mode 'open'.")
    check_window(body.opens_at, body.closes_at, tx.now)
    source = None if body.based_on is None else await _lock_source(tx, body.based_on)
    implementation = await lock_implementation(tx, _implementation_id(body, source))
    try:
        organization = await load_organization_for(tx, implementation.organization_id, "createAssessment")
    except NotFound:
        raise _unknown("implementation_id") from None
    check_archived(organization, "createAssessment")
    check_ended(implementation.ended_at, "createAssessment")
    made = await _build(tx, body, organization.id, implementation.id, source)
    check_administered_on(made.administered_on, LockedAssessment(made, organization).day(tx.now))
    tx.session.add(made)
    await tx.session.flush()
    if source is not None:
        await copy_seats(tx, source.id, made.id)
        await copy_ratings(tx, source, made)
    record_change(tx, made, None, None)
    record_event(
        tx,
        "assessment.created",
        made.id,
        organization_id=organization.id,
        data={
            "implementation_id": str(implementation.id),
            "based_on": None if source is None else str(source.id),
        },
    )
    return made.id


async def _build(
    tx: Tx, body: AssessmentCreate, organization_id: UUID, implementation_id: UUID, source: Assessment | None
) -> Assessment:
    return Assessment(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        updated_at=tx.now,
        organization_id=organization_id,
        implementation_id=implementation_id,
        instrument_version_id=await _choose_instrument(tx, body.instrument_version_id, source),
        scoring_profile_id=await _choose_profile(tx, body.scoring_profile_id, source),
        title=body.title,
        stage=body.stage,
        opens_at=body.opens_at,
        closes_at=body.closes_at,
        administered_on=body.administered_on,
    )


async def patch(tx: Tx, assessment_id: UUID, body: AssessmentPatch) -> UUID:
    """Change an assessment that has not ended. A patch that changes nothing leaves its version as it is.

    Raises:
        NotFound, Forbidden: the assessment is not visible to the caller, or the caller may not change it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        Frozen: it is final or void.
        FrozenAtOpening: it was opened, and instrument, profile or stage was sent.
        UnknownReference: no such instrument version or profile.
        WindowReversed, WindowEnded: nobody could vote in the window.
        AdministeredInFuture: the session has not taken place.
    """
    locked = await lock_assessment(tx, assessment_id, "updateAssessment", lock="update")
    assessment = locked.assessment
    tx.expect(assessment)
    ensure_open(assessment)
    changes = body.changes()
    if assessment.state is not AssessmentState.DRAFT and changes.keys() & _FROZEN_AT_OPENING:
        raise FrozenAtOpening
    await _check_changes(tx, locked, changes)
    changes = {name: value for name, value in changes.items() if getattr(assessment, name) != value}
    if not changes:
        return assessment.id
    if "instrument_version_id" in changes:
        await _delete_ratings_without_practice(tx, assessment, changes["instrument_version_id"])
    for name, value in changes.items():
        setattr(assessment, name, value)
    tx.touch(assessment)
    record_event(
        tx,
        "assessment.updated",
        assessment.id,
        organization_id=assessment.organization_id,
        data={"fields": sorted(changes)},
    )
    return assessment.id


async def _check_changes(tx: Tx, locked: LockedAssessment, changes: dict[str, Any]) -> None:
    """Check the values of a patch. Replace a cleared day of the session with the day of the opening."""
    assessment = locked.assessment
    if "instrument_version_id" in changes:
        await _choose_instrument(tx, changes["instrument_version_id"])
    if "scoring_profile_id" in changes:
        await _choose_profile(tx, changes["scoring_profile_id"])
    if changes.keys() & {"opens_at", "closes_at"}:
        opens_at = changes.get("opens_at", assessment.opens_at)
        check_window(opens_at, changes.get("closes_at", assessment.closes_at), tx.now)
    if "administered_on" in changes:
        check_administered_on(changes["administered_on"], locked.day(tx.now))
        if changes["administered_on"] is None and assessment.opened_at is not None:
            changes["administered_on"] = locked.day(assessment.opened_at)


async def remove(tx: Tx, assessment_id: UUID) -> None:
    """Delete a draft or a void assessment with all its parts.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
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
    seats = select(Participant.id).where(
        col(Participant.tenant_id) == tx.tenant_id, col(Participant.assessment_id) == assessment_id
    )
    await erase_audit_values(tx, *(await tx.session.scalars(seats)))
    await tx.session.delete(assessment)
    record_event(tx, "assessment.deleted", assessment.id, organization_id=assessment.organization_id)


async def _delete_ratings_without_practice(tx: Tx, assessment: Assessment, version_id: UUID) -> None:
    """Delete the ratings of practices that the new instrument of a draft does not have."""
    instrument = await load_instrument(tx, tx.tenant_id, version_id)
    known = list(instrument.titles) if instrument else []
    await tx.session.execute(
        delete(PracticeRating).where(
            col(PracticeRating.tenant_id) == tx.tenant_id,
            col(PracticeRating.assessment_id) == assessment.id,
            col(PracticeRating.practice).not_in(known),
        )
    )


def _implementation_id(body: AssessmentCreate, source: Assessment | None) -> UUID:
    if body.implementation_id is not None:
        return body.implementation_id
    if source is None:
        error = FieldError("/body/implementation_id", ImplementationRequired.code, ImplementationRequired.title)
        raise ImplementationRequired(errors=[error])
    return source.implementation_id


async def _lock_source(tx: Tx, assessment_id: UUID) -> Assessment:
    """Lock the assessment to start from, so that its seats do not change before the commit."""
    try:
        return (await lock_assessment(tx, assessment_id, "listParticipants")).assessment
    except NotFound:
        raise _unknown("based_on") from None


def _unknown(field: str) -> UnknownReference:
    return UnknownReference(errors=[FieldError(f"/body/{field}", UnknownReference.code, UnknownReference.title)])


async def lock_implementation(tx: Tx, implementation_id: UUID) -> Implementation:
    """Load an implementation, and keep its stage from changing before the commit.

    Raises:
        UnknownReference: no such implementation is visible to the caller.
    """
    found: Implementation | None = (
        await tx.session.execute(
            select(Implementation)
            .where(
                col(Implementation.tenant_id) == tx.tenant_id,
                col(Implementation.id) == implementation_id,
                is_visible(tx.principal, Implementation.organization_id),
            )
            .with_for_update(read=True)
        )
    ).scalar_one_or_none()
    if found is None:
        raise _unknown("implementation_id")
    return found


async def _choose_instrument(tx: Tx, asked: UUID | None, source: Assessment | None = None) -> UUID:
    if asked is None and source is not None:
        return source.instrument_version_id
    if asked is None:
        asked = await find_instrument(tx, tx.tenant_id)
    if asked is None or await load_instrument(tx, tx.tenant_id, asked) is None:
        raise _unknown("instrument_version_id")
    return asked


async def _choose_profile(tx: Tx, asked: UUID | None, source: Assessment | None = None) -> UUID:
    if asked is None and source is not None:
        return source.scoring_profile_id
    if asked is None:
        asked = await find_profile(tx, tx.tenant_id)
    if asked is None or await load_profile(tx, tx.tenant_id, asked) is None:
        raise _unknown("scoring_profile_id")
    return asked
