"""What goes in and out of the action items' routes."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.action_items.models import ActionStatus, Effort
from app.http.pagination import ListQuery
from app.schemas import Body, Day, Flag, Instant, Line, Patch, Prose, Resource, ResponseModel, Search, Transition


class ActionSource(StrEnum):
    """Where an action item comes from."""

    GAP = "gap"
    FREE = "free"


def _each_once(codes: list[str]) -> list[str]:
    if len(set(codes)) != len(codes):
        raise PydanticCustomError("repeated_practice", "A practice is named twice")
    return codes


Practice = Annotated[
    str,
    StringConstraints(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$"),
]
Practices = Annotated[
    list[Practice], Field(max_length=20, json_schema_extra={"uniqueItems": True}), AfterValidator(_each_once)
]
Version = Annotated[int, Field(strict=True, ge=1, le=2_000_000_000)]
Level = Annotated[int, Field(strict=True, ge=1, le=2)]
OwnerFilter = Annotated[
    UUID | Literal["none"],
    WithJsonSchema({"type": "string", "pattern": "^(none|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"}),
]

_OWNER = "Id of the person responsible, who must be active and visible to you."
_DUE = "Last day on which the item is not overdue."
_LEVEL = "Level that the practices should reach: 1 (partially in place) or 2 (in place)."


class ActionItemCreate(Body):
    """A new action item, proposed: free (`organization_id`, `title`), or from a gap (`assessment_id`, `practices`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "assessment_id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
                    "practices": ["P1"],
                    "owner_id": "0198c6f2-2b3c-7d4e-8f50-718293a4b5c6",
                    "due_on": "2027-01-29",
                    "effort": "medium",
                },
                {
                    "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
                    "title": "Write coaching time into the posted job descriptions",
                    "practices": ["P1", "P4"],
                },
            ]
        }
    )

    organization_id: UUID | None = Field(
        default=None,
        description="Id of the organization that does the work. Absent with `assessment_id`: the assessment's.",
    )
    assessment_id: UUID | None = Field(
        default=None, description="Id of the assessment whose gap this closes. Null: the item is free."
    )
    practices: Practices = Field(
        default_factory=list, description="Codes of the practices it serves; from a gap at least one."
    )
    title: Line | None = Field(
        default=None, description="What is to be done. Absent, from a gap: the titles of the practices."
    )
    description: Prose | None = None
    """What is to be done, in prose."""
    owner_id: UUID | None = Field(default=None, description=_OWNER)
    due_on: Day | None = Field(default=None, description=_DUE)
    effort: Effort | None = None
    """Rough effort."""
    expected_level: Level | None = Field(
        default=None, description=f"{_LEVEL} Absent from a gap: one above the present score, at most 2."
    )


class ActionItemPatch(Patch):
    """Changes of an action item; a null clears. Practices and assessment are checked as for a new item."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"due_on": "2027-03-31", "effort": None}]})

    title: Line | MISSING = MISSING
    """What is to be done."""
    description: Prose | MISSING | None = MISSING
    """What is to be done, in prose. Null clears it."""
    assessment_id: UUID | MISSING | None = Field(
        default=MISSING,
        description="Another assessment whose gap this closes, such as the revision of the first; null: from no gap. "
        "`gap_score` follows.",
        examples=["0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6"],
    )
    practices: Practices | MISSING = Field(
        default=MISSING, description="Replaces all of them; `gap_score` follows.", examples=[["P1", "P4"]]
    )
    owner_id: UUID | MISSING | None = Field(default=MISSING, description=_OWNER)
    due_on: Day | MISSING | None = Field(default=MISSING, description=_DUE)
    effort: Effort | MISSING | None = MISSING
    """Rough effort. Null clears it."""
    expected_level: Level | MISSING | None = Field(default=MISSING, description=_LEVEL)


class ActionItemTransition(Transition):
    """The next status.

    `blocked` and `dismissed` need a reason, and so does reopening a verified or dismissed item. `verified` needs
    another person than the one who owned the item when it was done.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"to": "blocked", "reason": "Waiting for the county's decision on the budget amendment"},
                {"to": "verified", "verified_by": "0198c6f2-4d5e-7f60-8172-93a4b5c6d7e8"},
            ]
        }
    )

    to: ActionStatus = Field(description="One of the item's `allowed_transitions`.", examples=["in_progress"])
    verified_by: UUID | None = Field(
        default=None,
        description="Id of the person who verified. Only with `verified`.",
        examples=["0198c6f2-4d5e-7f60-8172-93a4b5c6d7e8"],
    )


EXAMPLE: dict[str, Any] = {
    "id": "0198c6f3-6a7b-7c8d-9e0f-a1b2c3d4e5f6",
    "version": 4,
    "created_at": "2026-10-06T15:10:00Z",
    "updated_at": "2026-11-02T08:30:00Z",
    "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
    "assessment_id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
    "practices": ["P1"],
    "title": "Fund coaching for all affected roles in this fiscal year",
    "description": None,
    "status": "in_progress",
    "owner_id": "0198c6f2-2b3c-7d4e-8f50-718293a4b5c6",
    "due_on": "2027-01-29",
    "effort": "medium",
    "expected_level": 2,
    "gap_score": 1,
    "verified_by": None,
    "done_at": None,
    "done_owner_id": None,
    "source": "gap",
    "overdue": False,
    "allowed_transitions": ["blocked", "done", "dismissed"],
}


class ActionItemRead(Resource):
    """An action item."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [EXAMPLE]})

    organization_id: UUID
    """Id of the organization that does the work."""
    assessment_id: UUID | None = Field(
        description="Id of the assessment whose gap this closes. Null: the item is free."
    )
    practices: list[str] = Field(description="Codes of the practices it serves.")
    title: str
    """What is to be done."""
    description: str | None
    """What is to be done, in prose."""
    status: ActionStatus
    """The present status."""
    owner_id: UUID | None = Field(description="Id of the person responsible. Null: nobody yet.")
    due_on: date | None = Field(description=_DUE)
    effort: Effort | None
    """Rough effort."""
    expected_level: int | None = Field(description=_LEVEL)
    gap_score: int | None = Field(
        description="The lowest score of its practices when they were last set; null: none was scored, or not from a "
        "gap."
    )
    verified_by: UUID | None = Field(description="Id of the person who verified it. Null: not verified.")
    done_at: datetime | None = Field(description="When it was last done; null while it is not.")
    done_owner_id: UUID | None = Field(
        description="The owner when it was last done, who cannot verify it; null while it is not done, or without one."
    )
    source: ActionSource
    """`gap`: from an assessment. `free`: from no assessment."""
    overdue: bool = Field(
        description="Whether it was due before the day in `as_of` and is neither done, verified nor dismissed."
    )
    allowed_transitions: tuple[ActionStatus, ...] = Field(description="Statuses that you may transition it to now.")


class ChangedField(StrEnum):
    """The fields of an action item whose changes its history keeps."""

    ASSESSMENT_ID = "assessment_id"
    PRACTICES = "practices"
    TITLE = "title"
    OWNER_ID = "owner_id"
    DUE_ON = "due_on"
    EFFORT = "effort"
    EXPECTED_LEVEL = "expected_level"
    GAP_SCORE = "gap_score"
    VERIFIED_BY = "verified_by"


class FieldChange(ResponseModel):
    """A field's value before and after a change."""

    field: ChangedField = Field(description="The field's name.", examples=["owner_id"])
    before: str | int | list[str] | None = Field(description="Null: there was none.", examples=[None])
    after: str | int | list[str] | None = Field(
        description="Null: there is none.", examples=["0198c6f2-2b3c-7d4e-8f50-718293a4b5c6"]
    )


class ActionItemChangeRead(ResponseModel):
    """A change of an action item. Where only fields changed, both statuses are the same."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f4-1a2b-7c3d-8e4f-5a6b7c8d9e0f",
                    "created_at": "2026-11-02T08:30:00Z",
                    "from_status": "open",
                    "to_status": "open",
                    "changes": [{"field": "due_on", "before": "2027-01-29", "after": "2027-03-31"}],
                    "reason": None,
                    "actor_id": "0198c6ee-5f60-7182-93a4-b5c6d7e8f901",
                    "actor_name": "Planning console",
                }
            ]
        },
    )

    id: UUID = Field(description="Id, a UUIDv7.")
    created_at: datetime = Field(description="When it was changed, UTC.")
    from_status: ActionStatus | None = Field(description="The status before; null: the creation.")
    to_status: ActionStatus = Field(description="The status after.")
    changes: list[FieldChange] = Field(description="The other fields that changed.")
    reason: str | None = Field(description="Why. Null: no reason was sent.")
    actor_id: UUID = Field(description="Id of the principal that made the change.")
    actor_name: str = Field(description="Name of that principal at the time.")


class ActionItemNoteCreate(Body):
    """A progress note; it is never edited."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "Two of the five postings now name protected coaching time."}]}
    )

    text: Prose
    """The note."""


class ActionItemNoteRead(ResponseModel):
    """A progress note."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f5-2b3c-7d4e-8f50-61728394a5b6",
                    "created_at": "2026-11-16T10:05:00Z",
                    "text": "Two of the five postings now name protected coaching time.",
                    "author_id": "0198c6ee-5f60-7182-93a4-b5c6d7e8f901",
                    "author_name": "Planning console",
                }
            ]
        },
    )

    id: UUID
    """Id, a UUIDv7."""
    created_at: datetime
    """When it was written, in UTC."""
    text: str
    """The note."""
    author_id: UUID
    """Id of the principal that wrote it."""
    author_name: str
    """Name of that principal at the time."""


class ActionItemQuery(ListQuery):
    """Filters and order of the list of action items."""

    organization_id: UUID | None = Field(default=None, description="Only those of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Only those of this organization and everything below it.")
    owner_id: OwnerFilter | None = Field(
        default=None,
        description="Only those owned by this person. `none`: only those without an owner.",
        examples=["none"],
    )
    owner_inactive: Flag | None = Field(
        default=None,
        description="`true`: the owner is no longer active; `false`: the owner is active. Neither finds items without "
        "an owner.",
        examples=[True],
    )
    status: list[ActionStatus] | None = Field(
        default=None, max_length=20, description="Only those with one of these statuses. Repeat the parameter for more."
    )
    practice: Practice | None = Field(default=None, description="Only those that serve this practice.")
    assessment_id: UUID | None = None
    """Only those that come from this assessment."""
    effort: Effort | None = None
    """Only those of this effort."""
    overdue: Flag | None = None
    """`true`: only overdue items. `false`: only the others."""
    as_of: Day | None = Field(
        default=None, description="Day for which `overdue` is computed. Absent: today in the organization's time zone."
    )
    due_after: Day | None = Field(default=None, description="Only those due on this day or later.")
    due_before: Day | None = Field(default=None, description="Only those due on this day or earlier.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    q: Search | None = Field(default=None, description="Part of the title, whatever its case.")
    sort: Literal["id", "-id", "due_on", "-due_on", "updated_at", "-updated_at"] = Field(
        default="id", description="`due_on`: items without a due date come last; `-due_on` is the exact reverse."
    )

    def filters(self) -> dict[str, Any]:
        """Return the filters in use, by the name of their condition."""
        found = super().filters()
        found.pop("as_of", None)
        overdue = found.pop("overdue", None)
        if overdue is not None:
            found["overdue" if overdue else "not_overdue"] = True
        if found.get("owner_id") == "none":
            del found["owner_id"]
            found["no_owner"] = True
        owner_inactive = found.pop("owner_inactive", None)
        if owner_inactive is not None:
            found["owner_inactive" if owner_inactive else "owner_active"] = True
        return found


class RecordQuery(ListQuery):
    """Filters of the lists of an action item's notes and changes."""

    updated_since: Instant | None = Field(default=None, description="Only those recorded at this instant or later.")
