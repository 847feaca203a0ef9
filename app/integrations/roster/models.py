"""What the service keeps of the systems that rosters come from."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, DateTime, Index, Text, false
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel


def _flag(description: str) -> Any:
    return Field(default=False, sa_column_kwargs={"server_default": false()}, description=description)


class RosterSource(SQLModel, table=True):
    """How the files of a source are read, and what the last one held."""

    __tablename__ = "roster_sources"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    source: str = Field(primary_key=True, max_length=100)
    columns: dict[str, str] = Field(sa_type=JSON, description="The header of each field that has another name.")
    rows: int = Field(default=0, description="Rows of the last whole roster of the tenant.")
    scopes: dict[str, int] = Field(
        default_factory=dict,
        sa_type=JSONB,
        sa_column_kwargs={"server_default": "{}"},
        description="Rows of the last whole roster of an organization, by its id.",
    )
    imported_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class StagedPerson(SQLModel, table=True):
    """A row of a roster while it is imported. See `docs/decisions` on staging tables.

    The transaction that adds the rows of an import also removes them, so no other transaction ever sees one. The table
    is unlogged and has no policy, because PostgreSQL refuses COPY under row-level security.
    """

    __tablename__ = "staged_people"
    __table_args__ = (
        Index("ix_staged_people_place", "import_id", "place", postgresql_where="place is not null"),
        # Free space lets the rows be changed without new index entries.
        {"prefixes": ["UNLOGGED"], "postgresql_with": {"fillfactor": "50"}},
    )

    import_id: UUID = Field(primary_key=True)
    line: int = Field(primary_key=True, description="Below 0: a person whom the file does not name.")
    person_id: UUID
    external_id: str | None = Field(default=None, max_length=200)
    name: str | None = Field(default=None, max_length=200)
    name_key: str | None = Field(default=None, sa_type=Text)
    organization: str | None = Field(default=None, max_length=200)
    organization_key: str | None = Field(default=None, sa_type=Text)
    email: str | None = Field(default=None, max_length=254)
    employee_number: str | None = Field(default=None, max_length=200)
    position: str | None = Field(default=None, max_length=200)
    department: str | None = Field(default=None, max_length=200)
    manager: str | None = Field(default=None, max_length=200)
    status: str | None = Field(default=None, max_length=20)
    active: bool | None = None
    on_leave: bool | None = None
    hired_on: date | None = None
    left_on: date | None = None
    is_new: bool | None = None
    organization_id: UUID | None = None
    matches: int | None = Field(default=None, description="Organizations of the name.")
    manager_id: UUID | None = None
    changed: list[str] | None = Field(default=None, sa_type=ARRAY(Text), description="The fields to change.")
    is_settled: bool | None = Field(default=None, description="Whether the employment is the one to store.")
    is_former: bool | None = Field(default=None, description="Whether the employment before is kept.")
    turn: str | None = Field(default=None, max_length=20, description="A value of `app.people.employment.Turn`.")
    place: int | None = Field(default=None, description="The place among the rows to write; a manager comes first.")


class StagedOrganization(SQLModel, table=True):
    """A row of a file of organizations while it is imported, kept as those of a roster (`StagedPerson`)."""

    __tablename__ = "staged_organizations"
    __table_args__ = (
        Index("ix_staged_organizations_place", "import_id", "place", postgresql_where="place is not null"),
        {"prefixes": ["UNLOGGED"], "postgresql_with": {"fillfactor": "50"}},
    )

    import_id: UUID = Field(primary_key=True)
    line: int = Field(primary_key=True, description="Below 0: an organization that the file does not name.")
    organization_id: UUID
    segment: str | None = Field(default=None, max_length=23, description="Of a new one, in its path.")
    external_id: str | None = Field(default=None, max_length=200)
    name: str | None = Field(default=None, max_length=200)
    name_key: str | None = Field(default=None, sa_type=Text)
    kind: str | None = Field(default=None, max_length=40)
    parent: str | None = Field(default=None, max_length=200)
    parent_key: str | None = Field(default=None, sa_type=Text)
    timezone: str | None = Field(default=None, max_length=64)
    staff_count: int | None = None
    status: str | None = Field(default=None, max_length=20)
    is_new: bool = _flag("Nobody has its external id yet.")
    is_foreign: bool = _flag("An organization that the file is not about has its external id.")
    parent_id: UUID | None = None
    matches: int | None = Field(default=None, description="Organizations of the name that the parent is given by.")
    changed: list[str] | None = Field(default=None, sa_type=ARRAY(Text), description="The fields to change.")
    moves: bool = _flag("It gets another parent.")
    restores: bool = _flag("It is archived and becomes active.")
    archives: bool = _flag("It becomes archived.")
    path: str | None = Field(default=None, sa_type=Text(collation="C"), description="Of a place to write.")
    depth: int | None = None
    archived_by_id: UUID | None = None
    timezone_from_id: UUID | None = None
    is_blocked: bool = _flag("What it is below takes nothing new.")
    above_line: int | None = Field(
        default=None, description="The line of the organization of the file that it is below."
    )
    place: int | None = Field(default=None, description="The place among the rows to write; a parent comes first.")
