"""Two locks: one for the data directory, held by the service, and one shared by every process of the server."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.embedded_postgres.cluster import postmaster_pid
from app.embedded_postgres.host import EmbeddedPostgresError

PREDECESSOR_SECONDS = 30.0
_POLL_SECONDS = 0.01


@contextmanager
def sole_owner(data_dir: Path) -> Iterator[None]:
    """Hold the data directory. Its lock file contains the holder's process id.

    Raises:
        EmbeddedPostgresError: another service holds it.
    """
    lock = _open(data_dir / "postgres.lock")
    try:
        if not _try_lock(lock):
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
            raise EmbeddedPostgresError(
                f"the data directory {data_dir} is in use by another instance" + (f" (pid {holder})" if holder else "")
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(lock, 0)
    finally:
        os.close(lock)


class ServerLock:
    """A lock that each process of the server inherits, so that it is free only when all of them are gone.

    Attributes:
        descriptor: what the next server inherits.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self.descriptor = -1

    def acquire(self) -> None:
        """Wait until every process of a former server is gone.

        Raises:
            EmbeddedPostgresError: one is still there after half a minute.
        """
        self.release()
        self.descriptor = _open(self._base / "server.lock")
        deadline = time.monotonic() + PREDECESSOR_SECONDS
        while not _try_lock(self.descriptor):
            if time.monotonic() > deadline:
                self.release()
                pid = postmaster_pid(self._base / "data") or "unknown"
                raise EmbeddedPostgresError(
                    f"the former PostgreSQL in {self._base} (pid {pid}) is still there after "
                    f"{PREDECESSOR_SECONDS:.0f} s: try again, or end it"
                )
            time.sleep(_POLL_SECONDS)

    def release(self) -> None:
        """Close the descriptor; the processes that inherited it keep the lock."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
