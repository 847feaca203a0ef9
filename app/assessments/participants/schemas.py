"""What goes in and out of the participants' routes."""

from datetime import datetime
from uuid import UUID

from pydantic import MISSING, ConfigDict, Field

from app.assessments.models import Perspective
from app.http.pagination import ListQuery
from app.principal import SeatKind
from app.schemas import Body, Flag, Instant, Name, Patch, Resource, WithToken

_LABEL = "What the team calls this seat, such as a role and a place; nobody has to be named."


class ParticipantCreate(Body):
    """A new seat."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"seat": "respondent", "perspective": "practitioner", "label": "Practitioner, day shift"}]
        }
    )

    seat: SeatKind = Field(description="Only respondents vote; there is one administrator.")
    perspective: Perspective | None = Field(
        default=None, description="Where a respondent stands; required for respondents, refused for others."
    )
    label: Name | None = Field(default=None, description=_LABEL)
    person_id: UUID | None = Field(default=None, description="Whose seat it is, where the team wants that known.")


class ParticipantPatch(Patch):
    """Changes of a seat. A seat that has voted stays a respondent's."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"label": "Practitioner, night shift"}]})

    seat: SeatKind | MISSING = MISSING
    perspective: Perspective | MISSING | None = MISSING
    label: Name | MISSING | None = MISSING
    person_id: UUID | MISSING | None = MISSING


class ParticipantRead(Resource):
    """A seat. Whether it has voted is not told."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
                    "version": 1,
                    "created_at": "2026-10-05T13:00:00Z",
                    "updated_at": "2026-10-05T13:00:00Z",
                    "assessment_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
                    "seat": "respondent",
                    "perspective": "practitioner",
                    "label": "Practitioner, day shift",
                    "person_id": None,
                    "has_token": True,
                    "withdrawn_at": None,
                }
            ]
        },
    )

    assessment_id: UUID
    seat: SeatKind
    perspective: Perspective | None
    label: str | None
    person_id: UUID | None
    has_token: bool = Field(description="Whether a token opens this seat.")
    withdrawn_at: datetime | None


class ParticipantCreated(ParticipantRead, WithToken):
    """A new seat, with its token."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
                    "version": 1,
                    "created_at": "2026-10-05T13:00:00Z",
                    "updated_at": "2026-10-05T13:00:00Z",
                    "assessment_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
                    "seat": "respondent",
                    "perspective": "practitioner",
                    "label": "Practitioner, day shift",
                    "person_id": None,
                    "has_token": True,
                    "withdrawn_at": None,
                    "token": "fs_0198c6ef0a1b7c2d8e3f405162738495_…",
                    "token_reason": None,
                }
            ]
        },
    )


class SeatToken(WithToken):
    """A new token of a seat; the one before no longer works."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "participant_id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
                    "token": "fs_0198c6ef0a1b7c2d8e3f405162738495_…",
                    "token_reason": None,
                }
            ]
        },
    )

    participant_id: UUID


class ParticipantQuery(ListQuery):
    """Filters of the list of participants."""

    seat: SeatKind | None = None
    perspective: Perspective | None = None
    withdrawn: Flag | None = None
    updated_since: Instant | None = Field(default=None, description="Changed at this instant or later.")
