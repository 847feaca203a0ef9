"""The tables of jobs and of periodic tasks."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.db.base import Versioned, choice


class JobState(StrEnum):
    """How far a job has come."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


#: States that a job never leaves.
FINISHED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELED})

_HAS_DEDUPE_KEY = "state = 'waiting' and dedupe_key is not null"


class Job(Versioned, table=True):
    """A piece of a tenant's background work.

    ``due_at`` and ``held_until`` are instants of the database's clock, because several processes compare them. The
    other instants are the app's, as in every table.

    ``outcome`` has the counts, errors and failure that `app.jobs.schemas.JobRead` shows.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_due", "tenant_id", "due_at", "id", postgresql_where="state = 'waiting'"),
        Index("ix_jobs_key", "tenant_id", "kind", "key", "id", postgresql_where="state = 'waiting'"),
        # One job of a key runs at a time, whatever the workers do.
        Index("uq_jobs_running", "tenant_id", "kind", "key", unique=True, postgresql_where="state = 'running'"),
        Index("uq_jobs_dedupe", "tenant_id", "kind", "dedupe_key", unique=True, postgresql_where=_HAS_DEDUPE_KEY),
        Index("ix_jobs_finished", "tenant_id", "finished_at", postgresql_where="finished_at is not null"),
        Index("ix_jobs_updated", "tenant_id", "updated_at", "id"),
    )

    kind: str = Field(max_length=100)
    key: str | None = Field(default=None, max_length=200)
    dedupe_key: str | None = Field(default=None, max_length=200)
    arguments: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    state: JobState = Field(default=JobState.WAITING, sa_type=choice(JobState, "state"))
    due_at: datetime = Field(sa_type=DateTime(timezone=True))
    attempt: int = 0
    held_by: UUID | None = None
    held_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    cancel_requested: bool = False
    done: int = Field(default=0, sa_type=BigInteger)
    total: int | None = Field(default=None, sa_type=BigInteger)
    outcome: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    finished_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    created_by: UUID | None = None
    organization_id: UUID | None = None


class Schedule(SQLModel, table=True):
    """When a periodic task is due, and which process holds it until when. Not of a tenant."""

    __tablename__ = "schedules"

    name: str = Field(primary_key=True, max_length=100)
    due_at: datetime = Field(sa_type=DateTime(timezone=True))
    held_by: UUID | None = None
    held_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
