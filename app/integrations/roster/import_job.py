"""The job that imports an uploaded roster or tree."""

import asyncio
import csv
import io
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import text

from app.access.policy import may
from app.db.deadline import RequestDeadline
from app.db.statement import Read
from app.db.transaction import Tx
from app.errors import AppError, Forbidden, OperatorError
from app.files.deletion import delete_file
from app.files.storage import find_file, read_file, write_file
from app.integrations.creators import load_creator
from app.integrations.roster.errors import RosterRefused, RosterSuspicious, RosterUnreadable
from app.integrations.roster.files import Fault, UnreadableFile
from app.integrations.roster.import_service import (
    Faulty,
    ImportMode,
    ImportReport,
    Suspicious,
    find_path,
    import_people,
)
from app.integrations.roster.oneroster import PeopleTable, open_people
from app.integrations.roster.organization_import import import_organizations
from app.integrations.roster.spreadsheets import as_csv
from app.jobs.kinds import Again, Kind, RunningJob
from app.principal import Principal
from app.tree.places import TreeBusy

OPERATION: Final = "importRoster"
#: The longest time of an attempt.
_SECONDS: Final = 3_600.0
#: An import is one transaction, longer than that of a request. A session that was lost in the middle is still noticed.
_SETTINGS: Final = (
    f"statement_timeout = '{_SECONDS:.0f}s'",
    "lock_timeout = '30s'",
    "idle_in_transaction_session_timeout = '60s'",
)
_WITHOUT_TRANSACTION_TIMEOUT: Final = Read(
    text("select set_config(name, '0', true) from pg_settings where name = 'transaction_timeout'")
)
_FAILURES: Final[Mapping[type[OperatorError], type[AppError]]] = {
    Faulty: RosterRefused,
    Suspicious: RosterSuspicious,
    UnreadableFile: RosterUnreadable,
}
_MOST_REPORT_BYTES: Final = 16 * 1024 * 1024
#: An import holds one connection for long, so a process makes one at a time and requests keep the others.
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


_COUNTS: Final = ("rows", "created", "changed", "left", "unchanged")
_BUSY_SECONDS: Final = 2.0


class _Rehearsed(Exception):
    """Ends the transaction of an import that only checks, so that nothing of it is kept."""


def operations_of(kind: str, mode: ImportMode) -> tuple[str, ...]:
    """Return the operations that the caller of an import must be allowed.

    Args:
        kind: ``people`` or ``organizations``.
    """
    # A whole file archives organizations.
    archives = kind == "organizations" and mode is ImportMode.REPLACE
    return (OPERATION, "transitionOrganization") if archives else (OPERATION,)


async def run_import(job: RunningJob) -> Mapping[str, int]:
    """Import the file that the job names. A second attempt finds what the first one found, or that it is done.

    Returns:
        The counts: rows, created, changed, left or archived, unchanged; of OneRoster also what was left out.

    Raises:
        Again: another large change of the tree is under way.
        FileGone: the file was deleted, as an erasure does.
        Forbidden: the caller has lost the role since.
        RosterUnreadable, RosterRefused, RosterSuspicious: nothing was imported.
    """
    turn = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(1))
    async with turn, _spooled(job) as path:
        report = ImportReport(progress=lambda report: _show(job, report))
        try:
            table = await _open(job, path)
            await _import(job, table, report)
        except _Rehearsed:
            pass
        except (Faulty, Suspicious, UnreadableFile) as refused:
            if isinstance(refused, Faulty):
                await _store_faults(job, refused.faults)
            # It is not read again, and may name people who are no staff.
            await _delete_upload(job)
            raise next(kind for mine, kind in _FAILURES.items() if isinstance(refused, mine))(str(refused)) from None
        except TreeBusy as busy:
            raise Again(busy.title, after=_BUSY_SECONDS) from None
    await _delete_upload(job)
    await job.report_progress(report.total or 0, report.total)
    counts = {name: getattr(report, name) for name in _COUNTS}
    if _kind_of(job) == "organizations":
        counts["archived"] = counts.pop("left")
    return counts if table.staff is None else {**counts, **table.staff.counts}


def _kind_of(job: RunningJob) -> str:
    """Return what the rows of the file are. A job that an older release enqueued imports people."""
    kind: str = job.arguments.get("kind", "people")
    return kind


async def _open(job: RunningJob, path: Path) -> PeopleTable:
    sheet = job.arguments.get("sheet")
    if _kind_of(job) == "organizations":
        return PeopleTable(await as_csv(path, path.parent, sheet))
    return await open_people(path, path.parent, sheet)


async def _delete_upload(job: RunningJob) -> None:
    async with job.transaction() as tx:
        await delete_file(tx, UUID(job.arguments["file_id"]))


async def _import(job: RunningJob, table: PeopleTable, report: ImportReport) -> None:
    arguments = job.arguments
    with RequestDeadline(_SECONDS):
        async with job.transaction(*_SETTINGS) as tx:
            await tx.fetch(_WITHOUT_TRANSACTION_TIMEOUT)
            tx.principal = await _load_caller(tx, job)
            tx.operation = OPERATION
            import_rows = partial(import_people, staff=table.staff)
            bring = import_organizations if _kind_of(job) == "organizations" else import_rows
            await bring(
                tx,
                table.path,
                source=arguments["source"],
                columns=arguments["columns"],
                mode=ImportMode(arguments["mode"]),
                force=arguments["force"],
                report=report,
                organization_id=job.organization_id,
            )
            if arguments["check_only"]:
                raise _Rehearsed


async def _load_caller(tx: Tx, job: RunningJob) -> Principal:
    """Return who sent the file, with the roles that are granted now.

    Raises:
        Forbidden: they may not import any more.
    """
    key_id = job.arguments["key_id"]
    principal_id = UUID(job.arguments["principal_id"])
    caller = await load_creator(tx, tx.tenant_id, principal_id, key_id and UUID(key_id), tx.now)
    path = await find_path(tx, job.organization_id)
    operations = operations_of(_kind_of(job), ImportMode(job.arguments["mode"]))
    if caller is None or not all(may(caller, operation, path) for operation in operations):
        raise Forbidden("Whoever sent the file may not import it any more.")
    return caller


@asynccontextmanager
async def _spooled(job: RunningJob) -> AsyncIterator[Path]:
    """Provide the uploaded file on disk, so that memory does not grow with it."""
    database = job.work.database
    info = await find_file(database, job.tenant_id, UUID(job.arguments["file_id"]), job.work.clock())
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fa-import-"))
    try:
        path = folder / "roster"
        with await asyncio.to_thread(path.open, "wb") as file:
            async for chunk in read_file(database, job.tenant_id, info):
                await asyncio.to_thread(file.write, chunk)
        yield path
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


async def _show(job: RunningJob, report: ImportReport) -> None:
    await job.report_progress(report.created + report.changed + report.left, report.total)


async def _store_faults(job: RunningJob, faults: Sequence[Fault]) -> None:
    """Keep the first faults with the job, and all of them as a file under the id of the job."""
    for fault in faults:
        job.add_error(fault.line, fault.code, fault.message)
    now = job.work.clock()
    async with job.transaction() as tx:
        # An attempt before this one may have left it.
        await delete_file(tx, job.id)
    await write_file(
        job.work.database,
        job.tenant_id,
        _encode(faults),
        purpose="roster_errors",
        holds_people=False,
        now=now,
        expires_at=now + timedelta(days=job.work.settings.job_retention_days),
        most_bytes=_MOST_REPORT_BYTES,
        file_id=job.id,
    )


async def _encode(faults: Sequence[Fault]) -> AsyncIterator[bytes]:
    yield fault_report(faults).encode()


def fault_report(faults: Sequence[Fault]) -> str:
    """Return faults as CSV, with a header."""
    text_file = io.StringIO()
    writer = csv.writer(text_file)
    writer.writerow(["line", "field", "code", "message"])
    writer.writerows([fault.line, fault.field, fault.code, fault.message] for fault in faults)
    return text_file.getvalue()


IMPORT_ROSTER: Final[Kind] = Kind("import_roster", run_import, seconds=_SECONDS)
