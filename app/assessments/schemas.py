"""What goes in and out of the assessments' own routes."""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import MISSING, ConfigDict, Field

from app.assessments.models import AssessmentMode, AssessmentState
from app.http.pagination import ListQuery
from app.programs.models import Stage
from app.schemas import Body, Day, Flag, Instant, Name, Patch, Prose, Read, Resource, Transition

_WINDOW = "Seats may vote from this instant on; null: from the opening."
_WINDOW_END = "Seats may vote until this instant, which must lie in the future; null: until the close."
_ADMINISTERED = "The day of the session, where the organization is: today or earlier. Absent: the day of the opening."


class AskedMode(StrEnum):
    """The modes there will be; `confidential` is refused until its privacy rules exist."""

    OPEN = "open"
    CONFIDENTIAL = "confidential"


class AssessmentCreate(Body):
    """A new assessment, as a draft."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "implementation_id": "0198c6f0-a1b2-7d3e-8f40-51a2b3c4d5e6",
                    "title": "Baseline, North County",
                    "administered_on": "2026-10-05",
                },
                {"based_on": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6", "title": "Second round, North County"},
            ]
        }
    )

    implementation_id: UUID | None = Field(
        default=None,
        description="The organization's use of a program that is assessed. Absent with `based_on`: the same.",
        examples=["0198c6f0-a1b2-7d3e-8f40-51a2b3c4d5e6"],
    )
    based_on: UUID | None = Field(
        default=None,
        description="Another assessment to start from: its seats, uninvited and without tokens, its ratings of "
        "importance and feasibility, and, where they are not sent, its implementation, instrument and profile. Votes "
        "and consensus are not taken over.",
        examples=["0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6"],
    )
    title: Name
    mode: AskedMode = Field(default=AskedMode.OPEN, description="Who sees votes after the close: the team.")
    instrument_version_id: UUID | None = Field(
        default=None, description="Absent: that of `based_on`, else the newest version of the shipped instrument."
    )
    scoring_profile_id: UUID | None = Field(
        default=None, description="Absent: that of `based_on`, else the newest default profile."
    )
    stage: Stage | None = Field(default=None, description="Absent: the implementation's, at the opening.")
    opens_at: Instant | None = Field(default=None, description=_WINDOW)
    closes_at: Instant | None = Field(default=None, description=_WINDOW_END)
    administered_on: Day | None = Field(default=None, description=_ADMINISTERED)


class AssessmentPatch(Patch):
    """Changes of an assessment. Instrument, profile and stage can change in a draft only."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Baseline, North County, autumn"}]})

    title: Name | MISSING = MISSING
    instrument_version_id: UUID | MISSING = MISSING
    scoring_profile_id: UUID | MISSING = MISSING
    stage: Stage | MISSING | None = MISSING
    opens_at: Instant | MISSING | None = MISSING
    closes_at: Instant | MISSING | None = MISSING
    administered_on: Day | MISSING | None = MISSING


class AssessmentTransition(Transition):
    """The next state. Reopening the votes and voiding what was opened need a reason."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "collecting"}]})

    to: AssessmentState


class RevisionCreate(Body):
    """Why a final assessment is corrected."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "P4 was transcribed wrongly from paper."}]})

    reason: Prose
    title: Name | None = Field(default=None, description="Absent: the corrected assessment's.")


class AssessmentRead(Resource):
    """An assessment."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
                    "version": 2,
                    "created_at": "2026-10-01T09:00:00Z",
                    "updated_at": "2026-10-05T13:00:00Z",
                    "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
                    "implementation_id": "0198c6f0-a1b2-7d3e-8f40-51a2b3c4d5e6",
                    "instrument_version_id": "0198c6ef-1111-7222-8333-444455556666",
                    "scoring_profile_id": "0198c6ef-2222-7333-8444-555566667777",
                    "title": "Baseline, North County",
                    "mode": "open",
                    "state": "collecting",
                    "stage": "initial_implementation",
                    "supersedes_id": None,
                    "superseded_by_id": None,
                    "round": 1,
                    "revealed_round": 0,
                    "administered_on": "2026-10-05",
                    "opens_at": None,
                    "closes_at": None,
                    "opened_at": "2026-10-05T13:00:00Z",
                    "closed_at": None,
                    "finalized_at": None,
                    "allowed_transitions": ["consensus", "void"],
                }
            ]
        },
    )

    organization_id: UUID
    implementation_id: UUID
    instrument_version_id: UUID
    scoring_profile_id: UUID
    title: str
    mode: AssessmentMode
    state: AssessmentState
    stage: Stage | None = Field(description="Frozen at the opening; until then what was asked for, if anything.")
    supersedes_id: UUID | None = Field(description="The final assessment this one corrects.")
    superseded_by_id: UUID | None = Field(description="The revision that corrects this one, once there is one.")
    round: int = Field(description="The present round of votes; reopening begins the next.")
    revealed_round: int = Field(description="The last round whose votes were revealed; 0: none yet.")
    administered_on: date | None
    opens_at: datetime | None
    closes_at: datetime | None
    opened_at: datetime | None
    closed_at: datetime | None = Field(description="The last close: when votes were revealed.")
    finalized_at: datetime | None
    allowed_transitions: list[AssessmentState] = Field(description="Where this caller may move it.")


class AssessmentChangeRead(Read):
    """A move of an assessment's state."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
                    "created_at": "2026-10-05T13:00:00Z",
                    "from_state": "draft",
                    "to_state": "collecting",
                    "reason": None,
                    "actor_id": "0198c6ef-3333-7444-8555-666677778888",
                    "actor_name": "Facilitator, North County",
                }
            ]
        },
    )

    id: UUID
    created_at: datetime
    from_state: AssessmentState | None = Field(description="Null: the creation.")
    to_state: AssessmentState
    reason: str | None
    actor_id: UUID
    actor_name: str


class AssessmentQuery(ListQuery):
    """Filters and order of the list of assessments."""

    organization_id: UUID | None = Field(default=None, description="Of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Of this organization and everything below it.")
    implementation_id: UUID | None = None
    program_id: UUID | None = None
    state: list[AssessmentState] | None = Field(default=None, description="Any of these; may be repeated.")
    superseded: Flag | None = Field(
        default=None, description="Whether a final revision stands in its place; `false` leaves what counts."
    )
    administered_after: Day | None = Field(default=None, description="On or after this day.")
    administered_before: Day | None = Field(default=None, description="On or before this day.")
    updated_since: Instant | None = Field(default=None, description="Changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"


class AssessmentChangeQuery(ListQuery):
    """Filters of the list of an assessment's moves."""

    updated_since: Instant | None = Field(default=None, description="Recorded at this instant or later.")
