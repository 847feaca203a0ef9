"""The job that writes a list into a stored file, with the rights that its creator has meanwhile."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlmodel import col, select

from app.errors import Unauthorized
from app.events.record import record_event
from app.events.sealer import Sealer
from app.events.watch import FeedWatch
from app.exports.columns import columns_of
from app.exports.errors import ExportGone, ExportRightsEnded
from app.exports.formats import CsvEncoder, Encoder, ExportFormat, JsonLinesEncoder
from app.exports.lists import ListAddress, ListRoutes
from app.exports.models import Export
from app.exports.recording import describe, describe_rows
from app.exports.service import headers_of_table, roles_of
from app.exports.streaming import read_and_remove, write_workbook
from app.files.deletion import delete_file
from app.files.storage import FileInfo, write_file
from app.http.context import AppState
from app.integrations.creators import load_creator
from app.jobs.kinds import Kind, RunningJob
from app.principal import Principal

_ATTEMPT_SECONDS: Final = 7_200.0
_RETRY_WAITS: Final = (1.0, 10.0, 60.0)
_MOST_BYTES: Final = 4 * 1024**3


def exporting(lists: ListRoutes) -> Kind:
    """Return the kind of job that makes exports of these lists."""

    async def run(job: RunningJob) -> Mapping[str, int]:
        return await _Making(job, lists).run()

    return Kind("export_list", run, retry_waits=_RETRY_WAITS, seconds=_ATTEMPT_SECONDS)


class _Making:
    """One attempt."""

    def __init__(self, job: RunningJob, lists: ListRoutes) -> None:
        work = job.work
        self._job = job
        self._lists = lists
        self._id = UUID(job.arguments["export_id"])
        self._rows = 0
        self._roles: set[str] = set()
        self._app_state = AppState(
            work.settings,
            work.database,
            _refuse,
            _do_nothing,
            work.clock,
            FeedWatch(work.database.reads),
            work.sealer or Sealer(work.database),
        )

    async def run(self) -> Mapping[str, int]:
        """Write the file, and give it to the export."""
        export = await self._begin()
        address = self._lists.find(export.list, export.source)
        work = self._job.work
        async with aclosing(self._encode(export, address)) as content:
            file = await write_file(
                work.database,
                self._job.tenant_id,
                content,
                purpose="export",
                holds_people=True,
                now=work.clock(),
                expires_at=export.expires_at,
                most_bytes=_MOST_BYTES,
            )
        await self._finish(export, address, file)
        return {"rows": self._rows}

    async def _begin(self) -> Export:
        async with self._job.transaction() as tx:
            export: Export | None = await tx.session.scalar(self._query().with_for_update())
            if export is None:
                raise ExportGone
            creator = await load_creator(tx, tx.tenant_id, export.principal_id, export.key_id, tx.now)
            if creator is None:
                raise ExportRightsEnded
            return export

    async def _finish(self, export: Export, address: ListAddress, file: FileInfo) -> None:
        async with self._job.transaction() as tx:
            stored = await tx.session.scalar(self._query().with_for_update())
            if stored is None:
                await delete_file(tx, file.id)
                return
            stored.file_id, stored.rows, stored.finished_at = file.id, self._rows, tx.now
            stored.roles, stored.columns = sorted(self._roles), headers_of_table(address, export.format)
            tx.touch(stored)
            data = {**describe(address, export.format.value), **describe_rows(address, self._rows)}
            record_event(tx, "export.finished", self._id, data=data)

    def _query(self) -> Any:
        return select(Export).where(col(Export.tenant_id) == self._job.tenant_id, col(Export.id) == self._id)

    async def _encode(self, export: Export, address: ListAddress) -> AsyncGenerator[bytes]:
        async with aclosing(self._pages(export, address)) as pages:
            if export.format is ExportFormat.XLSX:
                folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fa-export-"))
                try:
                    path = await write_workbook(folder, address, pages)
                except BaseException:
                    await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
                    raise
                async with aclosing(read_and_remove(path, folder)) as blocks:
                    async for block in blocks:
                        yield block
                return
            encoder: Encoder = JsonLinesEncoder()
            if export.format is ExportFormat.CSV:
                encoder = CsvEncoder(columns_of(address.model), has_mark=export.bom)
            yield encoder.begin()
            async for items in pages:
                yield encoder.encode(items)

    async def _pages(self, export: Export, address: ListAddress) -> AsyncGenerator[Sequence[bytes]]:
        async def get_principal() -> Principal:
            return await self._load_creator(export)

        async with aclosing(address.pages(self._app_state, get_principal, f"job-{self._job.id}")) as pages:
            async for items in pages:
                self._rows += len(items)
                yield items
                await self._job.report_progress(self._rows)

    async def _load_creator(self, export: Export) -> Principal:
        work = self._job.work
        creator = await load_creator(
            work.database.reads, self._job.tenant_id, export.principal_id, export.key_id, work.clock()
        )
        if creator is None:
            raise ExportRightsEnded
        # A role that was granted meanwhile shows in the pages that follow.
        self._roles |= roles_of(creator)
        return creator


async def _refuse(_authorization: str | None) -> Principal:
    raise Unauthorized


def _do_nothing() -> None:
    """Do nothing: a job has no cached callers."""
