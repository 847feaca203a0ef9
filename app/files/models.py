"""The tables of stored files."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKeyConstraint, Index, LargeBinary
from sqlmodel import Field, SQLModel

from app.db.base import Record


class StoredFile(Record, table=True):
    """A file of a tenant, kept until ``expires_at``. What refers to it decides who may read it.

    Attributes:
        purpose: what the file is for, such as ``export``.
        holds_people: its content may say who somebody is. An erasure deletes it.
        size: bytes; None until the file is whole.
        sha256: of the content; None until the file is whole.
    """

    __tablename__ = "files"
    __table_args__ = (Index("ix_files_expires", "tenant_id", "expires_at"),)

    purpose: str = Field(max_length=50)
    holds_people: bool
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    size: int | None = Field(default=None, sa_type=BigInteger)
    sha256: bytes | None = Field(default=None, sa_type=LargeBinary)


class FileChunk(SQLModel, table=True):
    """A part of a file, by its number from 0."""

    __tablename__ = "file_chunks"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "file_id"], ["files.tenant_id", "files.id"], ondelete="CASCADE"),
    )

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    file_id: UUID = Field(primary_key=True)
    number: int = Field(primary_key=True)
    content: bytes = Field(sa_type=LargeBinary)
