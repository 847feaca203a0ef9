"""Workbooks as rosters: read by a bounded process, and refused where they are not what they say."""

import datetime
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from app.integrations.roster import sheet_process
from app.integrations.roster.files import RosterFile, UnreadableFile
from app.integrations.roster.sheet_process import Status, convert
from app.integrations.roster.spreadsheets import as_csv
from tests.support.tools import run

HEADER = ["external_id", "name", "organization", "hired_on", "employee_number"]
ODS_CONTENT = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2"><office:body><office:spreadsheet>
<table:table table:name="Staff">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"""
CELL = '<table:table-cell office:value-type="string"{}><text:p>{}</text:p></table:table-cell>'


def write_xlsx(path: Path, rows: list[list[Any]], *, sheet: str = "Staff", first_row: int = 0) -> Path:
    book = xlsxwriter.Workbook(str(path), {"in_memory": True})
    dated = book.add_format({"num_format": "yyyy-mm-dd"})
    page = book.add_worksheet(sheet)
    for at, row in enumerate(rows, start=first_row):
        for column, value in enumerate(row):
            if isinstance(value, datetime.date):
                page.write_datetime(at, column, datetime.datetime(value.year, value.month, value.day), dated)
            elif isinstance(value, tuple):
                page.write_formula(at, column, value[0], None, value[1])
            else:
                page.write(at, column, value)
    book.close()
    return path


def write_ods(path: Path, rows: list[list[str]], *, more: str = "") -> Path:
    """Write a workbook of texts.

    Args:
        more: XML of further rows.
    """
    lines = ["<table:table-row>" + "".join(CELL.format("", one) for one in row) + "</table:table-row>" for row in rows]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", ODS_CONTENT.format(rows="".join(lines) + more))
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
    return path


async def read(path: Path, folder: Path, sheet: str | None = None) -> list[tuple[int, dict[str, str] | None]]:
    return [(cells.line, cells.values) for cells in RosterFile(await as_csv(path, folder, sheet), {}).rows()]


async def test_a_workbook_is_read_as_its_values(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        HEADER,
        [4711, "José\nMüller", "North", datetime.date(2024, 3, 1), ("=40+2", 42)],
        ["7a", "Ann", "S", "", ""],
    ]
    path = write_xlsx(tmp_path / "roster.csv", rows, first_row=2)
    assert await read(path, tmp_path) == [
        (4, dict(zip(HEADER, ["4711", "José Müller", "North", "2024-03-01", "42"], strict=True))),
        (5, dict(zip(HEADER, ["7a", "Ann", "S", "", ""], strict=True))),
    ]


async def test_an_open_document_is_read(tmp_path: Path) -> None:
    path = write_ods(tmp_path / "roster.ods", [HEADER[:3], ["1", "Ann", "North"]])
    [(_, values)] = await read(path, tmp_path, "Staff")
    assert values == {"external_id": "1", "name": "Ann", "organization": "North"}


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"PK\x03\x04" + b"x" * 100, "not a workbook"), (b"external_id,name\n", "Only a workbook")],
)
async def test_a_renamed_file_is_what_it_holds(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "roster.xlsx"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=said):
        await read(path, tmp_path, "Staff")


async def test_a_missing_sheet_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such sheet"):
        await read(write_xlsx(tmp_path / "roster.xlsx", [HEADER]), tmp_path, "Other")


async def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "roster.xlsx", [HEADER])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet2.xml", b"\0" * 30_000_000)
    with pytest.raises(UnreadableFile, match="much more"):
        await read(path, tmp_path)


async def test_a_cell_of_2_mb_is_too_long(tmp_path: Path) -> None:
    path = write_ods(tmp_path / "roster.ods", [HEADER[:3], ["1", "x" * 2_000_000, "North"]])
    with pytest.raises(UnreadableFile, match="too long"):
        await read(path, tmp_path)


@pytest.mark.parametrize(
    "repeated",
    [
        pytest.param(["", ' table:number-columns-repeated="100000"'], id="columns"),
        pytest.param([' table:number-rows-repeated="1048576"', ' table:number-columns-repeated="16384"'], id="cells"),
    ],
)
async def test_what_a_workbook_repeats_is_bounded(tmp_path: Path, repeated: list[str]) -> None:
    """A few bytes may stand for billions of cells."""
    row, cell = repeated
    more = f"<table:table-row{row}>{CELL.format(cell, 'x' * 100)}</table:table-row>"
    path = write_ods(tmp_path / "roster.ods", [], more=more)
    with pytest.raises(UnreadableFile, match=r"much more|not a workbook|columns|too long"):
        await read(path, tmp_path)


BOUNDED = """
import sys
from app.integrations.roster import sheet_process
sheet_process.MOST_WRITTEN = 1_000_000
sheet_process.limit_resources()
sys.exit(sheet_process.convert(sys.argv[1], sys.argv[2], ""))
"""


def test_what_is_written_of_a_workbook_is_bounded(tmp_path: Path) -> None:
    """A text that many cells share would fill the disk."""
    rows = f'<table:table-row table:number-rows-repeated="100">{CELL.format("", "x" * 20_000)}</table:table-row>'
    path, target = write_ods(tmp_path / "roster.ods", [HEADER[:3]], more=rows), tmp_path / "sheet.csv"
    ended = run([sys.executable, "-c", BOUNDED, path, target])
    assert (ended.returncode, target.stat().st_size) == (Status.TOO_LARGE, 1_000_000)


def test_what_a_workbook_may_unpack_to_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_process, "MOST_UNPACKED", 100)
    path = write_xlsx(tmp_path / "roster.xlsx", [HEADER])
    assert convert(str(path), str(tmp_path / "out"), "") is Status.TOO_LARGE


async def test_a_header_that_is_there_twice_and_too_many_columns_are_refused(tmp_path: Path) -> None:
    twice = write_xlsx(tmp_path / "twice.xlsx", [[*HEADER, "Name"]])
    with pytest.raises(UnreadableFile, match="twice"):
        await read(twice, tmp_path)
    wide = write_xlsx(tmp_path / "wide.xlsx", [[f"c{at}" for at in range(10_000)]])
    with pytest.raises(UnreadableFile, match=r"columns|too long"):
        await read(wide, tmp_path)
