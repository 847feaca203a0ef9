"""Write and read stored files, one chunk in memory at a time.

A file is written in several short transactions, so it exists before it is whole. Nobody can read it until then. A file
whose writer died stays unfinished and is deleted when it expires.
"""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.db.engine import Database
from app.db.errors import DATABASE_ERRORS
from app.db.ids import uuid7
from app.db.statement import Read
from app.errors import AppError
from app.files.errors import FileGone, FileTooLarge

CHUNK_BYTES: Final = 1024 * 1024
#: The last transaction of a file waits for the disk, and with it all that was committed before.
_UNTIL_LATER: Final = "synchronous_commit = off"
_ISOLATION: Final = "transaction_isolation = 'read committed'"

_ADD = Read(
    text(
        """
        insert into files (tenant_id, id, created_at, purpose, holds_people, expires_at)
        values (:tenant_id, :id, :now, :purpose, :holds_people, :expires_at)
        returning true
        """
    )
)
# The lock keeps a deletion of the file from missing this chunk.
_APPEND = Read(
    text(
        """
        insert into file_chunks (tenant_id, file_id, number, content)
        select f.tenant_id, f.id, cast(:number as int), cast(:content as bytea) from files f
        where f.tenant_id = :tenant_id and f.id = :id and f.size is null for key share
        returning true
        """
    )
)
_FINISH = Read(
    text(
        """
        update files set size = :size, sha256 = :sha256 where tenant_id = :tenant_id and id = :id and size is null
        returning true
        """
    )
)
_DELETE = Read(text("delete from files where tenant_id = :tenant_id and id = :id returning true"))
_FIND = Read(
    text(
        """
        select size, sha256 from files
        where tenant_id = :tenant_id and id = :id and size is not null and expires_at > :now
        """
    )
)
_CHUNK = Read(
    text("select content from file_chunks where tenant_id = :tenant_id and file_id = :id and number = :number")
)


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A whole file.

    Attributes:
        size: bytes.
        sha256: of the content.
    """

    id: UUID
    size: int
    sha256: bytes


async def write_file(
    database: Database,
    tenant_id: UUID,
    content: AsyncIterable[bytes],
    *,
    purpose: str,
    holds_people: bool,
    now: datetime,
    expires_at: datetime,
    most_bytes: int,
    file_id: UUID | None = None,
) -> FileInfo:
    """Store a file as its content arrives. No connection is held while the next part is awaited.

    If the content raises, what was stored of it is deleted. After a cancellation or a crash it stays unfinished until
    it expires.

    Args:
        content: parts of any size.
        purpose: what the file is for, such as ``export``.
        holds_people: the content may say who somebody is; an erasure then deletes the file.
        most_bytes: the largest file.
        file_id: the id of the file; None: a new one.

    Raises:
        FileTooLarge: the content is larger than ``most_bytes``.
        FileGone: the file was deleted while it was written, by an erasure.
    """
    file_id = file_id or uuid7()
    values: dict[str, Any] = {"now": now, "purpose": purpose, "holds_people": holds_people, "expires_at": expires_at}
    await _write(database, tenant_id, file_id, _ADD, **values)
    digest, size = hashlib.sha256(), 0
    try:
        number = 0
        async for chunk in _chunks(content):
            size += len(chunk)
            if size > most_bytes:
                raise FileTooLarge(f"The file is larger than {most_bytes} bytes.")
            digest.update(chunk)
            await _write(database, tenant_id, file_id, _APPEND, number=number, content=chunk)
            number += 1
        info = FileInfo(file_id, size, digest.digest())
        await _write(database, tenant_id, file_id, _FINISH, is_last=True, size=size, sha256=info.sha256)
    except FileGone:
        raise
    except Exception:
        with suppress(AppError, *DATABASE_ERRORS):
            await _write(database, tenant_id, file_id, _DELETE)
        raise
    return info


async def find_file(database: Database, tenant_id: UUID, file_id: UUID, now: datetime) -> FileInfo:
    """Return a whole file that has not expired.

    Raises:
        FileGone: there is none.
    """
    row = await database.reads.fetch_one(_FIND, tenant_id=tenant_id, id=file_id, now=now)
    if row is None:
        raise FileGone
    return FileInfo(file_id, row["size"], row["sha256"])


async def read_file(database: Database, tenant_id: UUID, file: FileInfo) -> AsyncIterator[bytes]:
    """Yield the content of a file in chunks. No connection is held while a chunk is used.

    Raises:
        FileGone: the file was deleted meanwhile.
    """
    for number in range(-(-file.size // CHUNK_BYTES)):
        row = await database.reads.fetch_one(_CHUNK, tenant_id=tenant_id, id=file.id, number=number)
        if row is None:
            raise FileGone
        yield row["content"]


async def _chunks(content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Cut content into chunks of `CHUNK_BYTES`; the last one may be smaller."""
    buffer = bytearray()
    async for part in content:
        buffer += part
        while len(buffer) >= CHUNK_BYTES:
            yield bytes(buffer[:CHUNK_BYTES])
            del buffer[:CHUNK_BYTES]
    if buffer:
        yield bytes(buffer)


async def _write(
    database: Database, tenant_id: UUID, file_id: UUID, statement: Read, *, is_last: bool = False, **values: Any
) -> None:
    settings = (_ISOLATION,) if is_last else (_ISOLATION, _UNTIL_LATER)
    async with database.writes.transaction(tenant_id, *settings) as connection:
        arguments = statement.arguments({"tenant_id": tenant_id, "id": file_id, **values})
        row = await connection.fetch_one(statement.sql, arguments)
        await connection.commit()
    if row is None:
        raise FileGone
