"""Record consensus, ratings and the administration of the session."""

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from sqlmodel import col, select

from app.assessments.consensus.schemas import AdministrationPut, ConsensusesPut, ConsensusPut, PracticeRatingPut
from app.assessments.errors import ConsensusNoteRequired, NotInConsensus, UnknownPractice
from app.assessments.locking import ensure_open, lock_assessment
from app.assessments.models import (
    AdministrationRecord,
    Assessment,
    AssessmentState,
    Consensus,
    PracticeRating,
)
from app.assessments.reference_data import FrozenInstrument, load_instrument
from app.assessments.scoring_input import build_input, load_scoring_row
from app.assessments.votes.schemas import to_stored
from app.db.base import Versioned
from app.db.transaction import Preconditions, Stored, Tx, WriteOutcome
from app.errors import AppError, FieldError, Invalid, NotFound, PreconditionFailed
from app.events.record import record_event
from app.scoring import VoteCounts, consensus_needs_note, count_votes, parse_vote

Row = TypeVar("Row", bound=Versioned)


async def record_consensus(tx: Tx, assessment_id: UUID, practice: str, body: ConsensusPut) -> Stored[str]:
    """Record or replace the consensus on a practice.

    Raises:
        NotFound: no such assessment is visible, or its instrument has no such practice.
        Forbidden: the caller may not run the assessment.
        Frozen: the assessment has ended.
        NotInConsensus: the votes have not been revealed.
        ConsensusNoteRequired: it departs from the votes and has no note.
        PreconditionRequired, PreconditionFailed: it would replace one, and If-Match is missing or stale.
    """
    assessment = await _lock_for_consensus(tx, assessment_id, "recordConsensus", practice)
    _check_note(await _count_votes(tx, assessment_id), practice, body)
    outcome = await _put(tx, Consensus, {"assessment_id": assessment_id, "practice": practice}, _get_fields(tx, body))
    if outcome is not WriteOutcome.UNCHANGED:
        _record_consensus_event(tx, assessment, practice)
    return Stored(practice, outcome is WriteOutcome.CREATED)


async def record_all_consensus(tx: Tx, assessment_id: UUID, body: ConsensusesPut) -> list[str]:
    """Record or replace the consensus on many practices, all or none; the practices in the order sent.

    Raises:
        AppError: what `record_consensus` raises, for the first practice that is refused; ``errors`` says which.
        UnknownPractice: the instrument lacks one of the practices.
    """
    assessment = await _lock_for_consensus(tx, assessment_id, "recordAllConsensus")
    instrument = await load_instrument(tx, tx.tenant_id, assessment.instrument_version_id)
    counts, known = await _count_votes(tx, assessment_id), await _lock_all_consensus(tx, assessment_id)
    # Both batches of two callers go through the practices in the same order, so that they cannot deadlock.
    for at, entry in sorted(enumerate(body.items), key=lambda pair: pair[1].practice):
        key = {"assessment_id": assessment_id, "practice": entry.practice}
        try:
            if instrument is None or not instrument.has(entry.practice):
                raise UnknownPractice(
                    errors=[FieldError("/body/practice", UnknownPractice.code, UnknownPractice.title)]
                )
            _check_note(counts, entry.practice, entry)
            fields = _get_fields(tx, entry)
            row = _build_row(tx, Consensus, key, fields)
            outcome = _store(tx, known.get(entry.practice), row, fields, entry.preconditions())
        except AppError as refused:
            raise refused.within(f"/body/items/{at}") from None
        if outcome is not WriteOutcome.UNCHANGED:
            _record_consensus_event(tx, assessment, entry.practice)
    return [entry.practice for entry in body.items]


async def remove_consensus(tx: Tx, assessment_id: UUID, practice: str) -> None:
    """Delete a recorded consensus.

    Raises:
        NotFound: none is recorded.
        Forbidden, Frozen, NotInConsensus: as for recording.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
    """
    assessment = await _lock_for_consensus(tx, assessment_id, "removeConsensus")
    found = await _lock_row(tx, Consensus, {"assessment_id": assessment_id, "practice": practice})
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


async def rate_practice(tx: Tx, assessment_id: UUID, practice: str, body: PracticeRatingPut) -> Stored[str]:
    """Rate how important and how feasible a practice is to this team, or record why it stays unscored.

    Raises:
        NotFound: No such assessment is visible to the caller, or no such practice in its instrument.
        Forbidden: The caller may see it, but may not do this.
        Frozen: The assessment has ended.
        PreconditionRequired, PreconditionFailed: it would replace one, and If-Match is missing or stale.
    """
    assessment = (await lock_assessment(tx, assessment_id, "ratePractice")).assessment
    await _require_practice(tx, assessment, practice)
    ensure_open(assessment)
    outcome = await _put(tx, PracticeRating, {"assessment_id": assessment_id, "practice": practice}, body.model_dump())
    if outcome is not WriteOutcome.UNCHANGED:
        record_event(
            tx,
            "assessment.practice_rated",
            assessment_id,
            organization_id=assessment.organization_id,
            data={"practice": practice},
        )
    return Stored(practice, outcome is WriteOutcome.CREATED)


async def record_administration(tx: Tx, assessment_id: UUID, body: AdministrationPut) -> Stored[UUID]:
    """Record how the session was run.

    Raises:
        NotFound: The assessment does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        Frozen: The assessment has ended.
        Invalid: a seat or a checklist item twice, or an item the instrument does not have.
        PreconditionRequired, PreconditionFailed: it would replace one, and If-Match is missing or stale.
    """
    assessment = (await lock_assessment(tx, assessment_id, "recordAdministration")).assessment
    ensure_open(assessment)
    instrument = await load_instrument(tx, tx.tenant_id, assessment.instrument_version_id)
    _check_administration(body, instrument)
    fields: dict[str, Any] = body.model_dump(mode="json")
    fields["recorded_by"] = tx.principal.id
    outcome = await _put(tx, AdministrationRecord, {"assessment_id": assessment_id}, fields)
    if outcome is not WriteOutcome.UNCHANGED:
        event = "assessment.administration_recorded"
        record_event(tx, event, assessment_id, organization_id=assessment.organization_id)
    return Stored(assessment_id, outcome is WriteOutcome.CREATED)


async def _lock_for_consensus(tx: Tx, assessment_id: UUID, operation: str, practice: str | None = None) -> Assessment:
    assessment = (await lock_assessment(tx, assessment_id, operation)).assessment
    if practice is not None:
        await _require_practice(tx, assessment, practice)
    ensure_open(assessment)
    if assessment.state is not AssessmentState.CONSENSUS:
        raise NotInConsensus
    return assessment


async def _count_votes(tx: Tx, assessment_id: UUID) -> Mapping[str, VoteCounts]:
    row = await load_scoring_row(tx, tx.tenant_id, assessment_id)
    if row is None:
        raise NotFound
    assessment = await build_input(tx, tx.tenant_id, row, as_of=None)
    return dict(zip(assessment.instrument.codes, map(count_votes, assessment.votes), strict=True))


def _check_note(counts: Mapping[str, VoteCounts], practice: str, body: ConsensusPut) -> None:
    if body.note is None and consensus_needs_note(parse_vote(body.value), counts[practice]):
        error = FieldError("/body/note", "consensus_note_required", "Say why the consensus departs from the votes")
        raise ConsensusNoteRequired(errors=[error])


def _get_fields(tx: Tx, body: ConsensusPut) -> dict[str, Any]:
    return {
        "value": to_stored(body.value),
        "note": body.note,
        "method": body.method,
        "dissent": body.dissent,
        "recorded_by": tx.principal.id,
    }


def _record_consensus_event(tx: Tx, assessment: Assessment, practice: str) -> None:
    record_event(
        tx,
        "assessment.consensus_recorded",
        assessment.id,
        organization_id=assessment.organization_id,
        data={"practice": practice},
    )


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


async def _require_practice(tx: Tx, assessment: Assessment, practice: str) -> None:
    instrument = await load_instrument(tx, tx.tenant_id, assessment.instrument_version_id)
    if instrument is None or not instrument.has(practice):
        raise NotFound


async def _lock_row(tx: Tx, table: type[Row], key: dict[str, Any]) -> Row | None:
    columns: Any = table
    found: Row | None = (
        await tx.session.execute(
            select(table)
            .where(columns.tenant_id == tx.tenant_id, *(getattr(table, name) == value for name, value in key.items()))
            .with_for_update()
        )
    ).scalar_one_or_none()
    return found


async def _lock_all_consensus(tx: Tx, assessment_id: UUID) -> dict[str, Consensus]:
    found = await tx.session.execute(
        select(Consensus)
        .where(col(Consensus.tenant_id) == tx.tenant_id, col(Consensus.assessment_id) == assessment_id)
        .order_by(col(Consensus.practice))
        .with_for_update()
    )
    return {one.practice: one for one in found.scalars()}


async def _put(tx: Tx, table: type[Row], key: dict[str, Any], fields: dict[str, Any]) -> WriteOutcome:
    """Insert or replace the one row with this key."""
    found = await _lock_row(tx, table, key)
    return _store(tx, found, _build_row(tx, table, key, fields), fields, tx.preconditions)


def _build_row(tx: Tx, table: type[Row], key: dict[str, Any], fields: dict[str, Any]) -> Row:
    return table(tenant_id=tx.tenant_id, created_at=tx.now, updated_at=tx.now, **key, **fields)


def _store(tx: Tx, found: Row | None, row: Row, fields: dict[str, Any], asked: Preconditions) -> WriteOutcome:
    """Add a row, or change the fields of the row that was found. An equal row stays as it is."""
    if found is None:
        if asked.has_if_match:
            raise PreconditionFailed("There is nothing to replace yet.")
        tx.session.add(row)
        return WriteOutcome.CREATED
    if asked.must_not_exist:
        raise PreconditionFailed("There is one already.")
    if tx.is_repetition(found, fields, asked):
        return WriteOutcome.UNCHANGED
    tx.expect(found, asked)
    for name, value in fields.items():
        setattr(found, name, value)
    return WriteOutcome.REPLACED if tx.touch(found) else WriteOutcome.UNCHANGED
