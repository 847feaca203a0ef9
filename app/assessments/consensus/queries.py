"""Reads of consensus, ratings and the administration record, rendered by PostgreSQL."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from app.access.policy import require_for_assessment
from app.assessments.consensus.schemas import AdministrationRead, ConsensusRead, PracticeRatingRead
from app.assessments.models import AdministrationRecord, Consensus, PracticeRating, VoteValue
from app.assessments.queries import guarded, guarded_row
from app.assessments.votes.schemas import from_stored
from app.db.keyset import Listing
from app.db.sql_json import Rendered, json_choice, render
from app.db.statement import Read
from app.db.transaction import CallerReader
from app.tree.models import Organization

_PRACTICE = bindparam("practice", type_=Text())
_UPDATED_SINCE = bindparam("updated_since", type_=DateTime(timezone=True))
_VALUE = json_choice(col(Consensus.value), {value: from_stored(value) for value in VoteValue})


def _rows(table: Any) -> Any:
    return select(table.id).where(
        table.tenant_id == bindparam("tenant_id", type_=Uuid()),
        table.assessment_id == bindparam("assessment_id", type_=Uuid()),
    )


def _many(table: Any, model: Any, **computed: Any) -> Any:
    return render(_rows(table), table, model, table.id, **computed)


def _one(table: Any, model: Any, *columns: Any, **computed: Any) -> Any:
    rows = guarded(_rows(table), table)
    return render(rows, table, model, table.id, table.version, col(Organization.path), *columns, **computed)


_ONE_CONSENSUS = Read(_one(Consensus, ConsensusRead, value=_VALUE).where(col(Consensus.practice) == _PRACTICE))
_SOME_CONSENSUS = Read(
    _one(Consensus, ConsensusRead, col(Consensus.practice), value=_VALUE).where(
        col(Consensus.practice) == any_(bindparam("practices", type_=ARRAY(Text())))
    )
)
_ONE_RATING = Read(_one(PracticeRating, PracticeRatingRead).where(col(PracticeRating.practice) == _PRACTICE))
_ADMINISTRATION = Read(_one(AdministrationRecord, AdministrationRead))
CONSENSUS = Listing(
    "consensus",
    _many(Consensus, ConsensusRead, value=_VALUE),
    key=col(Consensus.id),
    orders={"id": col(Consensus.id)},
    filters={"updated_since": col(Consensus.updated_at) >= _UPDATED_SINCE},
)
RATINGS = Listing(
    "practice-ratings",
    _many(PracticeRating, PracticeRatingRead),
    key=col(PracticeRating.id),
    orders={"id": col(PracticeRating.id)},
    filters={"updated_since": col(PracticeRating.updated_at) >= _UPDATED_SINCE},
)


async def get_consensus(reader: CallerReader, assessment_id: UUID, practice: str) -> Rendered:
    """Return the consensus on a practice.

    Raises:
        NotFound: none is recorded, or the assessment is not visible to the caller.
    """
    return await _get(reader, _ONE_CONSENSUS, assessment_id, "getConsensus", practice=practice)


async def get_all_consensus(reader: CallerReader, assessment_id: UUID, practices: Sequence[str]) -> Rendered:
    """Return the consensus on these practices, in their order. Each of them must be recorded.

    Raises:
        NotFound: the assessment is not visible to the caller.
    """
    rows = await reader.fetch(
        _SOME_CONSENSUS, tenant_id=reader.principal.tenant_id, assessment_id=assessment_id, practices=practices
    )
    for row in rows:
        require_for_assessment(reader.principal, "getConsensus", row["path"], assessment_id)
    bodies = {row["practice"]: row["rendered"] for row in rows}
    return Rendered(b'{"items":[%b]}' % b",".join(bodies[practice] for practice in practices))


async def get_rating(reader: CallerReader, assessment_id: UUID, practice: str) -> Rendered:
    """Return the team's rating of a practice.

    Raises:
        NotFound: there is none, or the assessment is not visible to the caller.
    """
    return await _get(reader, _ONE_RATING, assessment_id, "getPracticeRating", practice=practice)


async def get_administration(reader: CallerReader, assessment_id: UUID) -> Rendered:
    """Return the administration record.

    Raises:
        NotFound: there is none yet, or the assessment is not visible to the caller.
    """
    return await _get(reader, _ADMINISTRATION, assessment_id, "getAdministration")


async def _get(reader: CallerReader, read: Read, assessment_id: UUID, operation: str, **values: Any) -> Rendered:
    row = await guarded_row(reader, read, reader.principal, assessment_id, operation, **values)
    return Rendered(row["rendered"], version=row["version"], id=row["id"])
