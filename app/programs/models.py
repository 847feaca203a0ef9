"""Programs, and an organization's use of one."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from app.db.base import Record, Versioned, choice, folded


class Program(Versioned, table=True):
    """A program or practice that organizations implement, offered to its owner's subtree."""

    __tablename__ = "programs"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        Index("ix_programs_organization", "tenant_id", "organization_id"),
        Index("ix_programs_name", "tenant_id", "name_key", "id"),
        Index("ix_programs_updated", "tenant_id", "updated_at", "id"),
    )

    organization_id: UUID
    name: str = Field(max_length=200)
    name_key: str = folded()
    description: str | None = Field(default=None, max_length=10_000)
    website: str | None = Field(default=None, max_length=500)


class Stage(StrEnum):
    """How far an implementation has come (scoring spec 8)."""

    EXPLORATION = "exploration"
    INSTALLATION = "installation"
    INITIAL = "initial_implementation"
    FULL = "full_implementation"


class Implementation(Versioned, table=True):
    """One organization's use of one program: the unit that is assessed."""

    __tablename__ = "implementations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        ForeignKeyConstraint(["tenant_id", "program_id"], ["programs.tenant_id", "programs.id"]),
        UniqueConstraint("tenant_id", "organization_id", "program_id"),
        Index("ix_implementations_program", "tenant_id", "program_id"),
        Index("ix_implementations_updated", "tenant_id", "updated_at", "id"),
    )

    organization_id: UUID
    program_id: UUID
    stage: Stage = Field(sa_type=choice(Stage, "stage"))
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class StageChangeKind(StrEnum):
    """What happened to an implementation."""

    STAGE = "stage"
    ENDED = "ended"
    RESUMED = "resumed"


class StageChange(Record, table=True):
    """An implementation reached or went back to a stage, ended or was resumed: kept with its date and reason."""

    __tablename__ = "stage_changes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "implementation_id"],
            ["implementations.tenant_id", "implementations.id"],
            ondelete="CASCADE",
        ),
        Index("ix_stage_changes_implementation", "tenant_id", "implementation_id", "id"),
    )

    implementation_id: UUID
    kind: StageChangeKind = Field(default=StageChangeKind.STAGE, sa_type=choice(StageChangeKind, "kind"))
    from_stage: Stage | None = Field(default=None, sa_type=choice(Stage, "from_stage"))
    to_stage: Stage = Field(sa_type=choice(Stage, "to_stage"))
    reason: str | None = Field(default=None, max_length=10_000)
    actor_id: UUID
