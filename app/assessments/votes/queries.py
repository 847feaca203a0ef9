"""Reads of votes, for seats of the same assessment only."""

from typing import Any

from sqlalchemy import DateTime, Integer, Text, Uuid, and_, bindparam, exists, not_, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.assessments.models import Assessment, Participant, Vote
from app.assessments.votes.schemas import VoteRead, on_wire
from app.db.keyset import Listing
from app.db.statement import Row

_Former = aliased(Vote)
_UPDATED_SINCE = bindparam("updated_since", type_=DateTime(timezone=True))
_OF_OWN_SEAT = col(Vote.participant_id) == bindparam("own_seat", type_=Uuid())
_OWN = and_(_OF_OWN_SEAT, col(Vote.claim) == bindparam("own_claim", type_=Integer()))
# The votes counted by reveals after the caller's claim: see `seat_rules.counted_votes`. A claim never sees the votes
# of a former claim of the same seat.
_REVEALED = and_(
    not_(_OF_OWN_SEAT),
    col(Vote.round) >= bindparam("sees_from", type_=Integer()),
    col(Vote.round) <= col(Assessment.revealed_round),
    or_(col(Participant.withdrawn_at).is_(None), col(Vote.round) <= col(Participant.counted_round)),
    not_(
        exists().where(
            col(_Former.tenant_id) == col(Vote.tenant_id),
            col(_Former.assessment_id) == col(Vote.assessment_id),
            col(_Former.participant_id) == col(Vote.participant_id),
            col(_Former.practice) == col(Vote.practice),
            col(_Former.round) <= col(Vote.round),
            col(_Former.claim) < col(Vote.claim),
        )
    ),
)
LIST = Listing(
    "votes",
    select(
        col(Vote.id),
        col(Vote.version),
        col(Vote.created_at),
        col(Vote.updated_at),
        col(Vote.participant_id),
        col(Vote.practice),
        col(Vote.round),
        col(Vote.value),
        col(Vote.comment),
        col(Vote.entered_by).is_not(None).label("on_paper"),
    )
    .join(
        Participant,
        and_(col(Participant.tenant_id) == col(Vote.tenant_id), col(Participant.id) == col(Vote.participant_id)),
    )
    # In the same statement: a close between two statements would be in neither this page nor the next pass.
    .join(
        Assessment,
        and_(col(Assessment.tenant_id) == col(Vote.tenant_id), col(Assessment.id) == col(Vote.assessment_id)),
    )
    .where(
        col(Vote.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(Vote.assessment_id) == bindparam("assessment_id", type_=Uuid()),
        or_(_OWN, _REVEALED),
    ),
    key=col(Vote.id),
    orders={"id": col(Vote.id)},
    filters={
        "participant_id": col(Vote.participant_id) == bindparam("participant_id", type_=Uuid()),
        "practice": col(Vote.practice) == bindparam("practice", type_=Text()),
        "round": col(Vote.round) == bindparam("round", type_=Integer()),
        # The votes of others change for a seat when they are revealed, later than they were cast.
        "updated_since": or_(
            col(Vote.updated_at) >= _UPDATED_SINCE,
            and_(not_(_OF_OWN_SEAT), col(Assessment.closed_at) >= _UPDATED_SINCE),
        ),
    },
)


def present(row: Row) -> VoteRead:
    """Return the representation of a row."""
    fields: dict[str, Any] = dict(row)
    fields["value"] = on_wire(row["value"])
    return VoteRead.model_validate(fields)


def present_stored(vote: Vote) -> VoteRead:
    """Return the representation of a vote that was just written."""
    return VoteRead(
        id=vote.id,
        version=vote.version,
        created_at=vote.created_at,
        updated_at=vote.updated_at,
        participant_id=vote.participant_id,
        practice=vote.practice,
        round=vote.round,
        value=on_wire(vote.value),
        comment=vote.comment,
        on_paper=vote.entered_by is not None,
    )
