"""What goes in and out of the participants' routes."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import MISSING, ConfigDict, Field

from app.assessments.models import Channel, Perspective, SeatEvent
from app.http.pagination import ListQuery
from app.principal import SeatKind
from app.schemas import (
    Body,
    Flag,
    Instant,
    Name,
    Patch,
    RedactionReason,
    Resource,
    ResponseModel,
    WithSecret,
    WithToken,
)

_KIND = "Only respondents vote. An assessment has one administrator."
_PERSPECTIVE = "Where a respondent stands; required for respondents, refused for others."
_LABEL = "What the team calls this seat, such as a role and a place; nobody has to be named."
_PERSON = "Whose seat it is, where the team wants that known. One person holds one respondent's seat."
_CHANNEL = (
    "`token`: the seat is invited, and its holder votes with a token. `paper`: a facilitator or admin enters the "
    "ballot. Only a respondent's seat can be `paper`. Fixed when voting opens."
)
_SEAT: dict[str, Any] = {
    "id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
    "version": 1,
    "created_at": "2026-10-05T13:00:00Z",
    "updated_at": "2026-10-05T13:00:00Z",
    "assessment_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
    "seat": "respondent",
    "channel": "token",
    "perspective": "practitioner",
    "label": "Practitioner, day shift",
    "person_id": None,
    "has_token": False,
    "claimed_at": None,
    "withdrawn_at": None,
}
_INVITATION: dict[str, Any] = {
    "code": "7K3QX9M2RT",
    "code_reason": None,
    "expires_at": "2026-10-12T13:00:00Z",
    "join_url": "https://readiness.example.org/join#7K3QX9M2RT",
}
_NEW_SEAT: dict[str, Any] = {"seat": "respondent", "perspective": "practitioner", "label": "Practitioner, day shift"}


class ParticipantCreate(Body):
    """A new seat."""

    model_config = ConfigDict(json_schema_extra={"examples": [_NEW_SEAT]})

    seat: SeatKind = Field(description=_KIND, examples=["respondent"])
    channel: Channel = Field(default=Channel.TOKEN, description=_CHANNEL, examples=["token"])
    perspective: Perspective | None = Field(default=None, description=_PERSPECTIVE, examples=["practitioner"])
    label: Name | None = Field(default=None, description=_LABEL, examples=["Practitioner, day shift"])
    person_id: UUID | None = Field(default=None, description=_PERSON, examples=[None])


class ParticipantsCreate(Body):
    """Many new seats, all or none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"seats": [_NEW_SEAT]}]})

    seats: list[ParticipantCreate] = Field(min_length=1, max_length=200, description="The seats, in any order.")


class ParticipantPatch(Patch):
    """Changes of a seat. A seat whose votes a close may have counted keeps its kind, perspective and person."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"label": "Practitioner, night shift"}]})

    seat: SeatKind | MISSING = Field(default=MISSING, description=_KIND, examples=["observer"])
    channel: Channel | MISSING = Field(default=MISSING, description=_CHANNEL, examples=["paper"])
    perspective: Perspective | MISSING | None = Field(default=MISSING, description=_PERSPECTIVE, examples=["hr"])
    label: Name | MISSING | None = Field(default=MISSING, description=_LABEL, examples=["Practitioner, night shift"])
    person_id: UUID | MISSING | None = Field(default=MISSING, description=_PERSON, examples=[None])


class ParticipantRead(Resource):
    """A seat. It does not show whether the seat has voted."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_SEAT]})

    assessment_id: UUID = Field(description="The assessment it belongs to.")
    seat: SeatKind = Field(description="What its holder does; only respondents vote.")
    channel: Channel = Field(description="How votes arrive: cast with a token, or entered from paper.")
    perspective: Perspective | None = Field(description="Where a respondent stands; null for others.")
    label: str | None = Field(description="What the team calls this seat.")
    person_id: UUID | None = Field(description="Whose seat it is, where that is known.")
    has_token: bool = Field(description="Whether somebody holds a token that opens this seat.")
    claimed_at: datetime | None = Field(
        description="When the present holder claimed it, with a code or by signing in; null: nobody holds it."
    )
    withdrawn_at: datetime | None = Field(description="When it was withdrawn; null: it was not.")


class Invitation(WithSecret):
    """An invitation to a seat. Anyone who has the code can claim the seat, once."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_INVITATION]})

    code: str | None = Field(
        description="Ten characters, shown only in this answer; hand it to the person invited. Null: see `code_reason`."
    )
    code_reason: RedactionReason | None = Field(
        description="`secret_not_replayable`: the first answer to this request showed the code. `dry_run`: "
        "no code was made. Null when `code` is present."
    )
    expires_at: datetime = Field(description="Until when the code can be used.")
    join_url: str | None = Field(description="A link that carries the code; null unless the service has a public URL.")

    def redacted(self, reason: RedactionReason) -> Self:
        """Return a copy without the code."""
        return self.model_copy(update={"code": None, "code_reason": reason, "join_url": None})


class _Invited(WithSecret):
    invitation: Invitation | None = Field(description="How to claim it; null for a paper seat.")

    def redacted(self, reason: RedactionReason) -> Self:
        """Return a copy without the invitation's code."""
        shown = None if self.invitation is None else self.invitation.redacted(reason)
        return self.model_copy(update={"invitation": shown})


class ParticipantCreated(ParticipantRead, _Invited):
    """A new seat, with its invitation."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [{**_SEAT, "invitation": _INVITATION}]}
    )


class ParticipantsCreated(ResponseModel):
    """The new seats, in the order sent."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [{"items": [{**_SEAT, "invitation": _INVITATION}]}]}
    )

    items: list[ParticipantCreated] = Field(description="One for each seat sent, in the same order.")


class SeatInvitation(_Invited):
    """A new invitation to a seat. The former holder no longer has access."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [{"participant_id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6", "invitation": _INVITATION}]
        },
    )

    participant_id: UUID = Field(description="The seat.")


class SeatClaim(Body):
    """The code of an invitation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "7K3QX9M2RT"}]})

    code: Name = Field(
        max_length=40,
        description="As it was handed over. Case, blanks and hyphens do not matter; O is read as 0, I and L as 1.",
        examples=["7K3QX9M2RT"],
    )


class SeatClaimed(WithToken):
    """A claimed seat, with the token that opens it."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "token": "fs_0198c6ef0a1b7c2d8e3f405162738495_…",
                    "token_reason": None,
                    "expires_at": None,
                    "participant_id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
                    "seat": "respondent",
                    "perspective": "practitioner",
                    "assessment_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
                    "assessment_title": "Baseline, North County",
                    "voting_opens_at": None,
                    "voting_closes_at": "2026-10-12T21:00:00Z",
                }
            ]
        },
    )

    expires_at: datetime | None = Field(
        description="Null: the token works until it is revoked, or the seat is withdrawn or invited again."
    )
    participant_id: UUID = Field(description="The seat.")
    seat: SeatKind = Field(description="What its holder does; only respondents vote.")
    perspective: Perspective | None = Field(description="Where a respondent stands; null for others.")
    assessment_id: UUID = Field(description="The assessment that the token opens.")
    assessment_title: str = Field(description="Its title.")
    voting_opens_at: datetime | None = Field(description="From when this seat may vote; null: from the opening.")
    voting_closes_at: datetime | None = Field(description="Until when this seat may vote; null: until the close.")


class OwnSeat(ResponseModel):
    """The seat that the caller holds in an assessment."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "participant_id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
                    "seat": "respondent",
                    "perspective": "practitioner",
                    "assessment_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
                    "assessment_title": "Baseline, North County",
                    "voting_opens_at": None,
                    "voting_closes_at": "2026-10-12T21:00:00Z",
                }
            ]
        },
    )

    participant_id: UUID = Field(description="The seat.")
    seat: SeatKind = Field(description="What its holder does; only respondents vote.")
    perspective: Perspective | None = Field(description="Where a respondent stands; null for others.")
    assessment_id: UUID = Field(description="The assessment it belongs to.")
    assessment_title: str = Field(description="Its title.")
    voting_opens_at: datetime | None = Field(description="From when this seat may vote; null: from the opening.")
    voting_closes_at: datetime | None = Field(description="Until when this seat may vote; null: until the close.")


class SeatChangeRead(ResponseModel):
    """Something that happened to a seat. Votes leave no entry."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
                    "created_at": "2026-10-05T13:00:00Z",
                    "event": "re_invited",
                    "actor_id": "0198c6ef-3333-7444-8555-666677778888",
                    "actor_name": "Facilitator, North County",
                }
            ]
        },
    )

    id: UUID = Field(description="Id, a UUIDv7.")
    created_at: datetime = Field(description="When it happened, UTC.")
    event: SeatEvent = Field(
        description="`invited`, `claimed` (by the invited person, or by the person whose seat it is), `re_invited`, "
        "`token_revoked` or `withdrawn`."
    )
    actor_id: UUID = Field(description="Id of the principal that acted, or of the seat itself.")
    actor_name: str = Field(description="Name of that principal or seat at the time.")


class SeatChangeQuery(ListQuery):
    """Filters of a seat's history."""

    updated_since: Instant | None = Field(default=None, description="Only those recorded at this instant or later.")


class ParticipantQuery(ListQuery):
    """Filters of the list of participants."""

    seat: SeatKind | None = Field(default=None, description="Only seats of this kind.")
    channel: Literal["token", "paper"] | None = Field(default=None, description="Only seats that vote this way.")
    perspective: Perspective | None = Field(default=None, description="Only respondents of this perspective.")
    withdrawn: Flag | None = Field(default=None, description="`true`: only withdrawn seats. `false`: only the others.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
