"""Reads of votes, rendered by PostgreSQL, for seats of the same assessment only."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text, Uuid, and_, any_, bindparam, exists, not_, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.assessments.models import Assessment, Participant, Vote, VoteValue
from app.assessments.votes.schemas import VoteRead, from_stored
from app.db.keyset import Listing
from app.db.sql_json import Rendered, json_choice, render
from app.db.statement import Read
from app.db.transaction import CallerReader

_Former = aliased(Vote)
_UPDATED_SINCE = bindparam("updated_since", type_=DateTime(timezone=True))
_OF_OWN_SEAT = col(Vote.participant_id) == bindparam("own_seat", type_=Uuid())
_OWN = and_(_OF_OWN_SEAT, col(Vote.claim) == bindparam("own_claim", type_=Integer()))
# Other seats' votes that were counted by a reveal after the caller's claim (see `seat_rules.counted_votes`). A vote is
# left out where an earlier claim of its seat has a vote on the practice, because that one counts.
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


def _render(statement: Any, *columns: Any) -> Any:
    value = json_choice(col(Vote.value), {value: from_stored(value) for value in VoteValue})
    on_paper = col(Vote.entered_by).is_not(None)
    return render(statement, Vote, VoteRead, col(Vote.id), *columns, value=value, on_paper=on_paper)


_VOTES = select(col(Vote.id)).where(col(Vote.tenant_id) == bindparam("tenant_id", type_=Uuid()))
_WRITTEN = Read(_render(_VOTES, col(Vote.version)).where(col(Vote.id) == any_(bindparam("ids", type_=ARRAY(Uuid())))))
LIST = Listing(
    "votes",
    _render(
        _VOTES.join(
            Participant,
            and_(col(Participant.tenant_id) == col(Vote.tenant_id), col(Participant.id) == col(Vote.participant_id)),
        )
        # The revealed round is read in this statement. If it were read before, a follower could miss a close in
        # between.
        .join(
            Assessment,
            and_(col(Assessment.tenant_id) == col(Vote.tenant_id), col(Assessment.id) == col(Vote.assessment_id)),
        )
        .where(col(Vote.assessment_id) == bindparam("assessment_id", type_=Uuid()), or_(_OWN, _REVEALED))
    ),
    key=col(Vote.id),
    orders={"id": col(Vote.id)},
    filters={
        "participant_id": col(Vote.participant_id) == bindparam("participant_id", type_=Uuid()),
        "practice": col(Vote.practice) == bindparam("practice", type_=Text()),
        "round": col(Vote.round) == bindparam("round", type_=Integer()),
        # A seat first sees the votes of others at the close, which is later than their last change.
        "updated_since": or_(
            col(Vote.updated_at) >= _UPDATED_SINCE,
            and_(not_(_OF_OWN_SEAT), col(Assessment.closed_at) >= _UPDATED_SINCE),
        ),
    },
)


async def get_vote(reader: CallerReader, vote_id: UUID) -> Rendered:
    """Return a vote that the caller has just cast."""
    [row] = await reader.fetch(_WRITTEN, tenant_id=reader.principal.tenant_id, ids=[vote_id])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


async def get_votes(reader: CallerReader, vote_ids: Sequence[UUID]) -> Rendered:
    """Return votes that the caller has just cast, in the order of their ids."""
    rows = await reader.fetch(_WRITTEN, tenant_id=reader.principal.tenant_id, ids=vote_ids)
    bodies = {row["id"]: row["rendered"] for row in rows}
    return Rendered(b'{"items":[%b]}' % b",".join(bodies[id_] for id_ in vote_ids))
