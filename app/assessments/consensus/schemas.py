"""What goes in and out of the routes for consensus, ratings and the administration record."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.assessments.models import ConsensusMethod
from app.assessments.votes.schemas import Decision
from app.db.transaction import Preconditions
from app.http.pagination import ListQuery
from app.principal import SeatKind
from app.schemas import Body, Instant, Key, Prose, Read, Resource

Rating = Annotated[int, Field(strict=True, ge=1, le=5)]


class ConsensusPut(Body):
    """What the team agreed a practice is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"value": 1, "note": "Training is funded, coaching starts in spring."}]}
    )

    value: Decision = Field(description="0, 1, 2 or `not_applicable`.")
    note: Prose | None = Field(
        default=None,
        description="Why. Required without any vote, outside the votes' range, and for `not_applicable` over "
        "numeric votes.",
    )
    method: ConsensusMethod = Field(default=ConsensusMethod.DISCUSSION, description="How the team came to it.")
    dissent: Prose | None = Field(default=None, description="What those who disagree want kept.")


class ConsensusEntry(ConsensusPut):
    """What the team agreed one of many practices is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"practice": "P1", "value": 1, "note": "Training is funded.", "version": 1}]}
    )

    practice: Key = Field(description="The practice's code in the instrument.", examples=["P1"])
    version: Annotated[int, Field(strict=True, ge=1, le=2_000_000_000)] | None = Field(
        default=None,
        description="The version that was read, where this replaces a recorded consensus; absent: none is recorded "
        "yet. Refused with 428 where one is recorded and no version is sent, with 412 where the version is stale.",
        examples=[1],
    )

    def preconditions(self) -> Preconditions:
        """What an If-Match header would say of this practice."""
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
    value: Decision
    note: str | None
    method: ConsensusMethod
    dissent: str | None
    recorded_by: UUID


class ConsensusBatch(Read):
    """The consensus as it was recorded, in the order sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_CONSENSUS]}]})

    items: list[ConsensusRead] = Field(description="One for each practice that was sent.")


class PracticeRatingPut(Body):
    """How important a practice is to this team and how feasible it is to change; null: nobody said."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"importance": 5, "feasibility": 3}]})

    importance: Rating | None = Field(default=None, description="1 (least) to 5 (most).")
    feasibility: Rating | None = Field(default=None, description="1 (least) to 5 (most).")
    left_unscored: Prose | None = Field(
        default=None, description="A note why the team leaves this practice unscored; null: it does not."
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
    importance: int | None
    feasibility: int | None
    left_unscored: str | None


class RolePresent(Body):
    """How many sat in a role."""

    seat: SeatKind
    count: Annotated[int, Field(strict=True, ge=0, le=1000)]


class ChecklistAnswer(Body):
    """One item of the instrument's administration checklist."""

    code: Key = Field(description="The item's code in the instrument.")
    done: Annotated[bool, Field(strict=True)]
    note: Prose | None = None


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

    roles_present: list[RolePresent] = Field(max_length=5, description="Who was there, by seat.")
    evidence_reviewed: Annotated[bool, Field(strict=True)] = Field(
        description="Whether evidence was reviewed before voting."
    )
    duration_minutes: Annotated[int, Field(strict=True, ge=1, le=10_080)] | None = None
    checklist: list[ChecklistAnswer] = Field(default_factory=list, max_length=100)
    deviations: Prose | None = Field(default=None, description="What was done otherwise than the instrument says.")


class AdministrationRead(Resource):
    """The record of how an assessment was run, shown beside its score."""

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
    evidence_reviewed: bool
    duration_minutes: int | None
    checklist: list[ChecklistAnswer]
    deviations: str | None
    recorded_by: UUID


class DecisionQuery(ListQuery):
    """Filters of the lists of consensus and of ratings."""

    updated_since: Instant | None = Field(default=None, description="Changed at this instant or later.")
