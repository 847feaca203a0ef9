"""Take the file of a roster or a tree as it arrives, and enqueue its import."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

from fastapi import Response

from app.access.policy import load_organization_for, may, require, require_everywhere
from app.db.transaction import Tx
from app.errors import NotFound, RequestTimeout, UnsupportedMediaType
from app.events.record import record_event
from app.files.deletion import delete_file
from app.files.storage import FileInfo, find_file, read_file, write_file
from app.http.context import RequestContext
from app.http.write import write_and_read
from app.integrations.creators import load_creator
from app.integrations.roster.errors import RosterRightNotStored
from app.integrations.roster.files import MOST_BYTES
from app.integrations.roster.import_job import IMPORT_ROSTER, fault_report, operations_of
from app.integrations.roster.import_queries import IMPORT, PATH
from app.integrations.roster.import_service import find_path
from app.integrations.roster.upload_schemas import ODS, XLSX, ZIP, RosterImportQuery
from app.jobs.enqueue import enqueue
from app.jobs.queries import get_job, path_of

#: A slower upload is given up. 200 MiB arrive within it at 17 Mbit/s.
UPLOAD_SECONDS: Final = 100.0
#: How long an uploaded file waits for its import.
_KEPT: Final = timedelta(days=2)
_TAKEN: Final = frozenset({"text/csv", XLSX, ODS, ZIP})


async def receive_roster(context: RequestContext, query: RosterImportQuery) -> Response:
    """Store the body as a file and enqueue its import.

    Raises:
        NotFound, Forbidden: the caller may not import there.
        UnsupportedMediaType: it is no file of a kind that is taken.
        RequestTimeout: the file arrives too slowly.
        FileTooLarge: the file is larger than 200 MiB.
    """
    media_type = (context.header(b"content-type") or "").partition(";")[0].strip().lower()
    if media_type not in _TAKEN:
        raise UnsupportedMediaType(f"Send one of: {', '.join(sorted(_TAKEN))}.")
    await _authorize(context, query)
    if context.dry_run:
        await _discard(context)
        return await write_and_read(context, get_job, _start, query, None)
    info = await _store(context)
    context.scope["content_digest"] = info.sha256.hex()
    stored = False
    try:
        response = await write_and_read(context, get_job, _start, query, info)
        stored = "idempotency-replayed" not in response.headers
    finally:
        if not stored:
            await _forget(context, info)
    return response


async def _authorize(context: RequestContext, query: RosterImportQuery) -> None:
    """Refuse before the file is taken what the transaction would refuse."""
    principal = context.principal
    if query.organization_id is None:
        for operation in operations_of(query.kind, query.import_mode):
            require_everywhere(principal, operation)
        return
    row = await context.fetch_one(PATH, tenant_id=principal.tenant_id, organization_id=query.organization_id)
    if row is None:
        raise NotFound
    for operation in operations_of(query.kind, query.import_mode):
        require(principal, operation, row["path"])


async def _discard(context: RequestContext) -> None:
    async with _upload_timeout():
        async for _ in context.stream():
            pass


async def _store(context: RequestContext) -> FileInfo:
    now = context.now
    async with _upload_timeout():
        return await write_file(
            context.app_state.database,
            context.tenant_id,
            context.stream(),
            purpose="roster",
            # A file of organizations may have further columns, such as who leads each of them.
            holds_people=True,
            now=now,
            expires_at=now + _KEPT,
            most_bytes=MOST_BYTES,
        )


@asynccontextmanager
async def _upload_timeout() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            yield
    except TimeoutError:
        raise RequestTimeout(f"The file did not arrive within {UPLOAD_SECONDS:.0f} seconds.") from None


async def _forget(context: RequestContext, info: FileInfo) -> None:
    """Delete a file that no job is going to read. What fails here expires."""
    async with context.app_state.database.writes.transaction(context.tenant_id) as connection:
        tx = Tx(connection, context.principal, context.now, context.scope["request_id"])
        await delete_file(tx, info.id)
        await connection.commit()


async def _start(tx: Tx, query: RosterImportQuery, file: FileInfo | None) -> UUID:
    """Enqueue the import of a file. Return the id of the job.

    Args:
        file: None: nothing is going to be committed.

    Raises:
        NotFound, Forbidden: the caller may not import there.
        RosterRightNotStored: the caller's role is not stored, so that it could not be checked when the job runs.
    """
    operations = operations_of(query.kind, query.import_mode)
    for operation in operations:
        if query.organization_id is None:
            require_everywhere(tx.principal, operation)
        else:
            await load_organization_for(tx, query.organization_id, operation)
    key_id = None if tx.principal.key is None else tx.principal.key.id
    path = await find_path(tx, query.organization_id)
    caller = await load_creator(tx, tx.tenant_id, tx.principal.id, key_id, tx.now)
    if caller is None or not all(may(caller, operation, path) for operation in operations):
        raise RosterRightNotStored
    arguments = {
        "file_id": None if file is None else str(file.id),
        "principal_id": str(tx.principal.id),
        "key_id": None if key_id is None else str(key_id),
        "columns": query.columns,
        **query.model_dump(include={"kind", "source", "mode", "force", "check_only", "sheet"}),
    }
    job_id = await enqueue(tx, IMPORT_ROSTER, arguments, key=query.source, organization_id=query.organization_id)
    data = query.model_dump(include={"kind", "source", "mode", "force", "check_only"})
    record_event(tx, "roster.import_requested", job_id, organization_id=query.organization_id, data=data)
    return job_id


async def get_errors(context: RequestContext, job_id: UUID) -> Response:
    """Answer with the faults of the rows of an import, as CSV.

    Raises:
        NotFound: there is no such import, or the caller cannot see it.
        Forbidden: the caller may not import there.
        FileGone: the report is kept no longer.
    """
    row = await context.fetch_one(IMPORT, tenant_id=context.tenant_id, id=job_id)
    if row is None:
        raise NotFound
    require(context.principal, "getRosterErrors", path_of(context.principal, row["path"]))
    content = fault_report([]).encode()
    if row["has_errors"]:
        database = context.app_state.database
        info = await find_file(database, context.tenant_id, job_id, context.now)
        content = b"".join([chunk async for chunk in read_file(database, context.tenant_id, info)])
    headers = {"Content-Disposition": 'attachment; filename="roster-errors.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
