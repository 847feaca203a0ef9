"""A process that writes one sheet of a workbook as CSV: ``python -m app.integrations.roster.sheet_process``.

A workbook is unpacked and read as a whole, so this happens in a process whose memory and time are bounded, and whose
memory is given back. It imports nothing of the service. The arguments are the workbook, the CSV file, and the name of
the sheet or an empty text for the first one. The exit status is a value of `Status`.
"""

import csv
import datetime
import errno
import resource
import sys
import zipfile
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final

_MOST_MEMORY: Final = 1_536 * 1024 * 1024
_MOST_CPU_SECONDS: Final = 100
#: A small text that many cells share makes a large file.
MOST_WRITTEN: Final = 201 * 1024 * 1024
#: What a workbook may hold when it is unpacked, and how much more than it takes.
MOST_UNPACKED: Final = 1024 * 1024 * 1024
_MOST_RATIO: Final = 250
_MOST_PARTS: Final = 10_000
_OF_ONEROSTER: Final = frozenset({"manifest.csv", "users.csv"})
_OF_WORKBOOKS: Final = frozenset({"[content_types].xml", "content.xml"})


class Status(IntEnum):
    """How the process ended."""

    DONE = 0
    FAILED = 1
    UNREADABLE = 10
    TOO_LARGE = 11
    NO_SHEET = 12
    ONEROSTER = 13


def limit_resources() -> None:
    """Bound the memory and the processor time of this process, and the size of each file that it writes."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_CPU_SECONDS, _MOST_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, MOST_WRITTEN))


def is_oneroster(parts: Sequence[zipfile.ZipInfo]) -> bool:
    """Return whether these are the parts of a OneRoster archive and not those of a workbook."""
    names = {part.filename.rpartition("/")[2].lower() for part in parts}
    return bool(names & _OF_ONEROSTER) and not names & _OF_WORKBOOKS


def unpacks_within_bounds(parts: Sequence[zipfile.ZipInfo]) -> bool:
    """Return whether the parts of a workbook say that they are of a usual size."""
    packed = sum(part.compress_size for part in parts)
    unpacked = sum(part.file_size for part in parts)
    return len(parts) <= _MOST_PARTS and unpacked <= min(MOST_UNPACKED, 1_048_576 + packed * _MOST_RATIO)


def judge(source: str) -> Status:
    """Return how a file is going to be refused, from the list of its parts alone, or that it may be a workbook."""
    with zipfile.ZipFile(source) as archive:
        parts = archive.infolist()
    if is_oneroster(parts):
        return Status.ONEROSTER
    return Status.DONE if unpacks_within_bounds(parts) else Status.TOO_LARGE


def to_text(value: Any) -> str:
    """Return a cell as a CSV file has it. A formula is read as its value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    # A row stays a line, so that faults name the row of the sheet.
    return " ".join(str(value).splitlines())


def convert(source: str, target: str, name: str) -> Status:
    """Write a sheet as CSV, unless the file is no workbook."""
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415  # after the limits are set

    try:
        if (status := judge(source)) is not Status.DONE:
            return status
        workbook = CalamineWorkbook.from_path(source)
        if not workbook.sheet_names or (name and name not in workbook.sheet_names):
            return Status.NO_SHEET
        sheet = workbook.get_sheet_by_name(name) if name else workbook.get_sheet_by_index(0)
        with open(target, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123  # without the service
            writer = csv.writer(file)
            writer.writerows([to_text(value) for value in row] for row in sheet.iter_rows())
    except OSError as failed:
        return Status.TOO_LARGE if failed.errno == errno.EFBIG else Status.UNREADABLE
    except (CalamineError, zipfile.BadZipFile, ValueError):
        return Status.UNREADABLE
    except MemoryError:
        return Status.TOO_LARGE
    return Status.DONE


if __name__ == "__main__":
    limit_resources()
    sys.exit(convert(*sys.argv[1:4]))
