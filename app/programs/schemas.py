"""What goes in and out of the programs' and the implementations' routes."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, AnyHttpUrl, ConfigDict, Field, StringConstraints, TypeAdapter
from pydantic_core import PydanticCustomError, ValidationError

from app.http.pagination import ListQuery
from app.programs.models import Stage, StageChangeKind
from app.schemas import Body, Flag, Instant, Name, Patch, Prose, Read, Resource, Search, Transition

_URL: TypeAdapter[AnyHttpUrl] = TypeAdapter(AnyHttpUrl)


def _reachable(value: str) -> str:
    try:
        _URL.validate_python(value)
    except ValidationError:
        raise PydanticCustomError("url_parsing", "This is not a URL") from None
    return value


#: An address of the web, in ASCII as browsers send it; kept as it was given.
Website = Annotated[
    str,
    StringConstraints(max_length=500, pattern=r"^https?://[!-~]+$"),
    AfterValidator(_reachable),
]

_PROGRAM: dict[str, Any] = {
    "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
    "name": "Home visiting for families with infants",
    "description": "Weekly visits in the first year, by trained visitors.",
    "website": "https://example.org/home-visiting",
}
_IMPLEMENTATION: dict[str, Any] = {
    "organization_id": "0198c6f0-8b9c-7dae-9f10-2b3c4d5e6f70",
    "program_id": "0198c6f0-9cad-7ebf-8021-3c4d5e6f7081",
    "stage": "installation",
}


class ImplementationMove(StrEnum):
    """Where an implementation can be moved: to a stage, to its end, and from there back."""

    EXPLORATION = Stage.EXPLORATION.value
    INSTALLATION = Stage.INSTALLATION.value
    INITIAL = Stage.INITIAL.value
    FULL = Stage.FULL.value
    ENDED = "ended"
    RESUMED = "resumed"


def moves_from(stage: Stage, *, has_ended: bool) -> list[ImplementationMove]:
    """Where an implementation at this stage may go."""
    if has_ended:
        return [ImplementationMove.RESUMED]
    others = [ImplementationMove(other) for other in Stage if other is not stage]
    return [*others, ImplementationMove.ENDED]


class ProgramCreate(Body):
    """A new program, offered to its owner and everything below."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROGRAM]})

    organization_id: UUID = Field(description="The owner. It can hand the program to an organization above it.")
    name: Name
    description: Prose | None = None
    website: Website | None = Field(default=None, description="An http or https URL.")


class ProgramPatch(Patch):
    """Changes of a program."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "Weekly visits, then monthly ones."}]})

    name: Name | MISSING = MISSING
    description: Prose | MISSING | None = MISSING
    website: Website | MISSING | None = MISSING


class ProgramHandOver(Body):
    """Give a program to an organization above its owner."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "organization_id": "0198c6ef-0a1b-7c2d-8e3f-405162738495",
                    "reason": "The whole state offers it now.",
                }
            ]
        }
    )

    organization_id: UUID = Field(
        description="The new owner: an organization above the present one.",
        examples=["0198c6ef-0a1b-7c2d-8e3f-405162738495"],
    )
    reason: Prose | None = Field(default=None, description="Why.", examples=["The whole state offers it now."])


class ProgramRead(Resource):
    """A program or practice that organizations implement."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": _IMPLEMENTATION["program_id"],
                    "version": 1,
                    "created_at": "2026-09-01T09:00:00Z",
                    "updated_at": "2026-09-01T09:00:00Z",
                    **_PROGRAM,
                }
            ]
        }
    )

    organization_id: UUID
    name: str
    description: str | None
    website: str | None


class ProgramQuery(ListQuery):
    """Filters and order of the list of programs."""

    organization_id: UUID | None = Field(default=None, description="Programs of this owner.")
    subtree: UUID | None = Field(
        default=None, description="Programs of this organization and everything below it, not of those above it."
    )
    q: Search | None = Field(default=None, description="Part of the name, whatever its case.")
    updated_since: Instant | None = Field(default=None, description="Changed at this instant or later.")
    sort: Literal["id", "-id", "name", "-name", "updated_at", "-updated_at"] = "id"


class ImplementationCreate(Body):
    """An organization begins to use a program."""

    model_config = ConfigDict(json_schema_extra={"examples": [_IMPLEMENTATION]})

    organization_id: UUID
    program_id: UUID = Field(description="A program of this organization or of one above it.")
    stage: Stage = Stage.EXPLORATION


class ImplementationTransition(Transition):
    """Reach another stage, go back to an earlier one, end, or resume; going back and ending need a reason."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "initial_implementation"}]})

    to: ImplementationMove = Field(
        description="A stage; `ended`: the use ends and stays as history; `resumed`: it goes on at its last stage.",
        examples=["initial_implementation"],
    )


class ImplementationRead(Resource):
    """An organization's use of a program: the unit that is assessed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f0-a1b2-7d3e-8f40-51a2b3c4d5e6",
                    "version": 2,
                    "created_at": "2026-09-02T09:00:00Z",
                    "updated_at": "2026-09-20T15:30:00Z",
                    **_IMPLEMENTATION,
                    "program_name": _PROGRAM["name"],
                    "ended_at": None,
                    "allowed_transitions": [
                        "exploration",
                        "initial_implementation",
                        "full_implementation",
                        "ended",
                    ],
                }
            ]
        }
    )

    organization_id: UUID
    program_id: UUID
    program_name: str
    stage: Stage = Field(description="The stage it has reached, or the one at which it ended.")
    ended_at: datetime | None = Field(description="UTC. When the use ended; null while it goes on.")
    allowed_transitions: list[ImplementationMove] = Field(description="Where this caller may move it.")


class ImplementationQuery(ListQuery):
    """Filters and order of the list of implementations."""

    organization_id: UUID | None = Field(default=None, description="Of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Of this organization and everything below it.")
    program_id: UUID | None = Field(default=None, description="Of this program.")
    stage: Stage | None = Field(default=None, description="At this stage.")
    ended: Flag | None = Field(default=None, description="Whether the use has ended.")
    updated_since: Instant | None = Field(default=None, description="Changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"


class StageChangeRead(Read):
    """An implementation reached a stage, went back to one, ended or was resumed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f0-b2c3-7e4f-9051-62b3c4d5e6f7",
                    "created_at": "2026-09-20T15:30:00Z",
                    "kind": "stage",
                    "from_stage": "exploration",
                    "to_stage": "installation",
                    "reason": "The program was chosen and its first year is funded.",
                    "actor_id": "0198c6f0-c3d4-7f50-8162-73c4d5e6f708",
                }
            ]
        }
    )

    id: UUID = Field(description="UUIDv7.")
    created_at: datetime = Field(description="UTC.")
    kind: StageChangeKind = Field(description="`stage`: it reached the stage; `ended`, `resumed`: at this stage.")
    from_stage: Stage | None = Field(description="Null for the first.")
    to_stage: Stage
    reason: str | None
    actor_id: UUID = Field(description="Who moved it.")


class StageQuery(ListQuery):
    """Order of an implementation's stages: as they came, or latest first."""

    updated_since: Instant | None = Field(default=None, description="Recorded at this instant or later.")
    sort: Literal["id", "-id"] = "id"
