"""What goes in and out of the metrics' routes."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.http.pagination import ListQuery
from app.metrics.models import MetricState
from app.organizations.schemas import ExternalId
from app.schemas import Body, Count, Day, Flag, Instant, Key, Prose, Resource, ResponseModel

#: A figure out of fewer than this is shown at the organization itself only.
SMALLEST_SHOWN = 5
#: The most figures in one JSON body, and in one CSV body.
MOST_ROWS, MOST_CSV_ROWS = 2_000, 5_000

_ORGANIZATION, _PROGRAM = "0198c6f0-8b9c-7dae-9f10-2b3c4d5e6f70", "0198c6f0-9cad-7ebf-8021-3c4d5e6f7081"
_FIGURE: dict[str, Any] = {
    "metric": "training_coverage",
    "numerator": 34,
    "denominator": 40,
    "period_start": "2025-07-01",
    "period_end": "2025-09-30",
    "organization_id": _ORGANIZATION,
    "program_id": _PROGRAM,
    "source": "lms",
}
_STORED: dict[str, Any] = {
    "id": "0198c6f0-bbbb-7ccc-8ddd-eeeeffff0001",
    "version": 1,
    "created_at": "2026-10-05T13:00:00Z",
    "updated_at": "2026-10-05T13:00:00Z",
    **_FIGURE,
    "withheld": False,
    "state": "current",
    "supersedes_id": None,
    "superseded_by_id": None,
    "ended_at": None,
    "withdrawal_reason": None,
    "recorded_by": "0198c6ef-3333-7444-8555-666677778888",
    "allowed_transitions": ["withdrawn"],
}
_METRIC = "Key of a metric of an instrument, such as `training_coverage`; the instrument defines what is counted."
_SOURCE = "Name of the system that reports it. Figures of different sources stand side by side."


Denominator = Annotated[int, Field(strict=True, ge=1, le=2_000_000_000)]


class MetricRow(Body):
    """One figure: of an organization's program, for a period, as a source reports it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FIGURE]})

    metric: Key = Field(description=_METRIC)
    numerator: Count = Field(description="What was counted: a whole number.")
    denominator: Denominator = Field(description="Out of how many: a whole number of at least 1, never a percentage.")
    period_start: Day = Field(description="First day of the period.")
    period_end: Day = Field(description="Last day of the period, not in the future.")
    organization_id: UUID | None = Field(
        default=None, description="Id of the organization. Send this or `organization`."
    )
    organization: ExternalId | None = Field(
        default=None, description="What another system calls the organization. Send this or `organization_id`."
    )
    program_id: UUID = Field(description="Id of a program of this organization or of one above it.")
    source: Key = Field(description=_SOURCE)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.organization_id is None) == (self.organization is None):
            raise PydanticCustomError("organization_named", "Send either organization_id or organization")
        if self.period_start > self.period_end:
            raise PydanticCustomError("period_reversed", "A period cannot end before it starts")
        return self


class MetricsPush(Body):
    """Figures to record: all or none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_FIGURE]}]})

    items: list[MetricRow] = Field(
        min_length=1, max_length=MOST_ROWS, description=f"The figures, at most {MOST_ROWS}; each key once."
    )


class MetricOutcome(StrEnum):
    """What became of one figure of a push."""

    CREATED = "created"
    SUPERSEDED = "superseded"
    UNCHANGED = "unchanged"


class RecordedMetric(ResponseModel):
    """What became of one figure."""

    id: UUID = Field(description="Id of the figure that is current now.")
    outcome: MetricOutcome = Field(
        description="`created`: the first of its period. `superseded`: it corrects the figure before it, which stays "
        "readable. `unchanged`: the same figure was current already."
    )


class MetricsRecorded(ResponseModel):
    """What became of the figures of a push."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "created": 1,
                    "superseded": 0,
                    "unchanged": 0,
                    "items": [{"id": _STORED["id"], "outcome": "created"}],
                }
            ]
        }
    )

    created: int = Field(description="Figures that are the first of their period.")
    superseded: int = Field(description="Figures that correct an earlier one.")
    unchanged: int = Field(description="Figures that were current already.")
    items: list[RecordedMetric] = Field(description="Each figure, in the order sent.")


class MetricRead(Resource):
    """A figure as it was recorded. A correction is another figure, which supersedes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STORED]})

    organization_id: UUID
    """Id of the organization that it is about."""
    program_id: UUID
    """Id of the program that it is about."""
    metric: str = Field(description=_METRIC)
    source: str = Field(description=_SOURCE)
    period_start: date
    """First day of the period."""
    period_end: date
    """Last day of the period."""
    numerator: int | None
    """What was counted. Null: it is withheld."""
    denominator: int | None
    """Out of how many. Null: it is withheld."""
    withheld: bool = Field(
        description=f"Whether the numbers are withheld from you: the denominator is below {SMALLEST_SHOWN}, and none "
        "of your roles was granted at this organization itself."
    )
    state: MetricState = Field(
        description="`current`, `superseded` by a correction, or `withdrawn` because it should not have been recorded."
    )
    supersedes_id: UUID | None = Field(description="Id of the figure that this one corrects. Null: it corrects none.")
    superseded_by_id: UUID | None = Field(description="Id of the figure that corrects this one. Null: none does.")
    ended_at: datetime | None = Field(description="When it was superseded or withdrawn, in UTC. Null: it is current.")
    withdrawal_reason: str | None
    """Why it was withdrawn. Null: it was not."""
    recorded_by: UUID | None
    """Id of the principal that recorded it. Null: an operator imported it from the command line."""
    allowed_transitions: list[Literal["withdrawn"]] = Field(description="Transitions that you may make now.")


class MetricTransition(Body):
    """The end of a figure that should not have been recorded."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"to": "withdrawn", "reason": "Reported for the wrong county."}]}
    )

    to: Literal["withdrawn"] = Field(description="`withdrawn`: it counts no more, and stays readable.")
    reason: Prose = Field(description="Why it should not have been recorded.")


class MetricQuery(ListQuery):
    """Filters and order of the list of figures."""

    organization_id: UUID | None = Field(default=None, description="Only those about this organization itself.")
    subtree: UUID | None = Field(
        default=None, description="Only those about this organization and everything below it."
    )
    program_id: UUID | None = Field(default=None, description="Only those about this program.")
    metric: Key | None = Field(default=None, description="Only those of this metric.", examples=["training_coverage"])
    source: Key | None = Field(default=None, description="Only those that this source reported.", examples=["lms"])
    period_after: Day | None = Field(default=None, description="Only those whose period ends on this day or later.")
    period_before: Day | None = Field(default=None, description="Only those whose period ends on this day or earlier.")
    include_superseded: Flag = Field(
        default=False,
        description="`true`: also those that were superseded or withdrawn. Send it to follow changes with "
        "`updated_since`, or you miss what stopped being current.",
    )
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at", "period_end", "-period_end"] = "id"
    """Order of the list; `-` reverses it."""
