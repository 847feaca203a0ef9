"""Writing a backup: a custom-format archive of PostgreSQL's pg_dump, complete or not there at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from app.backup.contents import Contents
from app.backup.programs import client_environment, run_client
from app.embedded_postgres.host import sync_folder
from app.errors import OperatorError

_LOCK_WAIT = "30s"


def write_backup(url: str, file: Path, programs: Path, contents: Contents) -> None:
    """Dump the service's tables into a new file that only this account can read.

    The archive is written under another name, read back whole, and then renamed.

    Args:
        url: the owner's login.
        file: must not exist.
        programs: the folder of pg_dump and pg_restore.
        contents: what the database holds.

    Raises:
        OperatorError: there is no such data, the file exists, or a program failed.
    """
    if not contents.is_ours:
        raise OperatorError("The database holds no data of this service: there is nothing to back up.")
    if os.path.lexists(file):
        raise OperatorError(f"{file} exists already: a backup overwrites nothing.")
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", suffix=".part", dir=file.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "rb"):
            _dump(url, programs, partial)
            os.fsync(descriptor)
        check_archive(partial, programs)
        _publish(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def _dump(url: str, programs: Path, out: Path) -> None:
    command = ["pg_dump", "--format=custom", "--schema=public", "--no-owner", "--no-privileges", "--no-password"]
    env = client_environment(url, programs) | {"LC_ALL": "C"}
    run_client([*command, f"--lock-wait-timeout={_LOCK_WAIT}", f"--file={out}"], programs, "The backup failed", env=env)


def check_archive(file: Path, programs: Path) -> None:
    """Read an archive to its end.

    Raises:
        OperatorError: it is damaged or incomplete.
    """
    run_client(["pg_restore", "--file=/dev/null", str(file)], programs, f"{file} is no complete backup")


def _publish(partial: Path, file: Path) -> None:
    """Give the archive its name, unless something else took it meanwhile."""
    try:
        os.link(partial, file)
    except FileExistsError:
        raise OperatorError(f"{file} exists already: a backup overwrites nothing.") from None
    except OSError:
        # A file system without hard links.
        partial.rename(file)
    with suppress(OSError):
        sync_folder(file.parent)
