"""What goes in and out of the jobs' routes."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from app.http.pagination import ListQuery
from app.jobs.models import JobState
from app.schemas import Instant, Key, Resource, ResponseModel

_FAILURE: dict[str, Any] = {"code": "try_again", "message": "The other side asked for a pause."}
_ERROR: dict[str, Any] = {"row": 17, "code": "unknown_person", "message": "There is no such person."}
_JOB: dict[str, Any] = {
    "id": "0198c6f1-d4e5-7f60-8172-93a4b5c6d7e8",
    "version": 4,
    "created_at": "2026-10-05T13:00:00Z",
    "updated_at": "2026-10-05T13:00:06Z",
    "kind": "purge_expired",
    "state": "running",
    "organization_id": None,
    "created_by": None,
    "attempt": 1,
    "cancel_requested": False,
    "done": 1000,
    "total": 4000,
    "percent": 25,
    "counts": {},
    "errors": [],
    "error_count": 0,
    "failure": None,
    "finished_at": None,
}


class JobError(ResponseModel):
    """A fault of one row, which did not stop the job."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ERROR]})

    row: int | None = Field(description="Number of the row in what was sent, from 1. Null: the fault is of the whole.")
    code: str = Field(description="Stable and machine-readable.")
    message: str = Field(description="For people; may change.")


class JobFailure(ResponseModel):
    """What stopped the last attempt."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FAILURE]})

    code: str = Field(
        description="Stable and machine-readable: a code of `docs/errors.md`, `try_again` (the job asked for a later "
        "attempt), `timed_out` or `worker_lost` (its process was killed)."
    )
    message: str = Field(description="For people; may change.")


class JobRead(Resource):
    """A piece of background work."""

    model_config = ConfigDict(json_schema_extra={"examples": [_JOB]})

    kind: str
    """What the job does."""
    state: JobState = Field(
        description="`waiting`: not begun, or to be attempted again. `running`. `done`: it has finished, perhaps with "
        "errors of single rows. `failed`: it has stopped for good, see `failure`. `canceled`."
    )
    organization_id: UUID | None = Field(description="Id of the organization it works for. Null: the whole tenant.")
    created_by: UUID | None = Field(description="Id of the principal that started it. Null: the service itself.")
    attempt: int = Field(description="Number of attempts begun.")
    cancel_requested: bool = Field(description="Whether its cancellation was requested. A running job stops shortly.")
    done: int = Field(description="How much of the work is done, in units of the kind: rows, mostly.")
    total: int | None = Field(description="How much there is to do, in the same units. Null: not known.")
    percent: int | None = Field(description="Share of the work done, 0 to 100. Null: not known.")
    counts: dict[str, int] = Field(description="What the finished job counted, by name. The names depend on the kind.")
    errors: list[JobError] = Field(description="The first 100 faults of single rows.")
    error_count: int = Field(description="How many faults of single rows there were.")
    failure: JobFailure | None = Field(
        description="What stopped the last attempt. Null: nothing did. A waiting job with a failure runs again."
    )
    finished_at: datetime | None = Field(description="When it finished, in UTC. Null: it has not finished.")


class JobQuery(ListQuery):
    """Filters and order of the list of jobs."""

    state: JobState | None = Field(default=None, description="Only those in this state.")
    kind: Key | None = Field(default=None, description="Only those of this kind.")
    organization_id: UUID | None = Field(default=None, description="Only those of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Only those of this organization and everything below it.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it. Ids are in the order of creation."""
