"""A process that writes the staff of a OneRoster archive as a roster.

Run it as ``python -m app.integrations.roster.oneroster_process``. The archive comes from outside, so it is read in a
process whose memory and time are bounded. The arguments are the archive, and the folder that gets the roster and a
report. The exit status is 0 if the report was written.
"""

import csv
import json
import struct
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from app.integrations.roster.files import Fault, RosterFile, UnreadableFile
from app.integrations.roster.oneroster_archive import MANIFEST, NOT_READ, ORGS, USERS, Manifest, OneRosterArchive
from app.integrations.roster.oneroster_users import COLUMNS, OTHER_ROLES, REQUIRED, StaffMember, read_user
from app.integrations.roster.sheet_process import limit_resources
from app.text import neutralize

ROSTER: Final = "staff.csv"
REPORT: Final = "report.json"
_MOST_FAULTS: Final = 10_000
_MOST_ORGS: Final = 50_000
#: Columns that each export has, often without a value. One that no member of the staff fills says nothing.
_OPTIONAL: Final = ("email", "employee_number")
_ALWAYS: Final = ("external_id", "name", "organization", "status", "position")
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OSError, ValueError)


def convert(source: Path, folder: Path) -> dict[str, Any]:
    """Write the staff of an archive as a roster.

    Returns:
        What else the service has to know: `is_delta`, `left_out` by role, `files_not_read`, and `faults` of rows.

    Raises:
        UnreadableFile: it is not an archive of OneRoster 1.1.
    """
    try:
        with zipfile.ZipFile(source) as opened:
            archive = OneRosterArchive(opened)
            manifest = archive.read_manifest()
            users = archive.unpack(USERS, folder)
            orgs = archive.unpack(ORGS, folder) if manifest.has_all_orgs else None
    except _BROKEN:
        raise UnreadableFile("The archive is damaged.") from None
    known = None if orgs is None else _read_orgs(orgs)
    with _named(USERS):
        required = REQUIRED | {"status"} if manifest.is_delta else REQUIRED
        table = RosterFile(users, {}, known=COLUMNS, required=required)
        report = _write(table, manifest, known, folder / ROSTER)
    used = {MANIFEST, USERS} if orgs is None else {MANIFEST, USERS, ORGS}
    others = archive.parts.keys() - used
    # Only names of the specification are repeated.
    listed = sorted(others & (NOT_READ | {ORGS}))
    return {**report, "files_not_read": listed + ["other files"] * (len(listed) < len(others))}


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Say in which file of the archive a line or a column is."""
    try:
        yield
    except UnreadableFile as refused:
        raise UnreadableFile(f"{name}: {refused}") from None


def _read_orgs(path: Path) -> Set[str]:
    """Return the ids of the organizations."""
    with _named(ORGS):
        table = RosterFile(path, {}, known=("sourcedId",), required=frozenset({"sourcedId"}))
        found = set()
        for cells in table.rows():
            if cells.values is not None:
                found.add(cells.values["sourcedId"])
            if len(found) > _MOST_ORGS:
                raise UnreadableFile(f"The file has more than {_MOST_ORGS:,} organizations.")
        return found


def _write(table: RosterFile, manifest: Manifest, orgs: Set[str] | None, target: Path) -> dict[str, Any]:
    left_out: Counter[str] = Counter()
    faults: list[Fault] = []
    filled: set[str] = set()
    for cells in table.rows():
        found = read_user(cells, is_delta=manifest.is_delta, orgs=orgs)
        if isinstance(found, str):
            left_out[found] += 1
        elif isinstance(found, list):
            faults += found[: _MOST_FAULTS - len(faults)]
        else:
            filled.update(name for name in _OPTIONAL if getattr(found, name))
    fields = (*_ALWAYS, *(name for name in _OPTIONAL if name in filled))
    with target.open("w", encoding="utf-8", newline="") as file:
        users = (read_user(cells, is_delta=manifest.is_delta, orgs=orgs) for cells in table.rows())
        _write_staff(file, fields, (one for one in users if isinstance(one, StaffMember)))
    return {
        "is_delta": manifest.is_delta,
        "left_out": {role: left_out[role] for role in OTHER_ROLES},
        "faults": [[fault.line, fault.field, fault.code, fault.message] for fault in faults],
    }


def _write_staff(file: TextIO, fields: tuple[str, ...], staff: Iterator[StaffMember]) -> None:
    """Write a roster. Blank lines stand for the rows of others, so that faults name the lines of `users.csv`."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(fields)
    line = 1
    for one in staff:
        file.write("\n" * (one.line - line - 1))
        # A cell of several lines becomes one line.
        writer.writerow([neutralize(" ".join(getattr(one, name).split())) for name in fields])
        line = one.line


def main(source: Path, folder: Path) -> None:
    """Convert an archive, and write the report or the reason of a refusal."""
    try:
        report = convert(source, folder)
    except UnreadableFile as refused:
        report = {"refusal": str(refused)}
    (folder / REPORT).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    limit_resources()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
