"""Reads of seats."""

from uuid import UUID

from sqlalchemy import Boolean, DateTime, Text, Uuid, and_, bindparam, select
from sqlmodel import col

from app.assessments.models import Participant, SeatChange
from app.assessments.participants.schemas import ParticipantRead, SeatChangeRead
from app.assessments.queries import guarded, guarded_row
from app.db.keyset import Listing
from app.db.statement import Read, Reader
from app.principal import Principal

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
_BY_ID = Read(guarded(_ROWS, Participant).where(col(Participant.id) == bindparam("id", type_=Uuid())))
LIST = Listing(
    "participants",
    _ROWS,
    key=col(Participant.id),
    orders={"id": col(Participant.id)},
    filters={
        "seat": col(Participant.seat) == bindparam("seat", type_=Text()),
        "channel": col(Participant.channel) == bindparam("channel", type_=Text()),
        "perspective": col(Participant.perspective) == bindparam("perspective", type_=Text()),
        "withdrawn": col(Participant.withdrawn_at).is_not(None) == bindparam("withdrawn", type_=Boolean()),
        "updated_since": col(Participant.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
)

HISTORY = Listing(
    "seat-history",
    select(*(getattr(SeatChange, name) for name in SeatChangeRead.model_fields)).where(
        col(SeatChange.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(SeatChange.assessment_id) == bindparam("assessment_id", type_=Uuid()),
        col(SeatChange.participant_id) == bindparam("seat_id", type_=Uuid()),
    ),
    key=col(SeatChange.id),
    orders={"id": col(SeatChange.id)},
    filters={"updated_since": col(SeatChange.created_at) >= bindparam("updated_since", type_=DateTime(timezone=True))},
)


async def get(
    reader: Reader,
    principal: Principal,
    assessment_id: UUID,
    participant_id: UUID,
    operation: str = "getParticipant",
) -> ParticipantRead:
    """Return one seat of an assessment.

    Raises:
        NotFound: the assessment has no such seat, or is not visible to the caller.
    """
    row = await guarded_row(reader, _BY_ID, principal, assessment_id, operation, id=participant_id)
    return ParticipantRead.model_validate(dict(row))


def present_stored(seat: Participant) -> ParticipantRead:
    """Return a seat just written, as a read shows it."""
    has_token = seat.token_hash is not None and seat.token_revoked_at is None and seat.withdrawn_at is None
    return ParticipantRead.model_validate({**seat.model_dump(), "has_token": has_token})
