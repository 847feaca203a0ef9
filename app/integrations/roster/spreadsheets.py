"""Workbooks (XLSX, ODS) as rosters: one sheet is written as CSV by a bounded process and read from there."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from app.integrations.roster.files import MOST_BYTES, UnreadableFile
from app.integrations.roster.sheet_process import Status

_MODULE: Final = "app.integrations.roster.sheet_process"
_ZIP: Final = b"PK\x03\x04"
_SECONDS: Final = 300.0
_BLOCK: Final = 65_536
ONLY_SHEETS: Final = "Only a workbook has sheets."
_REFUSALS: Final = {
    Status.UNREADABLE: "This is not a workbook that can be read. Save it as .xlsx or .ods, without a password.",
    Status.TOO_LARGE: "The workbook holds much more than its size says, or too much. Export the sheet as CSV.",
    Status.NO_SHEET: "The workbook has no such sheet.",
}


class OneRosterFound(UnreadableFile):
    """The file is no table but a OneRoster archive."""

    def __init__(self) -> None:
        super().__init__("This is a OneRoster archive. Only the import of people reads one.")


async def as_csv(path: Path, folder: Path, sheet: str | None) -> Path:
    """Return the path of a CSV file with what a file holds: the file itself, or a sheet of a workbook.

    The content decides what a file is, not its name.

    Args:
        folder: where the CSV file of a workbook is written.
        sheet: the name of the sheet; None: the first one.

    Raises:
        OneRosterFound: it is a OneRoster archive.
        UnreadableFile: the workbook cannot be read, or is too large.
    """
    if not await asyncio.to_thread(_is_archive, path):
        if sheet is not None:
            raise UnreadableFile(ONLY_SHEETS)
        return path
    target = folder / "sheet.csv"
    ended = await run_bounded(_MODULE, str(path), str(target), sheet or "")
    if ended == Status.ONEROSTER:
        raise OneRosterFound
    if ended != Status.DONE:
        # A limit of memory or of time ends the process with another status.
        refusal = Status(ended) if ended in _REFUSALS else Status.TOO_LARGE
        raise UnreadableFile(_REFUSALS[refusal])
    if target.stat().st_size > MOST_BYTES:
        raise UnreadableFile(_REFUSALS[Status.TOO_LARGE])
    return target


async def run_bounded(module: str, *arguments: str) -> int | None:
    """Run a module that bounds its own memory and processor time. Return the exit status; None: it took too long."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ},
    )
    try:
        async with asyncio.timeout(_SECONDS):
            return await child.wait()
    except TimeoutError:
        return None
    finally:
        if child.returncode is None:
            child.kill()
            await asyncio.shield(child.wait())


def _is_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP
