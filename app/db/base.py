"""The base of every table: names of constraints, the tenant in every key, the common columns."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Enum, Text, text
from sqlmodel import Field, SQLModel

from app.db.ids import followed_script, uuid7

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = SQLModel.metadata


def now() -> datetime:
    """Return the present instant, UTC."""
    script = followed_script()
    return datetime.now(UTC) if script is None else script.now()


def choice(values: type[StrEnum], name: str) -> Any:
    """Return a text column with a CHECK for the values of an enum. It is no native type, so values can be added."""
    return Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=40,
        values_callable=lambda kind: [member.value for member in kind],
        validate_strings=True,
    )


def folded() -> Any:
    """Return a column for text folded for search and order. It compares byte by byte, so that an index serves both."""
    return Field(sa_type=Text(collation="C"))


#: Marks a column that the database sets. The service has no right to set it.
SET_BY_DATABASE = "set by database"


def set_by_database(expression: str, description: str) -> Any:
    """Return an instant that the database sets when a row is inserted."""
    column = {"server_default": text(expression), "info": {SET_BY_DATABASE: True}}
    return Field(default=None, sa_type=DateTime(timezone=True), sa_column_kwargs=column, description=description)


class Record(SQLModel):
    """A row of one tenant, with ``tenant_id`` first in its primary key, a UUIDv7 and the instant of creation."""

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    id: UUID = Field(default_factory=uuid7, primary_key=True)
    created_at: datetime = Field(default_factory=now, sa_type=DateTime(timezone=True))


class Versioned(Record):
    """A row whose version, the first part of its ETag, increases with every change."""

    updated_at: datetime = Field(default_factory=now, sa_type=DateTime(timezone=True))
    version: int = Field(default=1, nullable=False)
