"""The people whom action items and seats name, and what HR systems say of them."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKeyConstraint, Index, false, text, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.db.base import Record, Versioned, folded


class EmploymentStatus(StrEnum):
    """Whether a person works in the organization at present."""

    ACTIVE = "active"
    ON_LEAVE = "on_leave"
    LEFT = "left"


class Person(Versioned, table=True):
    """A person who works in an organization, or did.

    Everything from ``email`` on is shown only to those who may change the person. The row describes the present
    employment, or the last one; earlier ones are `FormerEmployment`.
    """

    __tablename__ = "people"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        ForeignKeyConstraint(["tenant_id", "manager_id"], ["people.tenant_id", "people.id"]),
        ForeignKeyConstraint(["tenant_id", "merged_into_id"], ["people.tenant_id", "people.id"]),
        CheckConstraint("manager_id <> id", name="other_manager"),
        CheckConstraint("merged_into_id is null or not active", name="merged"),
        CheckConstraint("left_on >= hired_on", name="employment"),
        Index("ix_people_organization", "tenant_id", "organization_id"),
        Index("ix_people_name", "tenant_id", "name_key", "id"),
        Index("ix_people_updated", "tenant_id", "updated_at", "id"),
        Index("ix_people_email", "tenant_id", "email", postgresql_where="email is not null"),
        Index(
            "ix_people_employee_number",
            "tenant_id",
            "employee_number",
            postgresql_where="employee_number is not null",
        ),
        Index("ix_people_merged", "tenant_id", "merged_into_id", postgresql_where="merged_into_id is not null"),
        Index("ix_people_manager", "tenant_id", "manager_id", postgresql_where="manager_id is not null"),
    )

    organization_id: UUID
    name: str = Field(max_length=200)
    name_key: str = folded()
    active: bool = True
    email: str | None = Field(default=None, max_length=254, description="In lower case. People may share a mailbox.")
    employee_number: str | None = Field(default=None, max_length=200)
    position: str | None = Field(default=None, max_length=200)
    department: str | None = Field(default=None, max_length=200)
    manager_id: UUID | None = None
    on_leave: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    hired_on: date | None = None
    left_on: date | None = None
    merged_into_id: UUID | None = None
    erased_at: datetime | None = Field(
        default=None,
        sa_type=DateTime(timezone=True),
        description="When everything that said who this is was erased: see `app.people.personal`.",
    )


class PersonExternalId(SQLModel, table=True):
    """The id of a person in another system."""

    __tablename__ = "person_external_ids"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "person_id"], ["people.tenant_id", "people.id"], ondelete="CASCADE"),
        Index("ix_person_external_ids_person", "tenant_id", "person_id"),
    )

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    source: str = Field(primary_key=True, max_length=100)
    external_id: str = Field(primary_key=True, max_length=200)
    person_id: UUID


class FormerEmployment(Record, table=True):
    """An employment that had ended when the person was hired again. ``created_at`` is when that was recorded."""

    __tablename__ = "former_employments"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "person_id"], ["people.tenant_id", "people.id"], ondelete="CASCADE"),
        Index("ix_former_employments_person", "tenant_id", "person_id", "id"),
    )

    person_id: UUID
    employee_number: str | None = Field(default=None, max_length=200)
    position: str | None = Field(default=None, max_length=200)
    department: str | None = Field(default=None, max_length=200)
    hired_on: date | None = None
    left_on: date | None = None


class ScimUser(Versioned, table=True):
    """A person as the identity provider knows them. Title, department, manager and so on stand in the row of people.

    Attributes:
        user_name_key: the user name without case, by which it is unique and found.
        emails: objects with ``value``, ``type``, ``primary``, and ``address``: the value as a person's address, if it
            is one.
        states_active: whether the identity provider says that the user is active or not; if it took that back, `active`
            of the person is not shown to it.
        deleted_at: when the identity provider deleted the user. The person stays.
    """

    __tablename__ = "scim_users"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "person_id"], ["people.tenant_id", "people.id"]),
        Index(
            "uq_scim_users_user_name", "tenant_id", "user_name_key", unique=True, postgresql_where="deleted_at is null"
        ),
        Index(
            "uq_scim_users_external_id",
            "tenant_id",
            "external_id",
            unique=True,
            postgresql_where="deleted_at is null and external_id is not null",
        ),
        Index("ix_scim_users_person", "tenant_id", "person_id"),
        Index("ix_scim_users_deleted_name", "tenant_id", "user_name_key", postgresql_where="deleted_at is not null"),
        Index(
            "ix_scim_users_deleted_external_id",
            "tenant_id",
            "external_id",
            postgresql_where="deleted_at is not null and external_id is not null",
        ),
    )

    person_id: UUID
    user_name: str = Field(max_length=200)
    user_name_key: str = folded()
    external_id: str | None = Field(default=None, max_length=200)
    display_name: str | None = Field(default=None, max_length=200)
    formatted_name: str | None = Field(default=None, max_length=200)
    given_name: str | None = Field(default=None, max_length=200)
    family_name: str | None = Field(default=None, max_length=200)
    emails: list[dict[str, Any]] = Field(
        default_factory=list, sa_type=JSONB, nullable=False, sa_column_kwargs={"server_default": text("'[]'::jsonb")}
    )
    states_active: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    deleted_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
