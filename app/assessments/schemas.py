"""What goes in and out of the assessments' own routes."""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import MISSING, ConfigDict, Field

from app.assessments.models import AssessmentMode, AssessmentState
from app.http.pagination import ListQuery
from app.programs.models import Stage
from app.schemas import Body, Day, Flag, Instant, Name, Patch, Prose, Resource, ResponseModel, Transition

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
    """Title of the assessment."""
    mode: AskedMode = Field(
        default=AskedMode.OPEN,
        description="`open`: the team sees each other's votes after the close. `confidential` is refused.",
    )
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
    """Title of the assessment."""
    instrument_version_id: UUID | MISSING = MISSING
    """Id of the instrument version. In a draft only."""
    scoring_profile_id: UUID | MISSING = MISSING
    """Id of the scoring profile. In a draft only."""
    stage: Stage | MISSING | None = MISSING
    """Stage to score by, in a draft only. Null: the implementation's, at the opening."""
    opens_at: Instant | MISSING | None = MISSING
    """Seats may vote from this instant on. Null: from the opening."""
    closes_at: Instant | MISSING | None = MISSING
    """Seats may vote until this instant, which must lie in the future. Null: until the close."""
    administered_on: Day | MISSING | None = MISSING
    """Day of the session, today or earlier. Null, in a draft: the day of the opening."""


class AssessmentTransition(Transition):
    """The next state. Reopening the votes and voiding what was opened need a reason."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "collecting"}]})

    to: AssessmentState
    """One of the assessment's `allowed_transitions`."""


class RevisionCreate(Body):
    """Why a final assessment is corrected."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "P4 was transcribed wrongly from paper."}]})

    reason: Prose
    """Why it is corrected; kept in the history."""
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
                    "organization_name": "North County",
                    "program_name": "Home visiting for families with infants",
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
    """Id of the organization that is assessed."""
    organization_name: str = Field(description="Present name of the organization.")
    program_name: str = Field(description="Present name of the program that is assessed.")
    implementation_id: UUID
    """Id of the implementation that is assessed."""
    instrument_version_id: UUID
    """Id of the instrument version."""
    scoring_profile_id: UUID
    """Id of the scoring profile."""
    title: str
    """Title of the assessment."""
    mode: AssessmentMode
    """`open`: the team sees each other's votes after the close."""
    state: AssessmentState
    """The present state."""
    stage: Stage | None = Field(description="Frozen at the opening; until then what was asked for, if anything.")
    supersedes_id: UUID | None = Field(description="The final assessment this one corrects.")
    superseded_by_id: UUID | None = Field(description="The revision that corrects this one, once there is one.")
    round: int = Field(description="The present round of votes; reopening begins the next.")
    revealed_round: int = Field(description="The last round whose votes were revealed; 0: none yet.")
    administered_on: date | None
    """Day of the session. Null: not known yet."""
    opens_at: datetime | None
    """Seats may vote from this instant on. Null: from the opening."""
    closes_at: datetime | None
    """Seats may vote until this instant. Null: until the close."""
    opened_at: datetime | None
    """When voting was first opened, in UTC. Null: it has not been opened."""
    closed_at: datetime | None = Field(description="The last close: when votes were revealed.")
    finalized_at: datetime | None
    """When it became final, in UTC. Null: it is not final."""
    allowed_transitions: list[AssessmentState] = Field(description="States that you may transition it to now.")


class AssessmentChangeRead(ResponseModel):
    """A recorded transition of an assessment."""

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
    """Id, a UUIDv7."""
    created_at: datetime
    """When it happened, in UTC."""
    from_state: AssessmentState | None = Field(description="State before. Null: the creation.")
    to_state: AssessmentState
    """State after."""
    reason: str | None
    """Why. Null: no reason was sent."""
    actor_id: UUID
    """Id of the principal that made the transition."""
    actor_name: str
    """Name of that principal at the time."""


class AssessmentQuery(ListQuery):
    """Filters and order of the list of assessments."""

    organization_id: UUID | None = Field(default=None, description="Only those of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Only those of this organization and everything below it.")
    implementation_id: UUID | None = None
    """Only those of this implementation."""
    program_id: UUID | None = None
    """Only those of this program."""
    state: list[AssessmentState] | None = Field(
        default=None, description="Only those in one of these states. Repeat the parameter for more."
    )
    superseded: Flag | None = Field(
        default=None, description="Whether a final revision stands in its place; `false` leaves what counts."
    )
    administered_after: Day | None = Field(default=None, description="Only those administered on this day or later.")
    administered_before: Day | None = Field(default=None, description="Only those administered on this day or earlier.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""


class AssessmentChangeQuery(ListQuery):
    """Filters of the list of an assessment's transitions."""

    updated_since: Instant | None = Field(default=None, description="Only those recorded at this instant or later.")
