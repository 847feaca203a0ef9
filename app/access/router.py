"""The routes about the caller itself."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from app.http.context import ContextDep
from app.http.responses import show
from app.principal import Role, SeatKind
from app.schemas import ResponseModel

router = APIRouter(prefix="/v1/me", tags=["accounts"])


class GrantRead(ResponseModel):
    """A role, the organization it was granted on, and where it comes from."""

    id: UUID | None = Field(description="Id of the role grant. Null: the role comes from the token of a sign-in.")
    role: Role
    """The role. It applies to the organization and everything below it."""
    organization_id: UUID
    """Id of the organization it was granted on."""
    ends_at: datetime | None = Field(description="Until when it counts, in UTC. Null: it does not end.")


class UsedKeyRead(ResponseModel):
    """The API key of this request."""

    id: UUID
    """Id of the API key."""
    expires_at: datetime | None = Field(
        description="When the secret you sent stops working, in UTC. Null: it does not."
    )
    allowed_networks: list[str]
    """Networks from which it works. Empty: everywhere."""


class SeatRead(ResponseModel):
    """The seat that a token opens."""

    assessment_id: UUID
    """Id of the assessment."""
    participant_id: UUID
    """Id of the seat."""
    seat: SeatKind
    """What the seat may do: vote as a respondent, or observe."""


class Me(ResponseModel):
    """The caller."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6ef-3333-7444-8555-666677778888",
                    "tenant_id": "0198c6ef-0a1b-7c2d-8e3f-405162738495",
                    "kind": "api_key",
                    "name": "Facilitator, North County",
                    "grants": [
                        {
                            "id": "0198c6ef-5555-7666-8777-888899990000",
                            "role": "facilitator",
                            "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
                            "ends_at": None,
                        }
                    ],
                    "api_key": {
                        "id": "0198c6ef-6666-7777-8888-999900001111",
                        "expires_at": "2027-01-01T00:00:00Z",
                        "allowed_networks": [],
                    },
                    "seat": None,
                }
            ]
        },
    )

    id: UUID
    """Id of the principal whose key or sign-in it is, or of the seat."""
    tenant_id: UUID
    """Id of the tenant."""
    kind: str = Field(
        description="`api_key`; `person` for a sign-in; `seat` for the holder of a seat's token; `dev` for the admin "
        "of `FA_AUTH=dev`."
    )
    name: str
    """Name of the principal, or label of the seat."""
    grants: list[GrantRead]
    """Roles that count now; empty for a seat."""
    api_key: UsedKeyRead | None
    """The API key of this request. Null: it was sent with another credential."""
    seat: SeatRead | None
    """The seat of the token. Null for other credentials."""


@router.get("", response_model=Me)
async def get_me(context: ContextDep) -> Response:
    """Read who you are, and which roles you have where.

    Call it first, to check a key or a token and to find the organizations it can reach. An API key and a person who
    signed in have grants; each role applies to its organization and everything below it, until its end. A sign-in that
    names nobody the tenant knows has none, or the tenant's default. The holder of a seat's token has a seat instead, in
    one assessment. The answer is 401 if the credentials are not valid, expired or revoked.
    """
    caller = context.principal
    seat, key = caller.seat, caller.key
    return show(
        context,
        Me(
            id=caller.id,
            tenant_id=caller.tenant_id,
            kind=caller.kind,
            name=caller.name,
            grants=[GrantRead.model_validate(grant) for grant in caller.grants],
            api_key=UsedKeyRead(id=key.id, expires_at=key.expires_at, allowed_networks=[*map(str, key.networks)])
            if key
            else None,
            seat=SeatRead(assessment_id=seat.assessment_id, participant_id=seat.participant_id, seat=seat.kind)
            if seat
            else None,
        ),
    )
