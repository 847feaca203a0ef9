"""The table of periodic tasks."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime
from sqlmodel import Field, SQLModel


class Schedule(SQLModel, table=True):
    """When a periodic task is due, and which process holds it until when. Not of a tenant."""

    __tablename__ = "schedules"

    name: str = Field(primary_key=True, max_length=100)
    due_at: datetime = Field(sa_type=DateTime(timezone=True))
    held_by: UUID | None = None
    held_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
