"""What goes in and out of the programs' and the implementations' routes."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, AnyHttpUrl, ConfigDict, Field, StringConstraints, TypeAdapter
from pydantic_core import PydanticCustomError, ValidationError

from app.http.pagination import ListQuery
from app.programs.models import Stage, StageChangeKind
from app.schemas import Body, Flag, Instant, Name, Patch, Prose, Resource, ResponseModel, Search, Transition

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
    """The transitions of an implementation: to a stage, to its end, and to resuming after that."""

    EXPLORATION = Stage.EXPLORATION.value
    INSTALLATION = Stage.INSTALLATION.value
    INITIAL = Stage.INITIAL.value
    FULL = Stage.FULL.value
    ENDED = "ended"
    RESUMED = "resumed"


def moves_from(stage: Stage, *, has_ended: bool) -> list[ImplementationMove]:
    """Return the transitions that an implementation at this stage allows."""
    if has_ended:
        return [ImplementationMove.RESUMED]
    others = [ImplementationMove(other) for other in Stage if other is not stage]
    return [*others, ImplementationMove.ENDED]


class ProgramCreate(Body):
    """A new program, offered to its owner and every organization below."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROGRAM]})

    organization_id: UUID = Field(
        description="Id of the owner. It can later hand the program over to an organization above it."
    )
    name: Name
    """Name of the program."""
    description: Prose | None = None
    """What the program is, in prose."""
    website: Website | None = Field(default=None, description="An http or https URL.")


class ProgramPatch(Patch):
    """Changes of a program."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "Weekly visits, then monthly ones."}]})

    name: Name | MISSING = MISSING
    """Name of the program."""
    description: Prose | MISSING | None = MISSING
    """What the program is, in prose. Null clears it."""
    website: Website | MISSING | None = MISSING
    """An http or https URL. Null clears it."""


class ProgramHandOver(Body):
    """The new owner of a program."""

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
        description="Id of the new owner, an organization above the present one.",
        examples=["0198c6ef-0a1b-7c2d-8e3f-405162738495"],
    )
    reason: Prose | None = Field(
        default=None, description="Why it is handed over.", examples=["The whole state offers it now."]
    )


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
    """Id of the owner."""
    name: str
    """Name of the program."""
    description: str | None
    """What the program is, in prose."""
    website: str | None
    """An http or https URL."""


class ProgramQuery(ListQuery):
    """Filters and order of the list of programs."""

    organization_id: UUID | None = Field(default=None, description="Only programs of this owner.")
    subtree: UUID | None = Field(
        default=None, description="Only programs owned by this organization or one below it, not above it."
    )
    q: Search | None = Field(default=None, description="Part of the name; case is ignored.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "name", "-name", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""


class ImplementationCreate(Body):
    """The start of an organization's implementation of a program."""

    model_config = ConfigDict(json_schema_extra={"examples": [_IMPLEMENTATION]})

    organization_id: UUID
    """Id of the organization that implements the program."""
    program_id: UUID = Field(description="Id of a program of this organization or of one above it.")
    stage: Stage = Stage.EXPLORATION
    """The stage at which it starts."""


class ImplementationTransition(Transition):
    """Reach another stage, go back to an earlier one, end, or resume; going back and ending need a reason."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "initial_implementation"}]})

    to: ImplementationMove = Field(
        description="A stage; `ended`: stop, and keep the history; `resumed`: continue at the last stage.",
        examples=["initial_implementation"],
    )


class ImplementationRead(Resource):
    """An organization's implementation of a program: the unit that is assessed."""

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
    """Id of the organization that implements the program."""
    program_id: UUID
    """Id of the program."""
    program_name: str
    """Present name of the program."""
    stage: Stage = Field(description="The present stage, or the one at which it ended.")
    ended_at: datetime | None = Field(description="When it ended, in UTC. Null: it has not ended.")
    allowed_transitions: list[ImplementationMove] = Field(description="Transitions that you may make now.")


class ImplementationQuery(ListQuery):
    """Filters and order of the list of implementations."""

    organization_id: UUID | None = Field(default=None, description="Only those of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Only those of this organization and everything below it.")
    program_id: UUID | None = Field(default=None, description="Only those of this program.")
    stage: Stage | None = Field(default=None, description="Only those at this stage.")
    ended: Flag | None = Field(
        default=None, description="`true`: only those that ended. `false`: only those that did not."
    )
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""


class StageChangeRead(ResponseModel):
    """A recorded transition of an implementation: to a stage, to its end, or resumed."""

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

    id: UUID = Field(description="Id, a UUIDv7.")
    created_at: datetime = Field(description="When it was recorded, in UTC.")
    kind: StageChangeKind = Field(
        description="`stage`: it reached `to_stage`. `ended`, `resumed`: it ended or resumed there."
    )
    from_stage: Stage | None = Field(description="The stage before. Null: this is the first entry.")
    to_stage: Stage
    """The stage at and after this entry."""
    reason: str | None
    """Why. Null: no reason was sent."""
    actor_id: UUID = Field(description="Id of the principal that made the transition.")


class StageQuery(ListQuery):
    """Order of an implementation's stages: as they came, or latest first."""

    updated_since: Instant | None = Field(default=None, description="Only those recorded at this instant or later.")
    sort: Literal["id", "-id"] = "id"
    """`id`: oldest first. `-id`: latest first."""
