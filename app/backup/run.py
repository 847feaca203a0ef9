"""Backing up and restoring the database that the settings name, in whatever way it is reached."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from app.backup.contents import Contents, look
from app.backup.dump import write_backup
from app.backup.programs import find_clients
from app.backup.restore import check_backup, check_target, fill
from app.db.schema.locks import Notify
from app.db.schema.migrate import ensure_role, load_models, migrate, revisions
from app.errors import OperatorError
from app.settings import Settings


@dataclass(frozen=True)
class BackupReport:
    """What a backup contains.

    Attributes:
        size: of the file, in bytes.
        revision: the schema's revision.
        tenants: how many tenants there are.
    """

    file: Path
    size: int
    revision: str | None
    tenants: int


def backup(settings: Settings, file: Path) -> BackupReport:
    """Write a backup of the database.

    Args:
        settings: those of `provided`, with the database's logins filled in.
        file: must not exist.

    Raises:
        OperatorError: one line that says why there is no backup.
    """
    url = _owner_url(settings)
    contents = asyncio.run(look(url))
    write_backup(url, file, find_clients(settings.postgres_bin, contents.server_major), contents)
    return _report(file, contents)


def restore(settings: Settings, file: Path, *, replace: bool, notify: Notify) -> BackupReport:
    """Fill the database from a backup, then bring it to this release and grant the serving role its work.

    Args:
        settings: those of `provided`, with the database's logins filled in.
        file: a backup, of this release or an older one.
        replace: remove the tenants that are there.
        notify: takes a line that says what a lock is waited for.

    Raises:
        OperatorError: one line that says why nothing was restored.
    """
    load_models()
    url = _owner_url(settings)
    contents = asyncio.run(look(url))
    programs = find_clients(settings.postgres_bin, contents.server_major)
    check_backup(file, programs, revisions())
    check_target(contents, replace=replace)
    service_url = settings.database_url if settings.login_is_separate else None
    separate = settings.login_is_separate
    asyncio.run(ensure_role(url, settings.app_role, login_is_separate=separate, service_url=service_url))
    fill(url, file, programs, contents, replace=replace)
    try:
        asyncio.run(migrate(url, settings.app_role, login_is_separate=separate, service_url=service_url, notify=notify))
    except OperatorError as refused:
        raise OperatorError(
            f"The backup is restored, but not yet brought to this release: {refused} Then run fa-readiness migrate."
        ) from None
    return _report(file, asyncio.run(look(url)))


def _owner_url(settings: Settings) -> str:
    assert settings.owner_url is not None  # noqa: S101  # the provided settings name it
    return settings.owner_url


def _report(file: Path, contents: Contents) -> BackupReport:
    return BackupReport(file, file.stat().st_size, contents.revision, contents.tenants)
