"""Action items: the work on a gap, its owner and its due date."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, Column, Computed, Date, DateTime, ForeignKeyConstraint, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from app.db.base import Record, Versioned, choice, folded


class ActionStatus(StrEnum):
    """The status of an action item."""

    PROPOSED = "proposed"
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    BLOCKED = "blocked"
    DONE = "done"
    VERIFIED = "verified"
    DISMISSED = "dismissed"


class Effort(StrEnum):
    """How much work an action is expected to be."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class ActionItem(Versioned, table=True):
    """One piece of work on one or more practices."""

    __tablename__ = "action_items"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        ForeignKeyConstraint(["tenant_id", "assessment_id"], ["assessments.tenant_id", "assessments.id"]),
        ForeignKeyConstraint(["tenant_id", "owner_id"], ["people.tenant_id", "people.id"]),
        ForeignKeyConstraint(["tenant_id", "verified_by"], ["people.tenant_id", "people.id"]),
        Index("ix_action_items_organization", "tenant_id", "organization_id", "id"),
        Index("ix_action_items_organization_due", "tenant_id", "organization_id", "due_sort", "id"),
        Index("ix_action_items_due", "tenant_id", "due_sort", "id"),
        Index("ix_action_items_updated", "tenant_id", "updated_at", "id"),
        Index("ix_action_items_owner", "tenant_id", "owner_id", "id", postgresql_where="owner_id is not null"),
        Index("ix_action_items_unowned", "tenant_id", "id", postgresql_where="owner_id is null"),
        Index("ix_action_items_verifier", "tenant_id", "verified_by", postgresql_where="verified_by is not null"),
        Index("ix_action_items_assessment", "tenant_id", "assessment_id", "id"),
        CheckConstraint("gap_score between 0 and 2", name="gap_score"),
        CheckConstraint("expected_level between 1 and 2", name="expected_level"),
    )

    organization_id: UUID
    assessment_id: UUID | None = None
    practices: list[str] = Field(sa_type=ARRAY(Text))
    title: str = Field(max_length=500)
    title_key: str = folded()
    description: str | None = Field(default=None, max_length=10_000)
    status: ActionStatus = Field(default=ActionStatus.PROPOSED, sa_type=choice(ActionStatus, "status"))
    owner_id: UUID | None = None
    due_on: date | None = None
    # The driver sends the last day of year 9999 as infinity, which would break the cursors of lists. So this day is
    # earlier.
    due_sort: date | None = Field(
        default=None,
        sa_column=Column(Date, Computed("COALESCE(due_on, '9999-01-01'::date)", persisted=True), nullable=False),
        description="The due date as a sort key: items without one come last.",
    )
    effort: Effort | None = Field(default=None, sa_type=choice(Effort, "effort"))
    expected_level: int | None = None
    gap_score: int | None = Field(default=None, description="The practice's score when the item came from its gap.")
    verified_by: UUID | None = None
    done_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    done_owner_id: UUID | None = Field(
        default=None, description="The owner when the item was last done, who cannot verify it."
    )


class ActionItemChange(Record, table=True):
    """A change of an action item: who made it, when, and why."""

    __tablename__ = "action_item_changes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "action_item_id"],
            ["action_items.tenant_id", "action_items.id"],
            ondelete="CASCADE",
        ),
        Index("ix_action_item_changes_item", "tenant_id", "action_item_id", "id"),
    )

    action_item_id: UUID
    from_status: ActionStatus | None = Field(default=None, sa_type=choice(ActionStatus, "from_status"))
    to_status: ActionStatus = Field(sa_type=choice(ActionStatus, "to_status"))
    changes: list[dict[str, Any]] | None = Field(
        default=None,
        sa_type=JSON,
        description="Fields with their values before and after, as callers read them; null: none but the status.",
    )
    reason: str | None = Field(default=None, max_length=10_000)
    actor_id: UUID
    actor_name: str = Field(max_length=200)


class ActionItemNote(Record, table=True):
    """A progress note; never edited."""

    __tablename__ = "action_item_notes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "action_item_id"],
            ["action_items.tenant_id", "action_items.id"],
            ondelete="CASCADE",
        ),
        Index("ix_action_item_notes_item", "tenant_id", "action_item_id", "id"),
    )

    action_item_id: UUID
    text: str = Field(max_length=10_000)
    author_id: UUID
    author_name: str = Field(max_length=200)
