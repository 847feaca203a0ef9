"""Reading seats."""

from uuid import UUID

from sqlalchemy import Boolean, Text, Uuid, and_, bindparam, select
from sqlmodel import col

from app.assessments.models import Participant
from app.assessments.seat_schemas import ParticipantRead
from app.db.listing import Listing
from app.db.reads import Read, Reader
from app.errors import NotFound

_HAS_TOKEN = and_(
    col(Participant.token_hash).is_not(None),
    col(Participant.token_revoked_at).is_(None),
    col(Participant.withdrawn_at).is_(None),
)
_ROWS = select(
    *(getattr(Participant, name) for name in ParticipantRead.model_fields if name != "has_token"),
    _HAS_TOKEN.label("has_token"),
).where(
    col(Participant.tenant_id) == bindparam("tenant_id", type_=Uuid()),
    col(Participant.assessment_id) == bindparam("assessment_id", type_=Uuid()),
)
_BY_ID = Read(_ROWS.where(col(Participant.id) == bindparam("id", type_=Uuid())))
LIST = Listing(
    "participants",
    _ROWS,
    key=col(Participant.id),
    orders={"id": col(Participant.id)},
    filters={
        "seat": col(Participant.seat) == bindparam("seat", type_=Text()),
        "perspective": col(Participant.perspective) == bindparam("perspective", type_=Text()),
        "withdrawn": col(Participant.withdrawn_at).is_not(None) == bindparam("withdrawn", type_=Boolean()),
    },
)


async def get(reader: Reader, tenant_id: UUID, assessment_id: UUID, participant_id: UUID) -> ParticipantRead:
    """One seat of an assessment the caller may read.

    Raises:
        NotFound: the assessment has no such seat.
    """
    row = await reader.fetch_one(_BY_ID, tenant_id=tenant_id, assessment_id=assessment_id, id=participant_id)
    if row is None:
        raise NotFound
    return ParticipantRead.model_validate(dict(row))
