"""The table of exports that are made in the background and kept for download."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, ForeignKeyConstraint, Index, Text
from sqlmodel import Field

from app.db.base import Versioned, choice
from app.exports.formats import ExportFormat


class Export(Versioned, table=True):
    """A list that a job writes into a file, with the rights of the principal that created it.

    Attributes:
        list: the address of the list, with its filters.
        source: items are shown as an import of this source reads them; None: as the list has them.
        columns: the headers of the table; None: it is no table, or an earlier release created it.
        roles: all roles with which a part of it was made, each as ``role organization_id``; None: it is not whole.
        file_id: the whole file; None: it is not whole.
    """

    __tablename__ = "exports"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "principal_id"], ["principals.tenant_id", "principals.id"]),
        ForeignKeyConstraint(["tenant_id", "key_id"], ["api_keys.tenant_id", "api_keys.id"]),
        Index("ix_exports_principal", "tenant_id", "principal_id", "id"),
        Index("ix_exports_key", "tenant_id", "key_id"),
        Index("ix_exports_updated", "tenant_id", "updated_at", "id"),
        Index("ix_exports_expires", "tenant_id", "expires_at"),
    )

    principal_id: UUID
    key_id: UUID | None = None
    list: str = Field(max_length=4_000)
    format: ExportFormat = Field(sa_type=choice(ExportFormat, "format"))
    bom: bool = False
    source: str | None = Field(default=None, max_length=100)
    columns: Sequence[str] | None = Field(default=None, sa_type=ARRAY(Text))
    roles: Sequence[str] | None = Field(default=None, sa_type=ARRAY(Text))
    job_id: UUID
    file_id: UUID | None = None
    rows: int | None = Field(default=None, sa_type=BigInteger)
    finished_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
