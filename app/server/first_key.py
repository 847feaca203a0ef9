"""The file of the first admin key, which is written before the tenant commits and named only while the key works.

The key waits in a file named for its tenant until the tenant is committed. The file is then renamed. After a crash in
between the next start finds it there. A key of another database is neither named nor overwritten.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import col, or_, select

from app.access import credentials
from app.access.models import ApiKey
from app.db.base import now
from app.errors import OperatorError

FIRST_KEY_FILE = "first-admin-key"
_WAITING = f".{FIRST_KEY_FILE}."


@dataclass(frozen=True)
class FirstKey:
    """A first admin key that works on this database.

    Attributes:
        path: the file that holds it.
        shown: the key itself, where this start is the first to announce it.
    """

    path: Path
    shown: str | None


def check_can_keep(folder: Path) -> None:
    """Check that a key can be stored in the folder, and create the folder if it is missing.

    Raises:
        OperatorError: it cannot.
    """
    probe = folder / f"{_WAITING}probe-{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(probe, "")
        probe.unlink()
    except OSError as refused:
        raise OperatorError(
            f"The first admin key cannot be kept in {folder}: {refused.strerror}. "
            "Make FA_DATA_DIR a folder that can be written, or make the first tenant with fa-readiness tenants create."
        ) from None


def keep(folder: Path, key: str) -> None:
    """Write the key of a tenant that is about to be committed.

    Raises:
        OSError: it cannot be written; the tenant must not be committed.
    """
    _write(_waiting(folder, key), f"{key}\n")
    _sync(folder)


def discard(folder: Path, key: str) -> None:
    """Remove the key of a tenant that was rolled back."""
    _waiting(folder, key).unlink(missing_ok=True)


async def find_first_key(engine: AsyncEngine, folder: Path) -> FirstKey | None:
    """Find the file whose key works on this database, and bring it to its usual name.

    Args:
        engine: connected as the owner.
        folder: FA_DATA_DIR.
    """
    path = folder / FIRST_KEY_FILE
    for waiting in _all_waiting(folder):
        key = _read(waiting)
        if key and await _works(engine, key):
            _settle(waiting, path)
            return FirstKey(path, key)
    key = _read(path)
    return FirstKey(path, None) if key and await _works(engine, key) else None


async def _works(engine: AsyncEngine, key: str) -> bool:
    credential = credentials.parse(key)
    if credential is None:
        return False
    query = select(ApiKey.id).where(
        col(ApiKey.tenant_id) == credential.tenant_id,
        col(ApiKey.secret_hash) == credential.secret_hash,
        col(ApiKey.revoked_at).is_(None),
        or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > now()),
    )
    async with AsyncSession(engine) as session:
        return (await session.execute(query)).first() is not None


def _settle(waiting: Path, path: Path) -> None:
    if path.exists():
        # The key of another database; it may be the only copy.
        path.rename(next(name for name in _other_names(path) if not name.exists()))
    with suppress(FileNotFoundError):  # Another process that shares the folder was quicker.
        waiting.rename(path)
    _sync(path.parent)


def _other_names(path: Path) -> Iterator[Path]:
    yield path.with_name(f"{path.name}.former")
    number = 2
    while True:
        yield path.with_name(f"{path.name}.former-{number}")
        number += 1


def _all_waiting(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_WAITING}*"))


def _waiting(folder: Path, key: str) -> Path:
    return folder / f"{_WAITING}{key.split('_')[1]}"


def _read(path: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="ascii").strip()
    return None


def _write(path: Path, text: str) -> None:
    """Write a new file that only this account can read, and see it onto the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
