"""Reads of kept exports, rendered by PostgreSQL. A caller sees the exports of its own principal, and no others."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, and_, bindparam, case, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import ARRAY
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
        col(Export.list),
        col(Export.source),
        col(Export.format),
        col(Export.roles),
        col(Export.file_id),
        col(Export.created_at),
    ).where(_OWN, _OF_ID)
)
# Moves take a moment to commit, so those of shortly before the export count too.
_MOVED_AWAY = Read(
    text(
        """
        select true from organization_moves m
        join organization_places f on f.tenant_id = m.tenant_id and f.organization_id = m.from_parent_id
        join organization_places o on o.tenant_id = m.tenant_id and o.organization_id = m.organization_id
        where m.tenant_id = :tenant_id and m.created_at > :since and f.path ^@ any(:visible)
          and not o.path ^@ any(:visible)
        limit 1
        """
    ).bindparams(bindparam("since", type_=DateTime(timezone=True)), bindparam("visible", type_=ARRAY(Text())))
)
_COMMIT_TIME: Final = timedelta(minutes=2)
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


async def has_lost_sight(reader: CallerReader, since: datetime) -> bool:
    """Return whether an organization that the caller could see has moved to where they cannot see it.

    Args:
        since: moves before this instant do not count.
    """
    principal = reader.principal
    values = {"tenant_id": principal.tenant_id, "visible": list(principal.visible_paths)}
    row = await reader.fetch_one(_MOVED_AWAY, since=since - _COMMIT_TIME, **values)
    return row is not None


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
