"""What the service keeps of the systems that rosters come from."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, DateTime
from sqlmodel import Field, SQLModel


class RosterSource(SQLModel, table=True):
    """How the files of a source are read, and what the last one held."""

    __tablename__ = "roster_sources"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    source: str = Field(primary_key=True, max_length=100)
    columns: dict[str, str] = Field(sa_type=JSON, description="The header of each field that has another name.")
    rows: int = Field(default=0, description="Rows of the last whole roster.")
    imported_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
