"""Reading consensus, ratings and the administration record."""

from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, bindparam, select
from sqlmodel import col

from app.assessments.consensus.schemas import AdministrationRead, ConsensusRead, PracticeRatingRead
from app.assessments.models import AdministrationRecord, Consensus, PracticeRating
from app.assessments.queries import guarded, guarded_row
from app.assessments.votes.schemas import on_wire
from app.db.keyset import Listing
from app.db.statement import Read, Reader, Row, from_json
from app.principal import Principal

_PRACTICE = bindparam("practice", type_=Text())
_UPDATED_SINCE = bindparam("updated_since", type_=DateTime(timezone=True))


def _rows(table: Any, fields: Any) -> Any:
    return select(*(getattr(table, name) for name in fields)).where(
        table.tenant_id == bindparam("tenant_id", type_=Uuid()),
        table.assessment_id == bindparam("assessment_id", type_=Uuid()),
    )


_CONSENSUS = _rows(Consensus, ConsensusRead.model_fields)
_RATINGS = _rows(PracticeRating, PracticeRatingRead.model_fields)
_ONE_CONSENSUS = Read(guarded(_CONSENSUS, Consensus).where(col(Consensus.practice) == _PRACTICE))
_ONE_RATING = Read(guarded(_RATINGS, PracticeRating).where(col(PracticeRating.practice) == _PRACTICE))
_ADMINISTRATION = Read(guarded(_rows(AdministrationRecord, AdministrationRead.model_fields), AdministrationRecord))
CONSENSUS = Listing(
    "consensus",
    _CONSENSUS,
    key=col(Consensus.id),
    orders={"id": col(Consensus.id)},
    filters={"updated_since": col(Consensus.updated_at) >= _UPDATED_SINCE},
)
RATINGS = Listing(
    "practice-ratings",
    _RATINGS,
    key=col(PracticeRating.id),
    orders={"id": col(PracticeRating.id)},
    filters={"updated_since": col(PracticeRating.updated_at) >= _UPDATED_SINCE},
)


def present_consensus(row: Row) -> ConsensusRead:
    """A consensus as the wire has it."""
    fields: dict[str, Any] = dict(row)
    fields["value"] = on_wire(row["value"])
    return ConsensusRead.model_validate(fields)


def present_rating(row: Row) -> PracticeRatingRead:
    """A rating as the wire has it."""
    return PracticeRatingRead.model_validate(dict(row))


async def consensus(reader: Reader, principal: Principal, assessment_id: UUID, practice: str) -> ConsensusRead:
    """The consensus on a practice.

    Raises:
        NotFound: none is recorded, or none of it is in the caller's sight.
    """
    return present_consensus(
        await guarded_row(reader, _ONE_CONSENSUS, principal, assessment_id, "getConsensus", practice=practice)
    )


async def rating(reader: Reader, principal: Principal, assessment_id: UUID, practice: str) -> PracticeRatingRead:
    """The team's rating of a practice.

    Raises:
        NotFound: there is none, or none of it is in the caller's sight.
    """
    return present_rating(
        await guarded_row(reader, _ONE_RATING, principal, assessment_id, "getPracticeRating", practice=practice)
    )


async def administration(reader: Reader, principal: Principal, assessment_id: UUID) -> AdministrationRead:
    """The administration record.

    Raises:
        NotFound: there is none yet, or none of it is in the caller's sight.
    """
    row = await guarded_row(reader, _ADMINISTRATION, principal, assessment_id, "getAdministration")
    fields = {**row, "roles_present": from_json(row["roles_present"]), "checklist": from_json(row["checklist"])}
    return AdministrationRead.model_validate(fields)
