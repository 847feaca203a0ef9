"""The document that an export of a person is."""

from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import ConfigDict, Field

from app.audit.schemas import AuditEventRead
from app.privacy.examples import PERSON_EXAMPLE, SEAT_EXAMPLE
from app.privacy.exported_rows import (
    ExportedActionItem,
    ExportedAdministration,
    ExportedApiKey,
    ExportedAssessmentChange,
    ExportedConsensus,
    ExportedEmployment,
    ExportedItemChange,
    ExportedManaged,
    ExportedMove,
    ExportedNote,
    ExportedPerson,
    ExportedPrincipal,
    ExportedRoleGrant,
    ExportedScimUser,
    ExportedSeat,
    ExportedSeatChange,
    ExportedSignIn,
    ExportedStageChange,
)
from app.schemas import ResponseModel

#: A list of an export has so many rows at most.
MOST_ROWS = 1_000

Item = TypeVar("Item")


class ExportList(ResponseModel, Generic[Item]):
    """The newest rows of one kind, newest first."""

    # As in `Page`: the search for the source of each class is slow.
    model_config = ConfigDict(use_attribute_docstrings=False)

    items: list[Item] = Field(description=f"The rows, newest first; {MOST_ROWS} at most.")
    truncated: bool = Field(description="Whether there are older rows, which are not in the list.")


def _list_of(*rows: Any) -> dict[str, Any]:
    return {"items": list(rows), "truncated": False}


class PersonExport(ResponseModel):
    """All that is stored of a person, but for votes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "person_id": PERSON_EXAMPLE["id"],
                    "people": _list_of(PERSON_EXAMPLE),
                    "former_employments": _list_of(),
                    "scim_users": _list_of(),
                    "managed_people": _list_of(),
                    "seats": _list_of(SEAT_EXAMPLE),
                    "seat_history": _list_of(),
                    "action_items": _list_of(),
                    "action_item_history": _list_of(),
                    "action_item_notes": _list_of(),
                    "assessment_history": _list_of(),
                    "implementation_history": _list_of(),
                    "organization_moves": _list_of(),
                    "consensus": _list_of(),
                    "administration_records": _list_of(),
                    "principals": _list_of(),
                    "role_grants": _list_of(),
                    "api_keys": _list_of(),
                    "sign_ins": _list_of(),
                    "audit_events_about": _list_of(),
                    "audit_events_by": _list_of(),
                }
            ]
        }
    )

    person_id: UUID = Field(description="Id of the person.")
    people: ExportList[ExportedPerson] = Field(
        description="The record of the person. For an admin also the records that were merged with it."
    )
    former_employments: ExportList[ExportedEmployment] = Field(description="Employments that ended.")
    scim_users: ExportList[ExportedScimUser] = Field(description="What the identity provider says of the person.")
    managed_people: ExportList[ExportedManaged] = Field(description="Those whom the person manages, by id only.")
    seats: ExportList[ExportedSeat] = Field(description="Seats that name the person.")
    seat_history: ExportList[ExportedSeatChange] = Field(
        description="Invitations, claims and ends of these seats, and those that the person made of others."
    )
    action_items: ExportList[ExportedActionItem] = Field(description="Action items owned, done or verified.")
    action_item_history: ExportList[ExportedItemChange] = Field(description="Changes of action items by the person.")
    action_item_notes: ExportList[ExportedNote] = Field(description="Progress notes by the person.")
    assessment_history: ExportList[ExportedAssessmentChange] = Field(
        description="Transitions of assessments by the person."
    )
    implementation_history: ExportList[ExportedStageChange] = Field(
        description="Changes of implementations by the person."
    )
    organization_moves: ExportList[ExportedMove] = Field(description="Moves of organizations by the person.")
    consensus: ExportList[ExportedConsensus] = Field(description="Consensus of teams that the person recorded last.")
    administration_records: ExportList[ExportedAdministration] = Field(
        description="Administration records that the person recorded last."
    )
    principals: ExportList[ExportedPrincipal] = Field(description="Principals that stand for the person.")
    role_grants: ExportList[ExportedRoleGrant] = Field(description="Roles of these principals.")
    api_keys: ExportList[ExportedApiKey] = Field(description="API keys of these principals, without secrets.")
    sign_ins: ExportList[ExportedSignIn] = Field(description="Links to issuers of sign-ins.")
    audit_events_about: ExportList[AuditEventRead] | None = Field(
        description="Audit rows about the person that others made. Null: you may not read the audit trail."
    )
    audit_events_by: ExportList[AuditEventRead] | None = Field(
        description="Audit rows by the person's principals. Null: you may not read the audit trail."
    )
