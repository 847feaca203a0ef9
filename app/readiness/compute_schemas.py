"""The request that computes a readiness object without storing anything."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from app.readiness import examples
from app.readiness.schemas import ConsensusValue, Perspective, Stage, StrictLevel
from app.schemas import Body, Count, Day, Key, Prose

VoteValue = StrictLevel | Literal["dont_know", "not_applicable"]
StrictRating = Annotated[int, Field(ge=1, le=5, strict=True)]


class ComputeRespondent(Body):
    """One respondent of a computation."""

    id: Key = Field(description="Any id that is distinct among the respondents.")
    perspective: Perspective | None = Field(default=None, description="What the respondent speaks for.")


class ComputeConsensus(Body):
    """One recorded consensus."""

    value: ConsensusValue = Field(description="0, 1, 2 or `not_applicable`.")
    note: Prose | None = Field(default=None, description="Why, where the consensus departs from the votes.")


class ComputeMetric(Body):
    """A figure of a metric, as a numerator out of a denominator."""

    numerator: Count = Field(description="What was counted.", examples=[34])
    denominator: Annotated[int, Field(strict=True, ge=1, le=2_000_000_000)] = Field(
        description="Out of how many.", examples=[40]
    )


class ReadinessCompute(Body):
    """Votes and consensus to compute a readiness object from. Nothing is stored."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.compute_request()]})

    instrument_key: Key | None = Field(default=None, description="Instrument; the shipped one by default.")
    instrument_version: Key | None = Field(default=None, description="Its version; the latest published by default.")
    scoring_profile_id: UUID | None = Field(default=None, description="The newest default profile, unless named.")
    stage: Stage | None = Field(default=None, description="Stage of implementation.")
    as_of: Day | None = Field(default=None, description="Date the result is asked for.")
    respondents: list[ComputeRespondent] = Field(
        default_factory=list, max_length=200, description="Respondent seats, at most 200."
    )
    votes: dict[Key, dict[Key, VoteValue]] = Field(
        default_factory=dict,
        max_length=100,
        description="Vote by practice code and respondent id: 0, 1, 2, `dont_know` or `not_applicable`.",
    )
    consensus: dict[Key, ComputeConsensus] = Field(
        default_factory=dict, max_length=100, description="Consensus by practice code; it wins over the votes."
    )
    left_unscored: dict[Key, Prose] = Field(
        default_factory=dict,
        max_length=100,
        description="Note by practice code, for practices the team leaves unscored.",
    )
    importance: dict[Key, StrictRating] = Field(
        default_factory=dict, max_length=100, description="Importance 1 to 5 by practice code."
    )
    feasibility: dict[Key, StrictRating] = Field(
        default_factory=dict, max_length=100, description="Feasibility 1 to 5 by practice code."
    )
    metrics: dict[Key, ComputeMetric] = Field(
        default_factory=dict,
        max_length=100,
        description="Figure by the key of a metric of the instrument, for the signals of the practices. No score "
        "depends on it.",
    )
    has_administration_record: bool = Field(
        default=False, strict=True, description="Whether the administration was recorded."
    )
