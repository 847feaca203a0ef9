"""Reads of kept exports, rendered by PostgreSQL. A caller sees the exports of its own principal, and no others."""

from typing import Final
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, and_, bindparam, case, func, literal_column, select
from sqlmodel import col

from app.db.keyset import Listing
from app.db.sql_json import Rendered, render
from app.db.statement import Read, Row
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.exports.models import Export
from app.exports.schemas import ExportRead
from app.files.models import StoredFile
from app.jobs.models import Job
from app.jobs.queries import part_of_outcome

_OWN = and_(
    col(Export.tenant_id) == bindparam("tenant_id", type_=Uuid()),
    col(Export.principal_id) == bindparam("principal_id", type_=Uuid()),
)
_OF_ID = col(Export.id) == bindparam("id", type_=Uuid())
_RENDERED = render(
    select(col(Export.id))
    .select_from(Export)
    .outerjoin(Job, and_(col(Job.tenant_id) == col(Export.tenant_id), col(Job.id) == col(Export.job_id)))
    .outerjoin(
        StoredFile,
        and_(col(StoredFile.tenant_id) == col(Export.tenant_id), col(StoredFile.id) == col(Export.file_id)),
    )
    .where(_OWN),
    Export,
    ExportRead,
    col(Export.id),
    col(Export.version),
    created_by=col(Export.principal_id),
    state=case(
        (col(Export.file_id).is_not(None), literal_column("'done'", Text)),
        else_=func.coalesce(col(Job.state), literal_column("'failed'", Text), type_=Text()),
    ),
    rows=func.coalesce(col(Export.rows), col(Job.done), literal_column("0")),
    size=col(StoredFile.size),
    failure=part_of_outcome("failure", None),
)
_BY_ID = Read(_RENDERED.where(_OF_ID))
_TERMS = Read(
    select(
        col(Export.list), col(Export.format), col(Export.bom), col(Export.roles), col(Export.file_id), col(Export.rows)
    ).where(_OWN, _OF_ID)
)
LIST: Final = Listing(
    "exports",
    _RENDERED,
    key=col(Export.id),
    orders={"id": col(Export.id), "updated_at": col(Export.updated_at)},
    filters={"updated_since": col(Export.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True))},
)


async def get_export(reader: CallerReader, export_id: UUID) -> Rendered:
    """Return one export.

    Raises:
        NotFound: It does not exist, or another principal created it.
    """
    principal = reader.principal
    row = await reader.fetch_one(_BY_ID, tenant_id=principal.tenant_id, principal_id=principal.id, id=export_id)
    if row is None:
        raise NotFound
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


async def get_terms(reader: CallerReader, export_id: UUID) -> Row:
    """Return what decides whether an export can be downloaded, and by whom.

    Raises:
        NotFound: It does not exist, or another principal created it.
    """
    principal = reader.principal
    row = await reader.fetch_one(_TERMS, tenant_id=principal.tenant_id, principal_id=principal.id, id=export_id)
    if row is None:
        raise NotFound
    return row
