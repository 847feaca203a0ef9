"""What goes in and out of the routes for consensus, ratings and the administration record."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.assessments.models import ConsensusMethod
from app.assessments.votes.schemas import ConsensusValue
from app.db.transaction import Preconditions
from app.http.pagination import ListQuery
from app.principal import SeatKind
from app.schemas import Body, Instant, Key, Prose, Resource, ResponseModel

Rating = Annotated[int, Field(strict=True, ge=1, le=5)]


class ConsensusPut(Body):
    """What the team agreed a practice is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"value": 1, "note": "Training is funded, coaching starts in spring."}]}
    )

    value: ConsensusValue = Field(description="0, 1, 2 or `not_applicable`.")
    note: Prose | None = Field(
        default=None,
        description="Why. Required without any vote, outside the votes' range, and for `not_applicable` over "
        "numeric votes.",
    )
    method: ConsensusMethod = Field(default=ConsensusMethod.DISCUSSION, description="How the team reached it.")
    dissent: Prose | None = Field(default=None, description="What those who disagree want on record.")


class ConsensusEntry(ConsensusPut):
    """What the team agreed one of many practices is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"practice": "P1", "value": 1, "note": "Training is funded.", "version": 1}]}
    )

    practice: Key = Field(description="Code of the practice in the instrument.", examples=["P1"])
    version: Annotated[int, Field(strict=True, ge=1, le=2_000_000_000)] | None = Field(
        default=None,
        description="The version that was read, where this replaces a recorded consensus; absent: none is recorded "
        "yet. Refused with 428 where one is recorded and no version is sent, with 412 where the version is stale.",
        examples=[1],
    )

    def preconditions(self) -> Preconditions:
        """Return the preconditions that an If-Match header would state for this practice."""
        return Preconditions(
            if_match=None if self.version is None else frozenset({self.version}),
            has_if_match=self.version is not None,
        )


def _each_practice_once(entries: list[ConsensusEntry]) -> list[ConsensusEntry]:
    if len({entry.practice for entry in entries}) != len(entries):
        raise PydanticCustomError("repeated_practice", "A practice is named twice")
    return entries


class ConsensusesPut(Body):
    """The consensus on many practices, all or none. Practices that are not named keep what they have."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {"practice": "P1", "value": 1, "note": "Training is funded, coaching starts in spring."},
                        {"practice": "P2", "value": 2, "version": 1},
                    ]
                }
            ]
        }
    )

    items: Annotated[list[ConsensusEntry], AfterValidator(_each_practice_once)] = Field(
        min_length=1, max_length=100, description="One entry for each practice."
    )


_CONSENSUS: dict[str, Any] = {
    "id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
    "version": 1,
    "created_at": "2026-10-05T13:00:00Z",
    "updated_at": "2026-10-05T13:00:00Z",
    "practice": "P1",
    "value": 1,
    "note": "Training is funded, coaching starts in spring.",
    "method": "discussion",
    "dissent": None,
    "recorded_by": "0198c6ef-3333-7444-8555-666677778888",
}


class ConsensusRead(Resource):
    """A recorded consensus."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_CONSENSUS]})

    practice: str
    """Code of the practice."""
    value: ConsensusValue
    """0, 1, 2 or `not_applicable`."""
    note: str | None
    """Why. Null: no note."""
    method: ConsensusMethod
    """How the team reached it."""
    dissent: str | None
    """What those who disagree want on record."""
    recorded_by: UUID
    """Id of the principal that recorded it."""


class ConsensusBatch(ResponseModel):
    """The consensus as it was recorded, in the order sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_CONSENSUS]}]})

    items: list[ConsensusRead] = Field(description="One for each practice that was sent.")


class PracticeRatingPut(Body):
    """How important a practice is to this team and how feasible it is to change; null: not rated."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"importance": 5, "feasibility": 3}]})

    importance: Rating | None = Field(default=None, description="1 (least) to 5 (most). Null: not rated.")
    feasibility: Rating | None = Field(default=None, description="1 (least) to 5 (most). Null: not rated.")
    left_unscored: Prose | None = Field(
        default=None, description="Why the team leaves this practice unscored. Null: it does not."
    )


class PracticeRatingRead(Resource):
    """A team's rating of a practice."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
                    "version": 1,
                    "created_at": "2026-10-05T13:00:00Z",
                    "updated_at": "2026-10-05T13:00:00Z",
                    "practice": "P1",
                    "importance": 5,
                    "feasibility": 3,
                    "left_unscored": None,
                }
            ]
        },
    )

    practice: str
    """Code of the practice."""
    importance: int | None
    """1 (least) to 5 (most). Null: not rated."""
    feasibility: int | None
    """1 (least) to 5 (most). Null: not rated."""
    left_unscored: str | None
    """Why the team leaves this practice unscored. Null: it does not."""


class RolePresent(Body):
    """How many people took part in a kind of seat."""

    seat: SeatKind
    """The kind of seat."""
    count: Annotated[int, Field(strict=True, ge=0, le=1000)]
    """How many people."""


class ChecklistAnswer(Body):
    """One item of the instrument's administration checklist."""

    code: Key = Field(description="Code of the item in the instrument.")
    done: Annotated[bool, Field(strict=True)]
    """Whether it was done."""
    note: Prose | None = None
    """A note on the item."""


class AdministrationPut(Body):
    """How the session was run."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "roles_present": [{"seat": "administrator", "count": 1}, {"seat": "respondent", "count": 5}],
                    "evidence_reviewed": True,
                    "duration_minutes": 120,
                }
            ]
        }
    )

    roles_present: list[RolePresent] = Field(
        max_length=5, description="How many people took part, by kind of seat; each kind once."
    )
    evidence_reviewed: Annotated[bool, Field(strict=True)] = Field(
        description="Whether evidence was reviewed before voting."
    )
    duration_minutes: Annotated[int, Field(strict=True, ge=1, le=10_080)] | None = None
    """Length of the session, in minutes."""
    checklist: list[ChecklistAnswer] = Field(default_factory=list, max_length=100)
    """Answers to the checklist of the instrument; each item once."""
    deviations: Prose | None = Field(default=None, description="What deviated from the instrument. Null: nothing.")


class AdministrationRead(Resource):
    """The record of how an assessment was run."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
                    "version": 1,
                    "created_at": "2026-10-05T13:00:00Z",
                    "updated_at": "2026-10-05T13:00:00Z",
                    "roles_present": [{"seat": "administrator", "count": 1}, {"seat": "respondent", "count": 5}],
                    "evidence_reviewed": True,
                    "duration_minutes": 120,
                    "checklist": [{"code": "unit_named", "done": True, "note": None}],
                    "deviations": None,
                    "recorded_by": "0198c6ef-3333-7444-8555-666677778888",
                }
            ]
        },
    )

    roles_present: list[RolePresent]
    """How many people took part, by kind of seat."""
    evidence_reviewed: bool
    """Whether evidence was reviewed before voting."""
    duration_minutes: int | None
    """Length of the session, in minutes."""
    checklist: list[ChecklistAnswer]
    """Answers to the checklist of the instrument."""
    deviations: str | None
    """What deviated from the instrument. Null: nothing."""
    recorded_by: UUID
    """Id of the principal that recorded it."""


class ConsensusQuery(ListQuery):
    """Filters of the lists of consensus and of ratings."""

    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
