"""Reads of seats, rendered by PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, DateTime, Text, Uuid, and_, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from app.assessments.models import Participant, SeatChange
from app.assessments.participants.schemas import Invitation, ParticipantRead, SeatChangeRead
from app.assessments.queries import guarded, guarded_row
from app.db.keyset import Listing
from app.db.sql_json import Rendered, render
from app.db.statement import Read, Row
from app.db.transaction import CallerReader
from app.schemas import RedactionReason
from app.tree.models import Organization

HAS_TOKEN = and_(
    col(Participant.token_hash).is_not(None),
    col(Participant.token_revoked_at).is_(None),
    col(Participant.withdrawn_at).is_(None),
)
_TENANT = bindparam("tenant_id", type_=Uuid())
_SEATS = select(col(Participant.id)).where(
    col(Participant.tenant_id) == _TENANT,
    col(Participant.assessment_id) == bindparam("assessment_id", type_=Uuid()),
)


def _render(statement: Any, *columns: Any) -> Any:
    return render(statement, Participant, ParticipantRead, col(Participant.id), *columns, has_token=HAS_TOKEN)


_SEAT = Read(
    _render(guarded(_SEATS, Participant), col(Participant.version), col(Organization.path)).where(
        col(Participant.id) == bindparam("id", type_=Uuid())
    )
)
_NEW_SEATS = Read(
    _render(select(col(Participant.id)), col(Participant.version)).where(
        col(Participant.tenant_id) == _TENANT, col(Participant.id) == any_(bindparam("ids", type_=ARRAY(Uuid())))
    )
)
LIST = Listing(
    "participants",
    _render(_SEATS),
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
    render(select(col(SeatChange.id)), SeatChange, SeatChangeRead, col(SeatChange.id)).where(
        col(SeatChange.tenant_id) == _TENANT,
        col(SeatChange.assessment_id) == bindparam("assessment_id", type_=Uuid()),
        col(SeatChange.participant_id) == bindparam("seat_id", type_=Uuid()),
    ),
    key=col(SeatChange.id),
    orders={"id": col(SeatChange.id)},
    filters={"updated_since": col(SeatChange.created_at) >= bindparam("updated_since", type_=DateTime(timezone=True))},
)


async def get_participant(reader: CallerReader, key: tuple[UUID, UUID]) -> Rendered:
    """Return one seat of an assessment.

    Args:
        key: the ids of the assessment and the seat.

    Raises:
        NotFound: the assessment has no such seat, or is not visible to the caller.
    """
    row = await _guard(reader, key, "getParticipant")
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


async def require_participant(reader: CallerReader, key: tuple[UUID, UUID], operation: str) -> None:
    """Check that the caller may perform an operation on a seat.

    Raises:
        NotFound: the assessment has no such seat, or is not visible to the caller.
        Forbidden: It is visible, but the operation is not allowed.
    """
    await _guard(reader, key, operation)


async def _guard(reader: CallerReader, key: tuple[UUID, UUID], operation: str) -> Row:
    assessment_id, participant_id = key
    return await guarded_row(reader, _SEAT, reader.principal, assessment_id, operation, id=participant_id)


async def get_new_seat(reader: CallerReader, invitations: Mapping[UUID, Invitation | None]) -> Rendered:
    """Return a seat that the caller has just added, with its invitation."""
    [seat_id] = invitations
    seats = await _fetch_new(reader, [seat_id])
    seat, invitation = seats[seat_id], invitations[seat_id]

    def show(reason: RedactionReason | None = None) -> Rendered:
        return Rendered(_with_invitation(seat, invitation, reason), version=seat["version"], id=seat_id, redact=show)

    return show()


async def get_new_seats(reader: CallerReader, invitations: Mapping[UUID, Invitation | None]) -> Rendered:
    """Return seats that the caller has just added, in the order of the invitations, each with its own."""
    seats = await _fetch_new(reader, list(invitations))

    def show(reason: RedactionReason | None = None) -> Rendered:
        bodies = [_with_invitation(seats[id_], invitation, reason) for id_, invitation in invitations.items()]
        return Rendered(b'{"items":[%b]}' % b",".join(bodies), redact=show)

    return show()


async def _fetch_new(reader: CallerReader, ids: Sequence[UUID]) -> dict[UUID, Row]:
    rows = await reader.fetch(_NEW_SEATS, tenant_id=reader.principal.tenant_id, ids=ids)
    return {row["id"]: row for row in rows}


def _with_invitation(seat: Row, invitation: Invitation | None, reason: RedactionReason | None) -> bytes:
    if invitation is not None and reason is not None:
        invitation = invitation.redacted(reason)
    shown = b"null" if invitation is None else invitation.model_dump_json().encode()
    return b'%b,"invitation":%b}' % (seat["rendered"][:-1], shown)
