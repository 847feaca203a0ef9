"""Answer with a whole list, as it is read.

The first page is read before the answer begins, so that a refusal is a plain problem. Later failures cut the answer
off: the client sees an incomplete body. No connection to the database is held while the client takes a part.
"""

import asyncio
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.db.deadline import RequestDeadline
from app.db.errors import DATABASE_ERRORS
from app.db.ids import uuid7
from app.errors import AppError
from app.exports.columns import columns_of
from app.exports.errors import ExportTooLarge, TooManyExports
from app.exports.formats import MEDIA_TYPES, CsvEncoder, Encoder, ExportFormat, JsonLinesEncoder, Workbook
from app.exports.lists import ListAddress, ListRoutes
from app.exports.recording import describe, describe_rows, record_export
from app.exports.schemas import ExportQuery
from app.http.context import RequestContext
from app.principal import Principal

#: Exports that a process sends at once, and those of one caller.
_MOST_AT_ONCE, _MOST_OF_ONE = 20, 3
#: A workbook is built before it is sent, and a caller waits for its first byte.
MOST_SHEET_ROWS: Final = 50_000
#: After this the client is too slow, or the list too long.
_LONGEST_SECONDS: Final = 3_600.0
_RECORDING_SECONDS: Final = 5.0
_BLOCK: Final = 262_144
_log = logging.getLogger("fa.exports")


class Exports:
    """The lists that can be exported, and the exports that this process is sending.

    Attributes:
        lists: the lists of the app.
    """

    def __init__(self) -> None:
        self.lists = ListRoutes()
        self._running: Counter[UUID] = Counter()

    async def answer(self, context: RequestContext, query: ExportQuery) -> Response:
        """Answer with a list in the format that was asked for.

        Raises:
            UnknownList, InvalidFilters: there is no such list, or it does not take these filters.
            TooManyExports: the caller, or the process, is sending as many as are allowed.
            ExportTooLarge: the list does not fit into a workbook that is made at once.
            AppError: what else the list answers.
        """
        address = self.lists.find(query.list, query.source, within="/query")
        if context.scope["method"] == "HEAD":
            await address.check(context.app_state, context.principal, context.scope["request_id"])
            return Response(headers=headers_of(address, query.format, context.now))
        caller = context.principal.id
        if self._running.total() >= _MOST_AT_ONCE or self._running[caller] >= _MOST_OF_ONE:
            raise TooManyExports("Wait until another export has ended, or create one with POST /v1/exports.")
        self._running[caller] += 1
        try:
            stream = _Stream(context, address, query)
            body = await stream.begin()
        except BaseException:
            self._end(caller)
            raise
        return _StreamedExport(body, stream, lambda: self._end(caller))

    def _end(self, caller: UUID) -> None:
        self._running[caller] -= 1
        self._running += Counter()


class _Stream:
    """One export as it is read, encoded and sent."""

    def __init__(self, context: RequestContext, address: ListAddress, query: ExportQuery) -> None:
        self.export_id = uuid7()
        self.query = query
        self.address = address
        self.rows = 0
        self.is_complete = False
        self._context = context
        self._pages = address.pages(context.app_state, self._authenticate, context.scope["request_id"])
        self._columns = columns_of(address.model)

    @property
    def now(self) -> datetime:
        """Return the present instant, UTC."""
        return self._context.now

    async def begin(self) -> AsyncGenerator[bytes]:
        """Read the first page, record that the export begins, and return the body."""
        first = await anext(self._pages)
        if self.query.format is ExportFormat.XLSX:
            return await self._begin_workbook(first)
        await self._record_beginning()
        encoder: Encoder = JsonLinesEncoder()
        if self.query.format is ExportFormat.CSV:
            encoder = CsvEncoder(self._columns, has_mark=self.query.bom)
        return self._encode(encoder, first)

    async def _authenticate(self) -> Principal:
        """Return the caller, whose credential may have been revoked since the last page."""
        return await self._context.app_state.sign_in(self._context.scope)

    async def _encode(self, encoder: Encoder, first: Sequence[bytes]) -> AsyncGenerator[bytes]:
        self.rows = len(first)
        yield encoder.begin() + encoder.encode(first)
        async with aclosing(self._pages):
            async for items in self._pages:
                self.rows += len(items)
                yield encoder.encode(items)
        self.is_complete = True

    async def _begin_workbook(self, first: Sequence[bytes]) -> AsyncGenerator[bytes]:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fa-export-"))
        try:
            path = await write_workbook(folder, self.address, self._counted(first))
            await self._record_beginning()
        except BaseException:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
            raise
        return self._send_workbook(path, folder)

    async def _counted(self, first: Sequence[bytes]) -> AsyncGenerator[Sequence[bytes]]:
        """Yield all pages of a workbook that is made while the caller waits."""
        self.rows = len(first)
        yield first
        async with aclosing(self._pages):
            async for items in self._pages:
                self.rows += len(items)
                if self.rows > MOST_SHEET_ROWS:
                    raise ExportTooLarge(
                        f"A workbook has at most {MOST_SHEET_ROWS} rows here. Create one with POST /v1/exports."
                    )
                yield items

    async def _send_workbook(self, path: Path, folder: Path) -> AsyncGenerator[bytes]:
        async with aclosing(read_and_remove(path, folder)) as blocks:
            async for block in blocks:
                yield block
        self.is_complete = True

    async def _record_beginning(self) -> None:
        await record_export(
            self._context, "export.begun", self.export_id, describe(self.address, self.query.format.value)
        )

    async def record_end(self) -> None:
        """Record how much was sent. A failure is logged: what was sent cannot be taken back."""
        data: dict[str, Any] = {**describe(self.address, self.query.format.value), "is_complete": self.is_complete}
        data |= describe_rows(self.address, self.rows)
        try:
            with RequestDeadline(_RECORDING_SECONDS):
                await record_export(self._context, "export.ended", self.export_id, data)
        except (AppError, *DATABASE_ERRORS) as error:
            _log.warning("the end of an export was not recorded", exc_info=error)


class _StreamedExport(StreamingResponse):
    """A streamed export, which ends after a time, is recorded, and gives its slot back."""

    def __init__(self, body: AsyncGenerator[bytes], stream: _Stream, end: Callable[[], None]) -> None:
        super().__init__(body, headers=headers_of(stream.address, stream.query.format, stream.now))
        self._body = body
        self._stream = stream
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the export. Record how much was sent, also where the client goes away."""
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await super().__call__(scope, receive, send)
        finally:
            self._end()
            await asyncio.shield(self._close())

    async def _close(self) -> None:
        await self._body.aclose()
        await self._stream.record_end()


def headers_of(address: ListAddress, export_format: ExportFormat, now: datetime) -> dict[str, str]:
    """Return the headers of an export as a file."""
    name = f"{address.name}-{now:%Y-%m-%d}.{export_format.value}"
    return {
        "Content-Type": MEDIA_TYPES[export_format],
        "Content-Disposition": f'attachment; filename="{name}"',
    }


async def write_workbook(folder: Path, address: ListAddress, pages: AsyncGenerator[Sequence[bytes]]) -> Path:
    """Write the items of a list into a workbook, in a thread, and return its path.

    Args:
        folder: where it is written; the caller removes it.

    Raises:
        ExportTooLarge: the sheet has no room for them.
    """
    book = await asyncio.to_thread(Workbook, folder, address.name, columns_of(address.model))
    try:
        async with aclosing(pages):
            async for items in pages:
                await asyncio.to_thread(book.add, items)
    finally:
        # Its parts are open files.
        await asyncio.shield(asyncio.to_thread(book.close))
    return book.path


async def read_and_remove(path: Path, folder: Path) -> AsyncGenerator[bytes]:
    """Yield a file in blocks, and remove its folder afterwards."""
    try:
        with await asyncio.to_thread(path.open, "rb") as file:
            while block := await asyncio.to_thread(file.read, _BLOCK):
                yield block
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
