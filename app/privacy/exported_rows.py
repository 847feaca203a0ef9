"""The rows of an export of a person."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from app.action_items.models import ActionStatus
from app.assessments.models import AssessmentState, Channel, Perspective, SeatEvent
from app.principal import Role, SeatKind
from app.privacy import examples
from app.programs.models import Stage, StageChangeKind
from app.schemas import Addressable, ResponseModel


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [fields]})


class ExportedRow(Addressable):
    """A stored row."""

    created_at: datetime = Field(description="When it was stored, in UTC.")


class ExportedResource(ExportedRow):
    """A stored row that can change."""

    version: int = Field(description="Number of the present version, from 1.")
    updated_at: datetime = Field(description="When it last changed, in UTC.")


class ExportedExternalId(ResponseModel):
    """An id of the person in another system."""

    model_config = _example(source="hr", external_id="4711")

    source: str = Field(description="The other system.")
    external_id: str = Field(description="The id that the person has in that system.")


class ExportedPerson(ExportedResource):
    """A record of the person."""

    model_config = _example(**examples.PERSON_EXAMPLE)

    organization_id: UUID = Field(description="Id of the organization that the person works in.")
    organization_name: str = Field(description="Present name of that organization.")
    name: str = Field(description="Name of the person.")
    active: bool = Field(description="Whether the person still works there.")
    email: str | None = Field(description="E-mail address. Null: none.")
    employee_number: str | None = Field(description="Employee number. Null: none.")
    position: str | None = Field(description="Position. Null: not known.")
    department: str | None = Field(description="Department. Null: not known.")
    manager_id: UUID | None = Field(description="Id of the person who manages this one. Null: nobody.")
    on_leave: bool = Field(description="Whether the person is on leave.")
    hired_on: date | None = Field(description="First day of the employment. Null: not known.")
    left_on: date | None = Field(description="Last day of the employment. Null: none is known.")
    merged_into_id: UUID | None = Field(description="Id of the record that this one was merged into. Null: none.")
    erased_at: datetime | None = Field(description="When the person was erased, in UTC. Null: was not erased.")
    external_ids: list[ExportedExternalId] = Field(description="Ids in other systems.")


class ExportedEmployment(ExportedRow):
    """An employment that had ended when the person was hired again."""

    model_config = _example(
        id=examples.ROW,
        created_at=examples.AT,
        person_id=examples.PERSON,
        employee_number="8810",
        position="Caseworker",
        department="Family support",
        hired_on="2019-02-01",
        left_on="2022-06-30",
    )

    person_id: UUID = Field(description="Id of the record of the person.")
    employee_number: str | None = Field(description="Employee number at its end. Null: none.")
    position: str | None = Field(description="Position at its end. Null: not known.")
    department: str | None = Field(description="Department at its end. Null: not known.")
    hired_on: date | None = Field(description="Its first day. Null: not known.")
    left_on: date | None = Field(description="Its last day. Null: not known.")


class ExportedScimUser(ExportedResource):
    """The person as the identity provider knows them."""

    model_config = _example(
        id=examples.ROW,
        version=1,
        created_at=examples.AT,
        updated_at=examples.AT,
        person_id=examples.PERSON,
        user_name="coach.north@agency.example",
        external_id="4f1c7a52",
        display_name="Coach, North County",
        formatted_name=None,
        given_name=None,
        family_name=None,
        emails=["coach.north@agency.example"],
        deleted_at=None,
    )

    person_id: UUID = Field(description="Id of the record of the person.")
    user_name: str = Field(description="Name of the user.")
    external_id: str | None = Field(description="Id of the user in the identity provider. Null: none.")
    display_name: str | None = Field(description="Name as it is shown. Null: none.")
    formatted_name: str | None = Field(description="Whole name. Null: none.")
    given_name: str | None = Field(description="Given name. Null: none.")
    family_name: str | None = Field(description="Family name. Null: none.")
    emails: list[str] = Field(description="E-mail addresses.")
    deleted_at: datetime | None = Field(description="When the identity provider deleted it, in UTC. Null: it did not.")


class ExportedManaged(Addressable):
    """Somebody whom the person manages, by id only."""

    model_config = _example(id="0198c6f0-e5f6-7172-8384-95e6f708192a")


class ExportedSeat(ExportedResource):
    """A seat of the person, as an admin reads it. Nothing in it depends on votes."""

    model_config = _example(**examples.SEAT_EXAMPLE)

    assessment_id: UUID = Field(description="Id of the assessment.")
    assessment_title: str = Field(description="Present title of the assessment.")
    organization_id: UUID = Field(description="Id of the organization that the assessment is about.")
    organization_name: str = Field(description="Present name of that organization.")
    person_id: UUID = Field(description="Id of the record of the person.")
    seat: SeatKind = Field(description="What its holder does.")
    channel: Channel = Field(description="How votes arrive: cast with a token, or entered from paper.")
    perspective: Perspective | None = Field(description="Where a respondent stands; null for others.")
    label: str | None = Field(description="What the team calls the seat. Null: nothing.")
    has_token: bool = Field(description="Whether somebody holds a token that opens the seat.")
    claimed_at: datetime | None = Field(
        description="When the present holder claimed it, in UTC. Null: nobody holds it."
    )
    withdrawn_at: datetime | None = Field(description="When it was withdrawn, in UTC. Null: it was not.")


class ExportedSeatChange(ExportedRow):
    """An invitation, a claim, a revocation or a withdrawal: of a seat of the person, or made by the person."""

    model_config = _example(
        id=examples.ROW,
        created_at=examples.AT,
        assessment_id=examples.ASSESSMENT,
        participant_id=examples.SEAT,
        event="invited",
        by_person=False,
    )

    assessment_id: UUID = Field(description="Id of the assessment.")
    participant_id: UUID = Field(description="Id of the seat.")
    event: SeatEvent = Field(description="What happened to the seat.")
    by_person: bool = Field(description="Whether the person's principal did it.")


class ExportedActionItem(ExportedRow):
    """An action item that names the person."""

    model_config = _example(
        id=examples.ITEM,
        created_at=examples.AT,
        **examples.PLACE,
        title="Plan coaching for new staff",
        status="open",
        due_on="2026-12-01",
        done_at=None,
        owned=True,
        done=False,
        verified=False,
    )

    organization_id: UUID = Field(description="Id of the organization that it belongs to.")
    organization_name: str = Field(description="Present name of that organization.")
    title: str = Field(description="Its title.")
    status: ActionStatus = Field(description="Its status.")
    due_on: date | None = Field(description="The day it is due. Null: none.")
    done_at: datetime | None = Field(description="When it was last done, in UTC. Null while it is not.")
    owned: bool = Field(description="Whether the person owns it.")
    done: bool = Field(description="Whether the person owned it when it was last done.")
    verified: bool = Field(description="Whether the person verified it.")


class ExportedItemChange(ExportedRow):
    """A change of an action item that the person made."""

    model_config = _example(
        id=examples.ROW,
        created_at=examples.AT,
        action_item_id=examples.ITEM,
        from_status="proposed",
        to_status="open",
        reason=None,
        actor_name="Coach, North County",
    )

    action_item_id: UUID = Field(description="Id of the action item.")
    from_status: ActionStatus | None = Field(description="The status before. Null: the creation.")
    to_status: ActionStatus = Field(description="The status after.")
    reason: str | None = Field(description="The reason that the person gave. Null: none.")
    actor_name: str = Field(description="Name of the person's principal at the time.")


class ExportedNote(ExportedRow):
    """A progress note that the person wrote."""

    model_config = _example(
        id=examples.ROW,
        created_at=examples.AT,
        action_item_id=examples.ITEM,
        text="First session held.",
        author_name="Coach, North County",
    )

    action_item_id: UUID = Field(description="Id of the action item.")
    text: str = Field(description="The note.")
    author_name: str = Field(description="Name of the person's principal at the time.")


class ExportedAssessmentChange(ExportedRow):
    """A transition of an assessment that the person made."""

    model_config = _example(
        id=examples.ROW,
        created_at=examples.AT,
        assessment_id=examples.ASSESSMENT,
        from_state="draft",
        to_state="collecting",
        reason=None,
        actor_name="Coach, North County",
    )

    assessment_id: UUID = Field(description="Id of the assessment.")
    from_state: AssessmentState | None = Field(description="The state before. Null: the creation.")
    to_state: AssessmentState = Field(description="The state after.")
    reason: str | None = Field(description="The reason that the person gave. Null: none.")
    actor_name: str = Field(description="Name of the person's principal at the time.")


class ExportedStageChange(ExportedRow):
    """A change of an implementation that the person made."""

    model_config = _example(
        id=examples.ROW,
        created_at=examples.AT,
        implementation_id="0198c6f0-9cad-7ebf-8021-3c4d5e6f7081",
        kind="stage",
        from_stage="exploration",
        to_stage="installation",
        reason=None,
    )

    implementation_id: UUID = Field(description="Id of the implementation.")
    kind: StageChangeKind = Field(description="What happened to the implementation.")
    from_stage: Stage | None = Field(description="The stage before. Null: none.")
    to_stage: Stage = Field(description="The stage after.")
    reason: str | None = Field(description="The reason that the person gave. Null: none.")


class ExportedMove(ExportedRow):
    """A move of an organization that the person made."""

    model_config = _example(
        id=examples.ROW,
        created_at=examples.AT,
        organization_id=examples.ROOT,
        from_parent_id="0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
        to_parent_id="0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e70",
        moved_on="2026-10-05",
        reason=None,
        actor_name="Coach, North County",
    )

    organization_id: UUID = Field(description="Id of the organization.")
    from_parent_id: UUID = Field(description="Id of the parent before.")
    to_parent_id: UUID = Field(description="Id of the parent after.")
    moved_on: date = Field(description="The day of the move.")
    reason: str | None = Field(description="The reason that the person gave. Null: none.")
    actor_name: str = Field(description="Name of the person's principal at the time.")


class ExportedConsensus(ExportedRow):
    """A consensus of a team that the person recorded, without its level."""

    model_config = _example(id=examples.ROW, created_at=examples.AT, assessment_id=examples.ASSESSMENT, practice="P1")

    assessment_id: UUID = Field(description="Id of the assessment.")
    practice: str = Field(description="Code of the practice.")


class ExportedAdministration(ExportedRow):
    """A record of how a session was run that the person made."""

    model_config = _example(id=examples.ROW, created_at=examples.AT, assessment_id=examples.ASSESSMENT)

    assessment_id: UUID = Field(description="Id of the assessment.")


class ExportedPrincipal(ExportedResource):
    """A principal that stands for the person."""

    model_config = _example(
        id=examples.PRINCIPAL,
        version=1,
        created_at=examples.AT,
        updated_at=examples.AT,
        kind="person",
        name="Coach, North County",
        organization_id=examples.ROOT,
        person_id=examples.PERSON,
        deactivated_at=None,
    )

    kind: str = Field(description="What the principal stands for: `person`.")
    name: str = Field(description="Its name.")
    organization_id: UUID | None = Field(description="Id of the organization that manages it. Null: the root.")
    person_id: UUID = Field(description="Id of the record of the person.")
    deactivated_at: datetime | None = Field(description="When it was deactivated, in UTC. Null: it is active.")


class ExportedRoleGrant(ExportedResource):
    """A role of the person's principal."""

    model_config = _example(
        id=examples.ROW,
        version=1,
        created_at=examples.AT,
        updated_at=examples.AT,
        principal_id=examples.PRINCIPAL,
        organization_id=examples.ROOT,
        role="manager",
        starts_at=None,
        ends_at=None,
    )

    principal_id: UUID = Field(description="Id of the principal.")
    organization_id: UUID = Field(description="Id of the organization. The role counts there and everywhere below.")
    role: Role = Field(description="The role.")
    starts_at: datetime | None = Field(description="When it starts, in UTC. Null: when it was granted.")
    ends_at: datetime | None = Field(description="When it ends, in UTC. Null: it does not.")


class ExportedApiKey(ExportedResource):
    """An API key of the person's principal, without its secret."""

    model_config = _example(
        id=examples.ROW,
        version=1,
        created_at=examples.AT,
        updated_at=examples.AT,
        principal_id=examples.PRINCIPAL,
        name="Laptop",
        allowed_networks=["192.0.2.0/24"],
        expires_at=None,
        revoked_at=None,
        last_used_at=examples.AT,
    )

    principal_id: UUID = Field(description="Id of the principal.")
    name: str | None = Field(description="Name of the key. Null: it has none, or it was erased.")
    allowed_networks: list[str] = Field(description="Networks from which it works. Empty: everywhere.")
    expires_at: datetime | None = Field(description="When it stops working, in UTC. Null: it does not expire.")
    revoked_at: datetime | None = Field(description="When it was revoked, in UTC. Null: it was not.")
    last_used_at: datetime | None = Field(description="When it was last used, in UTC. Null: never.")


class ExportedSignIn(ExportedRow):
    """A link between the person and an issuer of sign-ins."""

    model_config = _example(
        id=examples.ROW,
        created_at=examples.AT,
        issuer="https://login.agency.example",
        subject="a1b2c3",
        person_id=examples.PERSON,
        principal_id=examples.PRINCIPAL,
    )

    issuer: str = Field(description="The issuer.")
    subject: str = Field(description="What the issuer calls the person.")
    person_id: UUID = Field(description="Id of the record of the person.")
    principal_id: UUID = Field(description="Id of the principal whose roles the sign-in has.")
