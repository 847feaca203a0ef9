"""Correct a final assessment with a revision that replaces it. A final assessment is never edited."""

from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from sqlmodel import col, select

from app.assessments.dates import check_administered_on
from app.assessments.errors import NotFinal, RevisionExists
from app.assessments.history import record_change
from app.assessments.locking import check_archived_or_ended, lock_assessment
from app.assessments.models import (
    AdministrationRecord,
    Assessment,
    AssessmentState,
    Consensus,
    Participant,
    PracticeRating,
    Vote,
)
from app.assessments.schemas import RevisionCreate
from app.db.base import Versioned
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.events.record import record_event

Part = TypeVar("Part", bound=Versioned)
# Columns that are not copied: the identity of the row and the claim of a seat.
_NOT_COPIED = frozenset(
    {"id", "created_at", "updated_at", "version", "assessment_id", "claimed_at"}
    | {"token_hash", "token_revoked_at", "holder_id"}
)
_NOT_COPIED_OF_ASSESSMENT = frozenset({"title", "state", "supersedes_id", "finalized_at"}) | _NOT_COPIED


async def revise(tx: Tx, assessment_id: UUID, body: RevisionCreate) -> UUID:
    """Create a revision of a final assessment: a full copy, in consensus, linked to the assessment it corrects.

    The corrected assessment stays as it is and counts until the revision is final. Seats keep their votes and get no
    tokens. Invite again the respondents who are to vote again. A new claim never sees the copied votes.

    Raises:
        NotFound: The assessment does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        NotFinal: the assessment is not final.
        OrganizationArchived, ImplementationEnded: the organization or the implementation allows no revision.
        RevisionExists: it has a revision that is not void.
        AdministeredInFuture: the session has not taken place where the organization is now.
    """
    locked = await lock_assessment(tx, assessment_id, "reviseAssessment", lock="update")
    corrected = locked.assessment
    if corrected.state is not AssessmentState.FINAL:
        raise NotFinal
    await check_archived_or_ended(tx, locked, "reviseAssessment")
    if await _has_revision(tx, corrected):
        raise RevisionExists
    check_administered_on(corrected.administered_on, locked.day(tx.now))
    revision = Assessment(
        **_copied(corrected, without=_NOT_COPIED_OF_ASSESSMENT),
        title=body.title or corrected.title,
        state=AssessmentState.CONSENSUS,
        supersedes_id=corrected.id,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.session.add(revision)
    await tx.session.flush()
    seats = await _copy_seats(tx, corrected, revision)
    for table in (Consensus, PracticeRating, AdministrationRecord):
        _add_copies(tx, revision, await _parts(tx, table, corrected))
    for vote in await _parts(tx, Vote, corrected):
        _add_copies(tx, revision, [vote], participant_id=seats[vote.participant_id])
    record_change(tx, revision, None, body.reason)
    record_event(
        tx,
        "assessment.revised",
        revision.id,
        organization_id=revision.organization_id,
        data={"supersedes_id": str(corrected.id)},
    )
    return revision.id


async def _has_revision(tx: Tx, corrected: Assessment) -> bool:
    found = await tx.session.scalar(
        select(Assessment.id).where(
            col(Assessment.tenant_id) == tx.tenant_id,
            col(Assessment.supersedes_id) == corrected.id,
            col(Assessment.state) != AssessmentState.VOID,
        )
    )
    return found is not None


async def _copy_seats(tx: Tx, corrected: Assessment, revision: Assessment) -> dict[UUID, UUID]:
    seats: dict[UUID, UUID] = {}
    for seat in await _parts(tx, Participant, corrected):
        seats[seat.id] = uuid7()
        _add_copies(tx, revision, [seat], id=seats[seat.id])
    await tx.session.flush()
    return seats


async def _parts(tx: Tx, table: type[Part], assessment: Assessment) -> list[Part]:
    columns: Any = table
    found = await tx.session.execute(
        select(table)
        .where(columns.tenant_id == tx.tenant_id, columns.assessment_id == assessment.id)
        .order_by(columns.id)
    )
    return list(found.scalars())


def _add_copies(tx: Tx, revision: Assessment, parts: Iterable[Versioned], **changed: Any) -> None:
    for part in parts:
        fields = {**_copied(part, without=_NOT_COPIED), "assessment_id": revision.id, **changed}
        tx.session.add(type(part)(**fields, created_at=tx.now, updated_at=tx.now))


def _copied(row: Versioned, *, without: frozenset[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).model_fields if name not in without}
