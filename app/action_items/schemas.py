"""What goes in and out of the action items' routes."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from app.action_items.models import ActionStatus, Effort
from app.http.pagination import ListQuery
from app.schemas import Body, Day, Flag, Instant, Line, Patch, Prose, Read, Resource, Search, Transition


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
Level = Annotated[int, Field(strict=True, ge=1, le=2)]

_OWNER = "The person who sees to it: active, and in an organization in sight."
_DUE = "The last day on which it is not overdue."
_LEVEL = "What the practices should reach: 1 (partially in place) or 2 (in place)."


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
        default=None, description="Whose work it is. Absent with `assessment_id`: the assessment's organization."
    )
    assessment_id: UUID | None = Field(default=None, description="The assessment whose gap this closes.")
    practices: Practices = Field(
        default_factory=list, description="Codes of the practices it serves; from a gap at least one."
    )
    title: Line | None = Field(default=None, description="Absent from a gap: the practices' titles.")
    description: Prose | None = None
    owner_id: UUID | None = Field(default=None, description=_OWNER)
    due_on: Day | None = Field(default=None, description=_DUE)
    effort: Effort | None = None
    expected_level: Level | None = Field(
        default=None, description=f"{_LEVEL} Absent from a gap: one above the present score, at most 2."
    )


class ActionItemPatch(Patch):
    """Changes of an action item; a null clears."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"due_on": "2027-03-31", "effort": None}]})

    title: Line | MISSING = MISSING
    description: Prose | MISSING | None = MISSING
    practices: Practices | MISSING = Field(default=MISSING, description="Replaces all of them.")
    owner_id: UUID | MISSING | None = Field(default=MISSING, description=_OWNER)
    due_on: Day | MISSING | None = Field(default=MISSING, description=_DUE)
    effort: Effort | MISSING | None = MISSING
    expected_level: Level | MISSING | None = Field(default=MISSING, description=_LEVEL)


class ActionItemTransition(Transition):
    """The next status. `blocked` and `dismissed` need a reason, `verified` another person than the owner."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"to": "blocked", "reason": "Waiting for the county's decision on the budget amendment"},
                {"to": "verified", "verified_by": "0198c6f2-4d5e-7f60-8172-93a4b5c6d7e8"},
            ]
        }
    )

    to: ActionStatus
    verified_by: UUID | None = Field(default=None, description="With `verified` only: the person who verified.")


_ITEM: dict[str, Any] = {
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
    "source": "gap",
    "overdue": False,
    "allowed_transitions": ["blocked", "done", "dismissed"],
}


class ActionItemRead(Resource):
    """An action item."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_ITEM]})

    organization_id: UUID
    assessment_id: UUID | None = Field(description="The assessment whose gap this closes.")
    practices: list[str] = Field(description="Codes of the practices it serves.")
    title: str
    description: str | None
    status: ActionStatus
    owner_id: UUID | None = Field(description="The person who sees to it.")
    due_on: date | None = Field(description=_DUE)
    effort: Effort | None
    expected_level: int | None = Field(description=_LEVEL)
    gap_score: int | None = Field(
        description="The lowest score of its practices when it was made; null: none was scored, or not from a gap."
    )
    verified_by: UUID | None = Field(description="The person who verified it.")
    done_at: datetime | None = Field(description="When it was last done; null while it is not.")
    source: ActionSource
    overdue: bool = Field(description="Due before the day asked for, and neither done nor dismissed.")
    allowed_transitions: tuple[ActionStatus, ...] = Field(description="Where this caller may move it.")


class ActionItemChangeRead(Read):
    """A move of an action item's status."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f4-1a2b-7c3d-8e4f-5a6b7c8d9e0f",
                    "created_at": "2026-11-02T08:30:00Z",
                    "from_status": "open",
                    "to_status": "in_progress",
                    "reason": None,
                    "actor_id": "0198c6ee-5f60-7182-93a4-b5c6d7e8f901",
                    "actor_name": "Planning console",
                }
            ]
        },
    )

    id: UUID
    created_at: datetime
    from_status: ActionStatus | None = Field(description="Null: the creation.")
    to_status: ActionStatus
    reason: str | None
    actor_id: UUID
    actor_name: str


class ActionItemNoteCreate(Body):
    """A progress note; it is never edited."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "Two of the five postings now name protected coaching time."}]}
    )

    text: Prose


class ActionItemNoteRead(Read):
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
    created_at: datetime
    text: str
    author_id: UUID
    author_name: str


class ActionItemsCreate(Body):
    """Many new action items, all or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
                            "title": "Cost a role-by-role plan",
                            "practices": ["P1"],
                        }
                    ]
                }
            ]
        }
    )

    items: list[ActionItemCreate] = Field(min_length=1, max_length=200)


class ActionItemChange(Body):
    """Changes of one of many action items."""

    id: UUID
    version: Annotated[int, Field(strict=True, ge=1, le=2_000_000_000)] = Field(
        description="The version that was read; 412 where it has changed since."
    )
    changes: ActionItemPatch


class ActionItemsPatch(Body):
    """Changes of many action items, all or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "id": "0198c6f2-4d5e-7f60-8172-93a4b5c6d7e8",
                            "version": 2,
                            "changes": {"due_on": "2027-03-31"},
                        }
                    ]
                }
            ]
        }
    )

    items: list[ActionItemChange] = Field(min_length=1, max_length=200)


class ActionItemBatch(Read):
    """The action items as they were stored, in the order sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_ITEM]}]})

    items: list[ActionItemRead]


class ActionItemQuery(ListQuery):
    """Filters and order of the list of action items."""

    organization_id: UUID | None = Field(default=None, description="Of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Of this organization and everything below it.")
    owner_id: UUID | None = None
    status: list[ActionStatus] | None = Field(default=None, max_length=20, description="Any of these; may be repeated.")
    practice: Practice | None = Field(default=None, description="Serving this practice.")
    assessment_id: UUID | None = None
    effort: Effort | None = None
    overdue: Flag | None = None
    as_of: Day | None = Field(
        default=None, description="The day on which `overdue` is told; absent: today, where the organization is."
    )
    due_after: Day | None = Field(default=None, description="Due on this day or later.")
    due_before: Day | None = Field(default=None, description="Due on this day or earlier.")
    updated_since: Instant | None = Field(default=None, description="Changed at this instant or later.")
    q: Search | None = Field(default=None, description="Part of the title, whatever its case.")
    sort: Literal["id", "-id", "due_on", "-due_on", "updated_at", "-updated_at"] = Field(
        default="id", description="`due_on`: items without a due date come last; `-due_on` is the exact reverse."
    )

    def filters(self) -> dict[str, Any]:
        """The filters in use, by the name of their condition."""
        found = super().filters()
        found.pop("as_of", None)
        overdue = found.pop("overdue", None)
        if overdue is not None:
            found["overdue" if overdue else "not_overdue"] = True
        return found


class RecordQuery(ListQuery):
    """Filters of the lists of an action item's notes and moves."""

    updated_since: Instant | None = Field(default=None, description="Recorded at this instant or later.")
