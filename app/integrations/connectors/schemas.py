"""What goes in and out of the connectors' routes."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, ConfigDict, Field, StrictBool, StringConstraints

from app.http.pagination import ListQuery
from app.integrations.connectors.drivers import AnySettings
from app.integrations.connectors.models import ConnectorDisabledReason, ConnectorKind
from app.jobs.models import JobState
from app.jobs.schemas import JobFailure
from app.schemas import Body, Flag, Instant, Key, Name, Patch, Resource, ResponseModel

_ORGANIZATION = "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f"
_TERMS: dict[str, Any] = {
    "name": "Our BambooHR",
    "source": "bamboohr",
    "settings": {
        "company_domain": "agency",
        "organization_field": "department",
        "leave_statuses": ["Leave of Absence"],
    },
    "interval_minutes": 60,
}
_CONNECTOR: dict[str, Any] = {
    "id": "0198c6f0-aaaa-7bbb-8ccc-ddddeeee0011",
    "version": 1,
    "created_at": "2026-10-05T13:00:00Z",
    "updated_at": "2026-10-05T13:00:00Z",
    "organization_id": _ORGANIZATION,
    "kind": "bamboohr",
    **_TERMS,
    "enabled": True,
    "disabled_reason": None,
    "disabled_at": None,
    "created_by": "0198c6ef-3333-7444-8555-666677778888",
    "watermark": "2026-10-05T12:58:11Z",
    "succeeded_at": "2026-10-05T13:00:04Z",
    "next_run_at": "2026-10-05T14:00:00Z",
}
_RUN: dict[str, Any] = {
    "id": "0198c6f1-d4e5-7f60-8172-93a4b5c6d7f9",
    "version": 3,
    "created_at": "2026-10-05T13:00:00Z",
    "updated_at": "2026-10-05T13:00:04Z",
    "connector_id": _CONNECTOR["id"],
    "dry_run": False,
    "whole": False,
    "force": False,
    "state": "done",
    "attempt": 1,
    "counts": {
        **{"read": 3, "with_manager": 2, "created": 1, "changed": 1, "left": 0, "unchanged": 0, "ignored": 0},
        **{"gone": 0, "faulty": 1},
    },
    "errors": [{"external_id": "4711", "code": "unknown_organization", "message": "No organization has this place"}],
    "error_count": 1,
    "failure": None,
    "watermark": "2026-10-05T12:58:11Z",
    "finished_at": "2026-10-05T13:00:04Z",
}
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[!-~]+$")]
Interval = Annotated[int, Field(strict=True, ge=15, le=10_080)]
_NAME_TEXT = "What people call the connector."
_SOURCE_TEXT = (
    "The `source` of external ids: people are known by their id in the system under this name, and organizations are "
    "looked up by it. Use one for each system."
)
_SETTINGS_TEXT = "Where the system is and how it is read."
_SECRET_TEXT = "The credential of the system, such as an API key. It is never shown again."  # noqa: S105  # a text
_INTERVAL_TEXT = "Minutes from one scheduled run to the next. Null: it runs only when somebody asks for it."


class ConnectorCreate(Body):
    """A system to pull people from."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"organization_id": _ORGANIZATION, "kind": "bamboohr", **_TERMS, "secret": "3f0c6a9d41e27b58"}]
        }
    )

    organization_id: UUID
    """Id of the organization. New people whose place is not known are added to it."""
    kind: ConnectorKind = Field(description="The system to pull from.")
    name: Name = Field(description=_NAME_TEXT)
    source: Key = Field(description=_SOURCE_TEXT)
    settings: AnySettings = Field(description=_SETTINGS_TEXT)
    secret: Secret = Field(description=_SECRET_TEXT)
    interval_minutes: Interval | None = Field(default=None, description=_INTERVAL_TEXT)


class ConnectorPatch(Patch):
    """Changes of a connector."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    name: Name | MISSING = Field(default=MISSING, description=_NAME_TEXT)
    settings: AnySettings | MISSING = Field(default=MISSING, description=_SETTINGS_TEXT + " They replace all of them.")
    secret: Secret | MISSING = Field(default=MISSING, description=_SECRET_TEXT)
    interval_minutes: Interval | MISSING | None = Field(default=MISSING, description=_INTERVAL_TEXT)
    enabled: StrictBool | MISSING = Field(
        default=MISSING, description="`false`: nothing runs until it is `true` again."
    )


class ConnectorRead(Resource):
    """A system that people are pulled from, without its secret."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_CONNECTOR]})

    organization_id: UUID
    """Id of the organization. New people whose place is not known are added to it."""
    kind: ConnectorKind = Field(description="The system to pull from.")
    name: str = Field(description=_NAME_TEXT)
    source: str = Field(description=_SOURCE_TEXT)
    settings: AnySettings = Field(description=_SETTINGS_TEXT)
    interval_minutes: int | None = Field(description=_INTERVAL_TEXT)
    enabled: bool
    """Whether it may run."""
    disabled_reason: ConnectorDisabledReason | None = Field(
        description="`paused`: somebody disabled it. `rights_lost`: its creator may no longer have it. "
        "`secret_refused`: the system did not accept the secret. Null: it is enabled."
    )
    disabled_at: datetime | None = Field(description="When it was disabled, in UTC. Null: it is enabled.")
    created_by: UUID
    """Id of the principal that created it. A run changes only what this principal may change."""
    watermark: datetime | None = Field(
        description="The last change of the system that a run has taken over, by the system's clock. Null: none yet. "
        "It changes no version."
    )
    succeeded_at: datetime | None = Field(
        description="When a run last succeeded, in UTC. Null: none has. It changes no version."
    )
    next_run_at: datetime | None = Field(
        description="When the next scheduled run begins, in UTC. Null: there is none. It changes no version."
    )


class ConnectorQuery(ListQuery):
    """Filters and order of the list of connectors."""

    organization_id: UUID | None = Field(default=None, description="Only those of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Only those of this organization and everything below it.")
    enabled: Flag | None = Field(default=None, description="`true`: only enabled ones. `false`: only the others.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""


class ConnectorRunCreate(Body):
    """What a run is to do."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"dry_run": True}]})

    dry_run: StrictBool = Field(default=False, description="Read and count, and change nothing.")
    whole: StrictBool = Field(
        default=False, description="Read everything, and not only what changed since the last run."
    )
    force: StrictBool = Field(
        default=False,
        description="Believe a system that ends three employments or more which are over a tenth of those known from "
        "it. Otherwise such a run fails with `source_ends_too_many` and changes nothing.",
    )


class ConnectorRunError(ResponseModel):
    """Why one person was not taken over."""

    model_config = ConfigDict(json_schema_extra={"examples": _RUN["errors"]})

    external_id: str = Field(description="Id of the person in the system.")
    code: str = Field(description="Stable and machine-readable.")
    message: str = Field(description="For people; may change.")


class ConnectorRunRead(Resource):
    """A run of a connector. It is listed as long as its job is kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RUN]})

    connector_id: UUID
    """Id of the connector."""
    dry_run: bool
    """Whether it changes nothing."""
    whole: bool
    """Whether it reads everything, and not only what changed."""
    force: bool
    """Whether it believes that many people left at once."""
    state: JobState = Field(
        description="`waiting`: not begun, or to be attempted again. `running`. `done`: it has finished, perhaps with "
        "errors of single people. `failed`: it has stopped for good, see `failure`. `canceled`."
    )
    attempt: int = Field(description="Number of attempts begun.")
    counts: dict[str, int] = Field(
        description="What the finished run counted: people `read`, of whom the system names a manager for "
        "`with_manager`; people `created`, `changed`, `left`, `unchanged`, `ignored` (they had left before they were "
        "known here), `gone` (deleted in the system, and kept here) and `faulty`."
    )
    errors: list[ConnectorRunError] = Field(description="The first 100 people who were not taken over.")
    error_count: int = Field(description="How many faults of single people there were.")
    failure: JobFailure | None = Field(
        description="What stopped the last attempt. Null: nothing did. A waiting run with a failure runs again."
    )
    watermark: datetime | None = Field(
        description="The connector's watermark after the run, in UTC. Null: it has not succeeded, or was a dry run."
    )
    finished_at: datetime | None = Field(description="When it finished, in UTC. Null: it has not finished.")


class ConnectorRunQuery(ListQuery):
    """Filters and order of the runs of a connector."""

    state: JobState | None = Field(default=None, description="Only those in this state.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id"] = "-id"
    """Order of the list; `-` reverses it."""
