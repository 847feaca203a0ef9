"""What goes in and out of the participants' routes."""

from datetime import datetime
from uuid import UUID

from pydantic import MISSING, ConfigDict, Field

from app.assessments.models import Perspective
from app.http.pages import ListQuery
from app.principal import SeatKind
from app.schemas import Body, Name, Patch, Read, Resource

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

    assessment_id: UUID
    seat: SeatKind
    perspective: Perspective | None
    label: str | None
    person_id: UUID | None
    has_token: bool = Field(description="Whether a token opens this seat.")
    withdrawn_at: datetime | None


class ParticipantCreated(ParticipantRead):
    """A new seat, with its token."""

    token: str | None = Field(description="Opens this one seat. Shown this once; hand it to whoever sits there.")


class SeatToken(Read):
    """A new token of a seat; the one before no longer works."""

    participant_id: UUID
    token: str = Field(description="Shown this once.")


class ParticipantQuery(ListQuery):
    """Filters of the list of participants."""

    seat: SeatKind | None = None
    perspective: Perspective | None = None
    withdrawn: bool | None = None
