"""Files are stored in chunks, read as they were written, and deleted when they expire or a person is erased."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.background import PURGES
from app.files.errors import FileGone, FileTooLarge
from app.files.storage import CHUNK_BYTES, FileInfo, find_file, read_file, write_file
from app.jobs.context import WorkContext
from tests.support.actors import Tenancy
from tests.support.jobs import work_of
from tests.support.people import add_person
from tests.support.waiting import WAIT_SECONDS

PARTS = [b"first," * 100_000, b"", b"second", b"x" * CHUNK_BYTES]


async def send(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def write(tenancy: Tenancy, content: AsyncIterator[bytes], **more: Any) -> FileInfo:
    """Store a file that expires in a day."""
    work, values = work_of(tenancy.app), {"purpose": "test", "holds_people": False, "most_bytes": 10**7, **more}
    now = work.clock()
    expires_at = now + timedelta(days=1)
    return await write_file(work.database, tenancy.tenant_id, content, now=now, expires_at=expires_at, **values)


async def read(work: WorkContext, tenancy: Tenancy, file: FileInfo) -> bytes:
    found = await find_file(work.database, tenancy.tenant_id, file.id, work.clock())
    return b"".join([chunk async for chunk in read_file(work.database, tenancy.tenant_id, found)])


async def count_files(owner: AsyncEngine, tenancy: Tenancy) -> int:
    async with owner.connect() as connection:
        query = text("select count(*) from files where tenant_id = :tenant_id")
        count: int = await connection.scalar(query, {"tenant_id": tenancy.tenant_id})
        return count


async def test_a_file_is_read_as_it_was_written(tenancy: Tenancy) -> None:
    file, whole = await write(tenancy, send(*PARTS)), b"".join(PARTS)
    assert (file.size, file.sha256) == (len(whole), hashlib.sha256(whole).digest())
    assert await read(work_of(tenancy.app), tenancy, file) == whole


async def test_an_empty_file_is_a_file(tenancy: Tenancy) -> None:
    assert await read(work_of(tenancy.app), tenancy, await write(tenancy, send())) == b""


async def test_another_tenant_has_no_such_file(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    file = await write(tenancy, send(*PARTS))
    with pytest.raises(FileGone):
        await read(work_of(tenancy.app), other_tenancy, file)


async def test_nothing_is_left_of_a_file_that_is_too_large(tenancy: Tenancy, owner: AsyncEngine) -> None:
    with pytest.raises(FileTooLarge):
        await write(tenancy, send(*PARTS), most_bytes=CHUNK_BYTES)
    assert await count_files(owner, tenancy) == 0


async def test_expired_files_are_purged_and_no_others(tenancy: Tenancy, owner: AsyncEngine) -> None:
    kept, gone = await write(tenancy, send(*PARTS)), await write(tenancy, send(*PARTS))
    async with owner.begin() as connection:
        await connection.execute(text("update files set expires_at = now() where id = :id"), {"id": gone.id})
    (purge,) = [purge for purge in PURGES if purge.name == "files"]
    work = work_of(tenancy.app)
    async with work.transaction(tenancy.tenant_id, "test") as tx:
        assert await purge.has_expired(tx, work.settings)
        assert await purge.delete(tx, work.settings) == 1
    assert len(await read(work, tenancy, kept)) == kept.size
    with pytest.raises(FileGone):
        await read(work, tenancy, gone)


async def test_an_erasure_deletes_files_of_people_even_while_they_are_written(
    tenancy: Tenancy, owner: AsyncEngine
) -> None:
    person = await add_person(tenancy)
    await write(tenancy, send(*PARTS), holds_people=True)
    other = await write(tenancy, send(*PARTS))

    async def interrupted() -> AsyncIterator[bytes]:
        yield b"x" * CHUNK_BYTES
        assert (await tenancy.admin.post(f"/v1/people/{person['id']}/erasure")).status_code == 200
        yield b"more"

    with pytest.raises(FileGone):
        await write(tenancy, interrupted(), holds_people=True)
    assert await count_files(owner, tenancy) == 1
    assert len(await read(work_of(tenancy.app), tenancy, other)) == other.size


async def test_no_connection_is_held_between_two_parts(tenancy: Tenancy) -> None:
    work = work_of(tenancy.app)
    meeting = asyncio.Barrier(work.database.writes.size + 1)

    async def meet() -> AsyncIterator[bytes]:
        yield b"x" * CHUNK_BYTES
        await meeting.wait()
        yield b"more"

    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as group:
        for _writer in range(meeting.parties):
            group.create_task(write(tenancy, meet()))
