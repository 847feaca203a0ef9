"""What goes in and out of the votes' routes."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from app.assessments.models import VoteValue
from app.http.pagination import ListQuery
from app.schemas import Body, Instant, Key, Prose, Resource, ResponseModel

_BALLOT_VOTE: dict[str, Any] = {
    "participant_id": "0198c6f1-9999-7e4f-9a50-61b2c3d4e5f6",
    "practice": "P1",
    "value": 1,
}
_VOTE: dict[str, Any] = {
    "id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
    "version": 1,
    "created_at": "2026-10-05T13:00:00Z",
    "updated_at": "2026-10-05T13:00:00Z",
    **_BALLOT_VOTE,
    "round": 1,
    "comment": "Training is funded, coaching is not.",
    "on_paper": False,
}

# Strict, because true and 1.0 are no votes.
Level = Annotated[int, Field(strict=True, ge=0, le=2)]
Answer = Level | Literal["dont_know", "not_applicable"]
ConsensusValue = Level | Literal["not_applicable"]


def to_stored(value: int | str) -> VoteValue:
    """Convert an answer to its stored form."""
    return VoteValue(str(value))


def from_stored(value: str) -> int | str:
    """Convert a stored answer to its form in JSON, in which levels are numbers."""
    return int(value) if value in {"0", "1", "2"} else value


class VoteCast(Body):
    """A vote on one practice."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"value": 1, "comment": "Training is funded, coaching is not."}]}
    )

    value: Answer = Field(
        description="0 not in place, 1 partially in place, 2 in place, `dont_know` or `not_applicable`."
    )
    comment: Prose | None = Field(default=None, description="Comment to the team, shown after the reveal.")


class VoteRead(Resource):
    """A vote. Its owner sees it at any time. After a reveal, every seat that was claimed before sees it."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"examples": [_VOTE]},
    )

    participant_id: UUID
    """Id of the seat that the vote belongs to."""
    practice: str
    """Code of the practice."""
    round: int
    """Round in which it was cast, from 1."""
    value: Answer
    """0 not in place, 1 partially in place, 2 in place, `dont_know` or `not_applicable`."""
    comment: str | None
    """Comment to the team. Null: none."""
    on_paper: bool = Field(description="Whether it was entered from a paper ballot.")


class BallotVote(VoteCast):
    """One of many votes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_BALLOT_VOTE, "comment": None, "version": None}]})

    participant_id: UUID
    """Id of the seat that the vote belongs to."""
    practice: Key
    """Code of the practice."""
    version: Annotated[int, Field(strict=True, ge=1, le=2_000_000_000)] | None = Field(
        default=None, description="Version of the vote that this one replaces. Null: it is new."
    )


class VotesCast(Body):
    """Many votes, all or none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"votes": [_BALLOT_VOTE]}]})

    votes: list[BallotVote] = Field(min_length=1, max_length=500)
    """The votes; each pair of seat and practice once."""


class Ballot(ResponseModel):
    """The votes as they were stored, in the order sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_VOTE]}]})

    items: list[VoteRead]
    """The votes, in the order sent."""


class VoteQuery(ListQuery):
    """Filters of the list of votes."""

    participant_id: UUID | None = None
    """Only votes of this seat."""
    practice: Key | None = None
    """Only votes on this practice."""
    round: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Only votes of this round."""
    updated_since: Instant | None = Field(
        default=None,
        description="Only those changed at this instant or later. Votes of others count as changed at the last close.",
    )
