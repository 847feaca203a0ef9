"""Recording consensus, ratings and how the session was run."""

from typing import Any, TypeVar
from uuid import UUID

from sqlmodel import select

from app.assessments.consensus import queries
from app.assessments.consensus.schemas import (
    AdministrationPut,
    AdministrationRead,
    ConsensusPut,
    ConsensusRead,
    PracticeRatingPut,
    PracticeRatingRead,
)
from app.assessments.errors import ConsensusNoteRequired, NotInConsensus
from app.assessments.locking import ensure_open, lock_assessment
from app.assessments.models import (
    AdministrationRecord,
    Assessment,
    AssessmentState,
    Consensus,
    PracticeRating,
)
from app.assessments.reference_data import FrozenInstrument, instrument_of
from app.assessments.scoring_input import build_input, load_scoring_row
from app.assessments.votes.schemas import stored
from app.db.base import Versioned
from app.db.transaction import Tx
from app.errors import FieldError, Invalid, NotFound, PreconditionFailed
from app.events.record import record_event
from app.http.write import Created
from app.scoring import count_letters, note_needed

Kept = TypeVar("Kept", bound=Versioned)


async def record_consensus(tx: Tx, assessment_id: UUID, practice: str, body: ConsensusPut) -> Created | ConsensusRead:
    """Record or replace the consensus on a practice.

    Raises:
        NotFound: no such assessment in sight, or no such practice in its instrument.
        Forbidden: as everywhere.
        Frozen: the assessment has ended.
        NotInConsensus: votes are still to come or to be revealed.
        ConsensusNoteRequired: it departs from the votes and says no word why.
        PreconditionRequired, PreconditionFailed: it would replace one, and If-Match is missing or stale.
    """
    assessment = (await lock_assessment(tx, assessment_id, "recordConsensus")).assessment
    await _instrument_with(tx, assessment, practice)
    _check_in_consensus(assessment)
    row = await load_scoring_row(tx, tx.tenant_id, assessment_id)
    if row is None:
        raise NotFound
    given = await build_input(tx, tx.tenant_id, row, as_of=None)
    if body.note is None and note_needed(body.value, count_letters(given.ballots.get(practice, ""))):
        error = FieldError("/body/note", "consensus_note_required", "Say why the consensus departs from the votes")
        raise ConsensusNoteRequired(errors=[error])
    fields = {
        "value": stored(body.value),
        "note": body.note,
        "method": body.method,
        "dissent": body.dissent,
        "recorded_by": tx.principal.id,
    }
    made = await _put(tx, Consensus, {"assessment_id": assessment_id, "practice": practice}, fields)
    record_event(
        tx,
        "assessment.consensus_recorded",
        assessment_id,
        organization_id=assessment.organization_id,
        data={"practice": practice},
    )
    answer = await queries.consensus(tx, tx.principal, assessment_id, practice)
    return Created(value=answer) if made else answer


async def remove_consensus(tx: Tx, assessment_id: UUID, practice: str) -> None:
    """Take a recorded consensus back.

    Raises:
        NotFound: none is recorded.
        Forbidden, Frozen, NotInConsensus: as for recording.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
    """
    assessment = (await lock_assessment(tx, assessment_id, "removeConsensus")).assessment
    _check_in_consensus(assessment)
    found = await _find(tx, Consensus, {"assessment_id": assessment_id, "practice": practice})
    if found is None:
        raise NotFound
    tx.expect(found)
    await tx.session.delete(found)
    record_event(
        tx,
        "assessment.consensus_removed",
        assessment_id,
        organization_id=assessment.organization_id,
        data={"practice": practice},
    )


async def rate_practice(
    tx: Tx, assessment_id: UUID, practice: str, body: PracticeRatingPut
) -> Created | PracticeRatingRead:
    """Say how important and how feasible a practice is to this team, or why it is left unscored.

    Raises:
        NotFound: no such assessment in sight, or no such practice in its instrument.
        Forbidden, Frozen: as everywhere.
        PreconditionRequired, PreconditionFailed: it would replace one, and If-Match is missing or stale.
    """
    assessment = (await lock_assessment(tx, assessment_id, "ratePractice")).assessment
    await _instrument_with(tx, assessment, practice)
    ensure_open(assessment)
    made = await _put(tx, PracticeRating, {"assessment_id": assessment_id, "practice": practice}, body.model_dump())
    record_event(
        tx,
        "assessment.practice_rated",
        assessment_id,
        organization_id=assessment.organization_id,
        data={"practice": practice},
    )
    answer = await queries.rating(tx, tx.principal, assessment_id, practice)
    return Created(value=answer) if made else answer


async def record_administration(tx: Tx, assessment_id: UUID, body: AdministrationPut) -> Created | AdministrationRead:
    """Record how the session was run.

    Raises:
        NotFound, Forbidden, Frozen: as everywhere.
        Invalid: a seat or a checklist item twice, or an item the instrument does not have.
        PreconditionRequired, PreconditionFailed: it would replace one, and If-Match is missing or stale.
    """
    assessment = (await lock_assessment(tx, assessment_id, "recordAdministration")).assessment
    ensure_open(assessment)
    instrument = await instrument_of(tx, tx.tenant_id, assessment.instrument_version_id)
    _check_administration(body, instrument)
    fields: dict[str, Any] = body.model_dump(mode="json")
    fields["recorded_by"] = tx.principal.id
    made = await _put(tx, AdministrationRecord, {"assessment_id": assessment_id}, fields)
    record_event(tx, "assessment.administration_recorded", assessment_id, organization_id=assessment.organization_id)
    answer = await queries.administration(tx, tx.principal, assessment_id)
    return Created(value=answer) if made else answer


def _check_in_consensus(assessment: Assessment) -> None:
    ensure_open(assessment)
    if assessment.state is not AssessmentState.CONSENSUS:
        raise NotInConsensus


def _check_administration(body: AdministrationPut, instrument: FrozenInstrument | None) -> None:
    errors = []
    seats = [present.seat for present in body.roles_present]
    if len(set(seats)) != len(seats):
        errors.append(FieldError("/body/roles_present", "repeated_seat", "A seat is named twice"))
    codes = [item.code for item in body.checklist]
    if len(set(codes)) != len(codes):
        errors.append(FieldError("/body/checklist", "repeated_item", "An item is named twice"))
    known = instrument.checklist if instrument else frozenset()
    errors += [
        FieldError(f"/body/checklist/{at}/code", "unknown_item", "The instrument's checklist has no such item")
        for at, code in enumerate(codes)
        if code not in known
    ]
    if errors:
        raise Invalid("Some of what was sent is not valid; see errors.", errors=errors)


async def _instrument_with(tx: Tx, assessment: Assessment, practice: str) -> None:
    instrument = await instrument_of(tx, tx.tenant_id, assessment.instrument_version_id)
    if instrument is None or not instrument.has(practice):
        raise NotFound


async def _find(tx: Tx, table: type[Kept], key: dict[str, Any]) -> Kept | None:
    columns: Any = table
    found: Kept | None = (
        await tx.session.execute(
            select(table)
            .where(columns.tenant_id == tx.tenant_id, *(getattr(table, name) == value for name, value in key.items()))
            .with_for_update()
        )
    ).scalar_one_or_none()
    return found


async def _put(tx: Tx, table: type[Kept], key: dict[str, Any], fields: dict[str, Any]) -> bool:
    """Insert or replace the one row with this key; whether it was made."""
    found = await _find(tx, table, key)
    if found is None:
        if tx.preconditions.has_if_match:
            raise PreconditionFailed("There is nothing to replace yet.")
        tx.session.add(table(tenant_id=tx.tenant_id, created_at=tx.now, updated_at=tx.now, **key, **fields))
        return True
    if tx.preconditions.must_not_exist:
        raise PreconditionFailed("There is one already.")
    tx.expect(found)
    for name, value in fields.items():
        setattr(found, name, value)
    tx.touch(found)
    return False
