"""Create and delete exports that are made in the background."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from app.access.models import PrincipalRecord
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.errors import NotFound
from app.events.record import record_event
from app.exports.columns import columns_of
from app.exports.errors import TooManyExports
from app.exports.formats import ExportFormat
from app.exports.lists import ListAddress
from app.exports.models import Export
from app.exports.recording import describe
from app.exports.schemas import ExportCreate
from app.files.deletion import delete_file
from app.integrations.creators import load_creator
from app.integrations.errors import RightNotStored
from app.jobs.enqueue import enqueue
from app.jobs.kinds import Kind
from app.jobs.models import FINISHED, Job
from app.jobs.service import request_cancel
from app.principal import Principal

#: Exports of one principal that have not finished, and all that are kept.
_MOST_UNFINISHED: Final = 10
_MOST_KEPT: Final = 50


async def create(tx: Tx, body: ExportCreate, address: ListAddress, kind: Kind, days: int) -> UUID:
    """Add an export, and the job that makes it. Return its id.

    Args:
        address: the list that the body names. The caller may read it.
        kind: of the job.
        days: how long it is kept.

    Raises:
        RightNotStored: the caller's roles are not stored, so that they could not be checked while it is made.
        TooManyExports: the caller has as many as are allowed.
    """
    key_id = None if tx.principal.key is None else tx.principal.key.id
    creator = await load_creator(tx, tx.tenant_id, tx.principal.id, key_id, tx.now)
    if creator is None or not roles_of(tx.principal) <= roles_of(creator):
        raise RightNotStored
    await _check_number(tx)
    export_id = uuid7()
    # One after the other: the exports of one principal do not take all the slots of the workers.
    job_id = await enqueue(tx, kind, {"export_id": str(export_id)}, key=str(tx.principal.id))
    made = Export(
        tenant_id=tx.tenant_id,
        id=export_id,
        created_at=tx.now,
        updated_at=tx.now,
        principal_id=tx.principal.id,
        key_id=key_id,
        job_id=job_id,
        expires_at=tx.now + timedelta(days=days),
        columns=headers_of_table(address, body.format),
        **body.model_dump(),
    )
    tx.session.add(made)
    record_event(tx, "export.created", made.id, data=describe(address, body.format.value))
    await tx.flush()
    return made.id


async def _check_number(tx: Tx) -> None:
    of_caller = (col(PrincipalRecord.tenant_id) == tx.tenant_id, col(PrincipalRecord.id) == tx.principal.id)
    # The lock keeps two requests from passing the limits together.
    await tx.session.scalar(select(PrincipalRecord.id).where(*of_caller).with_for_update())
    kept = (col(Export.tenant_id) == tx.tenant_id, col(Export.principal_id) == tx.principal.id)
    unfinished = (
        select(func.count())
        .select_from(Export)
        .join(Job, (col(Job.tenant_id) == col(Export.tenant_id)) & (col(Job.id) == col(Export.job_id)))
        .where(*kept, col(Job.finished_at).is_(None))
    )
    if (await tx.session.scalar(unfinished) or 0) >= _MOST_UNFINISHED:
        raise TooManyExports("Wait until one of your exports has finished.", retry_after=60)
    if (await tx.session.scalar(select(func.count()).select_from(Export).where(*kept)) or 0) >= _MOST_KEPT:
        raise TooManyExports(f"Delete one of your {_MOST_KEPT} exports first.", retry_after=60)


def headers_of_table(address: ListAddress, export_format: ExportFormat) -> list[str] | None:
    """Return the headers of the table that an export makes of a list; None: JSON Lines are no table."""
    return None if export_format is ExportFormat.JSONL else [column.header for column in columns_of(address.model)]


def roles_of(principal: Principal) -> set[str]:
    """Return the roles of a caller, each with its organization, in the form that an export keeps."""
    return {f"{grant.role.value} {grant.organization_id}" for grant in principal.grants}


async def remove(tx: Tx, export_id: UUID) -> None:
    """Delete an export and its file, and cancel the job that makes it.

    Raises:
        NotFound: It does not exist, or another principal created it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
    """
    query = select(Export).where(
        col(Export.tenant_id) == tx.tenant_id,
        col(Export.id) == export_id,
        col(Export.principal_id) == tx.principal.id,
    )
    export = await tx.session.scalar(query.with_for_update())
    if export is None:
        raise NotFound
    tx.expect(export)
    job_query = select(Job).where(col(Job.tenant_id) == tx.tenant_id, col(Job.id) == export.job_id)
    job = await tx.session.scalar(job_query.with_for_update())
    if job is not None and job.state not in FINISHED:
        request_cancel(tx, job)
    if export.file_id is not None:
        await delete_file(tx, export.file_id)
    await tx.session.delete(export)
    record_event(tx, "export.deleted", export.id)
