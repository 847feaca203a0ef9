"""The registry of event types: who may read an event of each type, and what its data holds.

An event of a type that is not registered reaches the audit trail and no follower. Votes have no type here: a feed that
said when somebody voted would reveal who did, wherever only one seat could have voted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Audience(StrEnum):
    """Who may read the events of a type."""

    READERS = "readers"
    ADMINS = "admins"
    EVERYONE = "everyone"


class EventData(BaseModel):
    """The data of an event that needs none: its type and its subject say everything."""

    model_config = ConfigDict(use_attribute_docstrings=True, populate_by_name=True)


class FieldsChanged(EventData):
    """Which fields of the subject were sent. Read the subject for their values."""

    fields: list[str] = Field(examples=[["name"]])
    """Names of the fields."""


class Explained(EventData):
    """Why it happened."""

    reason: str | None = Field(examples=["Merged with the county next to it."])
    """The reason that the caller gave; null if there was none."""


class OrganizationCreated(EventData):
    """The place of a new organization."""

    parent_id: UUID
    """Id of the organization above it."""


class OrganizationMoved(Explained):
    """The old and the new place of an organization."""

    from_parent_id: UUID
    """Id of the organization that it was below."""
    to_parent_id: UUID
    """Id of the organization that it is below now."""
    moved_on: str = Field(examples=["2026-10-05"])
    """The date from which the move counts."""


class ProgramHandedOver(Explained):
    """The old and the new owner of a program."""

    from_organization_id: UUID
    """Id of the former owner."""
    to_organization_id: UUID
    """Id of the new owner."""


class ImplementationCreated(EventData):
    """What is implemented, and the stage it begins at."""

    program_id: UUID
    """Id of the program."""
    stage: str = Field(examples=["exploration"])
    """The first stage."""


class StageMoved(Explained):
    """The stage before and after; null where the implementation had ended."""

    before: str | None = Field(alias="from", examples=["exploration"])
    """The stage before."""
    after: str | None = Field(alias="to", examples=["installation"])
    """The stage after."""


class ProfilePublished(EventData):
    """The name of a scoring profile."""

    key: str = Field(examples=["county-weights"])
    """The key of the profile."""
    version: str = Field(examples=["1.0.0"])
    """The version of the profile."""


class AssessmentCreated(EventData):
    """What is assessed."""

    implementation_id: UUID
    """Id of the implementation."""
    based_on: UUID | None
    """Id of the assessment that it was copied from; null if there is none."""


class AssessmentMoved(EventData):
    """The state before and after."""

    before: str = Field(alias="from", examples=["draft"])
    """The state before."""
    after: str = Field(alias="to", examples=["collecting"])
    """The state after."""
    round: int = Field(examples=[1])
    """The present round of votes."""


class AssessmentRevised(EventData):
    """What a revision corrects."""

    supersedes_id: UUID
    """Id of the final assessment that the revision corrects."""


class PracticeConcerned(EventData):
    """The practice concerned."""

    practice: str = Field(examples=["P1"])
    """Code of the practice."""


class SeatConcerned(EventData):
    """The assessment of the seat, and what the seat does there."""

    assessment_id: UUID
    """Id of the assessment."""
    seat: str = Field(examples=["respondent"])
    """What the seat does in the assessment."""


class ActionItemCreated(EventData):
    """Where an action item comes from."""

    assessment_id: UUID | None
    """Id of the assessment that it follows from; null if there is none."""
    practices: list[str] = Field(examples=[["P1"]])
    """Codes of the practices that it improves."""


class ActionItemMoved(EventData):
    """The status before and after."""

    before: str = Field(alias="from", examples=["open"])
    """The status before."""
    after: str = Field(alias="to", examples=["in_progress"])
    """The status after."""


class OwnerConcerned(EventData):
    """Who owns an action item."""

    person_id: UUID
    """Id of the person."""


class MetricRecorded(EventData):
    """What a figure is about, without its numbers."""

    metric: str = Field(examples=["training_coverage"])
    """Key of the metric."""
    program_id: UUID
    """Id of the program."""
    source: str = Field(examples=["lms"])
    """The system that reported it."""
    period_start: str = Field(examples=["2026-07-01"])
    """First day of the period."""
    period_end: str = Field(examples=["2026-09-30"])
    """Last day of the period."""
    supersedes_id: UUID | None
    """Id of the figure that it corrects; null if it corrects none."""


class PersonMergedInto(EventData):
    """Who a person turned out to be."""

    into_id: UUID
    """Id of the person that has everything now."""


class NoteAdded(EventData):
    """The note that was added."""

    note_id: UUID
    """Id of the note."""


class PrincipalCreated(EventData):
    """What a principal is."""

    kind: str = Field(examples=["api_key"])
    """The kind of the principal."""


class GrantEnded(EventData):
    """Who had which role."""

    principal_id: UUID
    """Id of the principal."""
    role: str = Field(examples=["viewer"])
    """The role."""


class GrantPeriod(EventData):
    """When a grant counts."""

    starts_at: str | None = Field(examples=[None])
    """From when it counts; null: from its creation."""
    ends_at: str | None = Field(examples=["2027-06-30T22:00:00+00:00"])
    """Until when it counts; null: until it is revoked."""


class GrantGiven(GrantPeriod, GrantEnded):
    """Who got which role, and when it counts."""


class KeyCreated(EventData):
    """The limits of a key. Neither the key nor its name, which may name a person, is in an event."""

    principal_id: UUID
    """Id of the principal that it belongs to."""
    expires_at: str | None = Field(examples=["2027-06-30T22:00:00+00:00"])
    """When it expires; null: never."""
    allowed_networks: list[str] = Field(examples=[["192.0.2.0/24"]])
    """The networks that it may be used from; empty: any."""


class KeyRotated(EventData):
    """How long the former secret works on."""

    overlap_seconds: int = Field(examples=[3600])
    """Seconds for which the former secret works as well as the new one."""


class WebhookDisabled(EventData):
    """Why a webhook was disabled."""

    reason: str = Field(examples=["failing"])
    """`gone`: the endpoint answered 410. `failing`: nothing was delivered for days. `rights_lost`: its creator may no
    longer have it."""


class ConnectorDisabled(EventData):
    """Why a connector was disabled."""

    reason: str = Field(examples=["secret_refused"])
    """`rights_lost`: its creator may no longer have it. `secret_refused`: the system did not accept the secret."""


class ConnectorRunStarted(EventData):
    """The run that was started."""

    run_id: UUID
    """Id of the run, and of its job."""


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of event.

    Attributes:
        name: ``<subject type>.<what happened>``.
        summary: the sentence that describes it in the OpenAPI document.
        data: the model of its data.
        audience: who may read it, where the organization of the event is visible to them.
        is_offered_below: readers below the organization may read it too, as they may read its subject.
    """

    name: str
    summary: str
    data: type[EventData] = EventData
    audience: Audience = Audience.READERS
    is_offered_below: bool = False


def _by_name(types: Iterable[EventType]) -> Mapping[str, EventType]:
    return {one.name: one for one in types}


_SEAT, _STAGE, _STATE, _STATUS = SeatConcerned, StageMoved, AssessmentMoved, ActionItemMoved

EVENT_TYPES: Final[Mapping[str, EventType]] = _by_name(
    [
        EventType("tenant.created", "A tenant was made"),
        EventType("organization.created", "An organization was added", OrganizationCreated),
        EventType("organization.updated", "Fields of an organization changed", FieldsChanged),
        EventType("organization.moved", "An organization moved below another one", OrganizationMoved),
        EventType("organization.moved_away", "An organization below this one moved to another place"),
        EventType("organization.archived", "An organization was archived", Explained),
        EventType("organization.restored", "An archived organization was restored", Explained),
        EventType("organization.deleted", "An organization was deleted"),
        EventType("program.created", "A program was added", is_offered_below=True),
        EventType("program.updated", "Fields of a program changed", FieldsChanged, is_offered_below=True),
        EventType("program.handed_over", "A program got another owner", ProgramHandedOver, is_offered_below=True),
        EventType("program.deleted", "A program was deleted", is_offered_below=True),
        EventType("implementation.created", "An organization began to use a program", ImplementationCreated),
        EventType("implementation.stage_changed", "An implementation reached another stage", _STAGE),
        EventType("implementation.ended", "An implementation ended", _STAGE),
        EventType("implementation.resumed", "An implementation that had ended was resumed", _STAGE),
        EventType("implementation.deleted", "An implementation was deleted"),
        EventType("person.created", "A person was added"),
        EventType("person.updated", "Fields of a person changed", FieldsChanged),
        EventType("person.moved_away", "A person of this organization moved to another one"),
        EventType("person.left", "A person left"),
        EventType("person.rehired", "A person who had left came back"),
        EventType("person.merged", "A person was merged into another one", PersonMergedInto),
        EventType("person.erased", "What says who a person is was erased"),
        EventType("person.deleted", "A person was deleted"),
        EventType("metric.recorded", "A figure of a metric was recorded", MetricRecorded),
        EventType("metric.withdrawn", "A figure of a metric was withdrawn", Explained),
        EventType("scoring_profile.published", "A scoring profile was published", ProfilePublished, Audience.EVERYONE),
        EventType("assessment.created", "An assessment was added as a draft", AssessmentCreated),
        EventType("assessment.updated", "Fields of an assessment changed", FieldsChanged),
        EventType("assessment.opened", "Voting opened", _STATE),
        EventType("assessment.closed", "Voting closed and the votes were revealed to the team", _STATE),
        EventType("assessment.reopened", "Voting opened again", _STATE),
        EventType("assessment.finalized", "An assessment became final", _STATE),
        EventType("assessment.voided", "An assessment was made void", _STATE),
        EventType("assessment.deleted", "A draft was deleted"),
        EventType("assessment.revised", "A revision of a final assessment was begun", AssessmentRevised),
        EventType("assessment.consensus_recorded", "The team's consensus was recorded", PracticeConcerned),
        EventType("assessment.consensus_removed", "The team's consensus was removed", PracticeConcerned),
        EventType("assessment.practice_rated", "Importance or feasibility of a practice changed", PracticeConcerned),
        EventType("assessment.administration_recorded", "It was recorded how the session was run"),
        EventType("participant.added", "A seat was added", _SEAT),
        EventType("participant.updated", "A seat changed", _SEAT),
        EventType("participant.invited", "A seat got an invitation", _SEAT),
        EventType("participant.re_invited", "A seat got another invitation", _SEAT),
        EventType("participant.claimed", "A seat was claimed", _SEAT),
        EventType("participant.token_revoked", "The token of a seat was revoked", _SEAT),
        EventType("participant.withdrawn", "A seat was withdrawn", _SEAT),
        EventType("action_item.created", "An action item was added", ActionItemCreated),
        EventType("action_item.updated", "Fields of an action item changed", FieldsChanged),
        EventType("action_item.owner_left", "The owner of an unfinished action item left", OwnerConcerned),
        EventType("action_item.note_added", "A note was added to an action item", NoteAdded),
        EventType("action_item.deleted", "An action item was deleted"),
        EventType("action_item.proposed", "An action item went back to being proposed", _STATUS),
        EventType("action_item.open", "An action item was opened", _STATUS),
        EventType("action_item.in_progress", "Work on an action item began", _STATUS),
        EventType("action_item.blocked", "An action item was blocked", _STATUS),
        EventType("action_item.done", "Work on an action item was done", _STATUS),
        EventType("action_item.verified", "An action item was verified", _STATUS),
        EventType("action_item.dismissed", "An action item was dismissed", _STATUS),
        EventType("webhook.created", "A webhook was added"),
        EventType("webhook.updated", "Fields of a webhook changed", FieldsChanged),
        EventType("webhook.secret_rotated", "A webhook got a new secret", KeyRotated),
        EventType("webhook.secret_revoked", "The former secret of a webhook was revoked"),
        EventType("webhook.replayed", "Somebody asked for a replay of events to a webhook"),
        EventType("webhook.tested", "Somebody asked for a test of a webhook"),
        EventType("webhook.disabled", "The service disabled a webhook", WebhookDisabled),
        EventType("webhook.deleted", "A webhook was deleted"),
        EventType("connector.created", "A connector was added"),
        EventType("connector.updated", "Fields of a connector changed", FieldsChanged),
        EventType("connector.run_started", "A run of a connector was started", ConnectorRunStarted),
        EventType("connector.disabled", "The service disabled a connector", ConnectorDisabled),
        EventType("connector.deleted", "A connector was deleted"),
        EventType("job.canceled", "A job was canceled, or is to stop"),
        EventType("api_key.created", "An API key was made", KeyCreated, Audience.ADMINS),
        EventType("api_key.rotated", "An API key got a new secret", KeyRotated, Audience.ADMINS),
        EventType("api_key.adopted", "Somebody took over an API key", audience=Audience.ADMINS),
        EventType("api_key.updated", "Fields of an API key changed", FieldsChanged, Audience.ADMINS),
        EventType("api_key.revoked", "An API key was revoked", audience=Audience.ADMINS),
        EventType("principal.created", "A principal was added", PrincipalCreated, Audience.ADMINS),
        EventType("principal.updated", "Fields of a principal changed", FieldsChanged, Audience.ADMINS),
        EventType("principal.deactivated", "A principal was deactivated", Explained, Audience.ADMINS),
        EventType("principal.reactivated", "A principal was activated again", Explained, Audience.ADMINS),
        EventType("role_grant.created", "A role was granted", GrantGiven, Audience.ADMINS),
        EventType("role_grant.updated", "A grant got another period", GrantPeriod, Audience.ADMINS),
        EventType("role_grant.deleted", "A grant was taken back", GrantEnded, Audience.ADMINS),
    ]
)
