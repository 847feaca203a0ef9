"""OneRoster 1.1 archives as rosters: a bounded process writes the staff as CSV, which is imported like any roster."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.integrations.roster.files import Fault, UnreadableFile
from app.integrations.roster.oneroster_process import REPORT, ROSTER
from app.integrations.roster.spreadsheets import ONLY_SHEETS, OneRosterFound, as_csv, run_bounded
from app.integrations.roster.staging import Staged

_MODULE: Final = "app.integrations.roster.oneroster_process"
# Who is to be deleted, or has no access, is not added first.
_DROP_UNKNOWN_LEAVERS: Final = Read(
    text("delete from staged_people where import_id = :import_id and is_new and status = 'left'")
)
# OneRoster knows no leave, so it cannot end one.
_KEEP_LEAVE: Final = Read(
    text(
        """
        update staged_people s set status = 'on_leave', on_leave = true from people p
        where s.import_id = :import_id and s.status = 'active' and not s.is_new
          and p.tenant_id = :tenant_id and p.id = s.person_id and p.active and p.on_leave
        """
    )
)


@dataclass(frozen=True, slots=True)
class StaffReport:
    """What was found in an archive besides its staff.

    Attributes:
        is_delta: the users of the archive are changes only.
        left_out: how many users were left out, by role, because they are no staff.
        files_not_read: names of the specification, and `other files`.
        faults: what is wrong with single rows of `users.csv`.
    """

    is_delta: bool
    left_out: Mapping[str, int]
    files_not_read: Sequence[str]
    faults: Sequence[Fault]

    @property
    def counts(self) -> dict[str, int]:
        """Return what was left out, as counts."""
        left_out = {f"left_out_{role}": count for role, count in self.left_out.items()}
        return {**left_out, "files_not_read": len(self.files_not_read)}


@dataclass(frozen=True, slots=True)
class PeopleTable:
    """A roster as CSV.

    Attributes:
        staff: None: it does not come from OneRoster.
    """

    path: Path
    staff: StaffReport | None = None


async def open_people(path: Path, folder: Path, sheet: str | None) -> PeopleTable:
    """Return a roster as CSV: the file itself, a sheet of a workbook, or the staff of a OneRoster archive.

    The content decides what a file is, not its name.

    Args:
        folder: where the CSV file is written.
        sheet: the name of the sheet of a workbook; None: the first one.

    Raises:
        UnreadableFile: the file cannot be read, or is too large.
    """
    try:
        return PeopleTable(await as_csv(path, folder, sheet))
    except OneRosterFound:
        if sheet is not None:
            raise UnreadableFile(ONLY_SHEETS) from None
    if await run_bounded(_MODULE, str(path), str(folder)) != 0:
        raise UnreadableFile("The archive is too large to be read.")
    report = json.loads(await asyncio.to_thread((folder / REPORT).read_text, encoding="utf-8"))
    if "refusal" in report:
        raise UnreadableFile(report["refusal"])
    faults = [Fault(*fault) for fault in report.pop("faults")]
    return PeopleTable(folder / ROSTER, StaffReport(**report, faults=faults))


async def keep_what_is_not_said(tx: Tx, staged: Staged) -> None:
    """Take from staged rows what OneRoster does not say: that somebody unknown has left, and that a leave has ended."""
    await staged.fetch(tx, _DROP_UNKNOWN_LEAVERS)
    await staged.fetch(tx, _KEEP_LEAVE)
