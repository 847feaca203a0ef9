"""The formats of an export. CSV and JSON Lines are encoded page by page; a workbook is built in a file."""

import csv
import io
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from app.exports.columns import Cell, Column
from app.exports.errors import ExportTooLarge

#: Rows of a sheet, the header included; characters of a cell.
_MOST_SHEET_ROWS: Final = 1_048_576
_MOST_CELL: Final = 32_767


class ExportFormat(StrEnum):
    """A format of exports."""

    CSV = "csv"
    JSONL = "jsonl"
    XLSX = "xlsx"


MEDIA_TYPES: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSONL: "application/jsonl",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Encoder(Protocol):
    """Encodes items, each given as JSON."""

    def begin(self) -> bytes:
        """Return what comes before the first item."""

    def encode(self, items: Sequence[bytes]) -> bytes:
        """Return some items encoded."""


class CsvEncoder:
    """Comma-separated values as RFC 4180 has them, in UTF-8, with a header.

    Args:
        has_mark: begin with a byte order mark, by which Excel recognizes UTF-8.
    """

    def __init__(self, columns: Sequence[Column], *, has_mark: bool) -> None:
        self._columns = columns
        self._has_mark = has_mark

    def begin(self) -> bytes:
        """Return the header."""
        header = _to_csv([[column.header for column in self._columns]])
        return "\ufeff".encode() + header if self._has_mark else header

    def encode(self, items: Sequence[bytes]) -> bytes:
        """Return a line for each item."""
        return _to_csv([_plain(row) for row in to_rows(self._columns, items)])


class JsonLinesEncoder:
    """The items as the list has them, one on a line."""

    def begin(self) -> bytes:
        """Return nothing: there is no header."""
        return b""

    def encode(self, items: Sequence[bytes]) -> bytes:
        """Return a line for each item."""
        # Outside of strings a line break is a blank, and inside it is escaped.
        return b"".join(item.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n" for item in items)


class Workbook:
    """An XLSX workbook with one sheet, written to a file row by row. Use it from one thread at a time.

    Args:
        folder: where the file and its parts are written; the caller removes it.
    """

    def __init__(self, folder: Path, name: str, columns: Sequence[Column]) -> None:
        import xlsxwriter  # noqa: PLC0415  # few processes ever need it

        self.path = folder / "export.xlsx"
        options = {"constant_memory": True, "tmpdir": str(folder), "nan_inf_to_errors": True}
        self._book = xlsxwriter.Workbook(str(self.path), options)
        self._sheet = self._book.add_worksheet(name[:31])
        self._columns = columns
        self._row = 0
        self._sheet.freeze_panes(1, 0)
        self._write([column.header for column in columns])

    def add(self, items: Sequence[bytes]) -> None:
        """Add a row for each item.

        Raises:
            ExportTooLarge: the sheet has no room for them.
        """
        for row in to_rows(self._columns, items):
            self._write(row)

    def _write(self, cells: Sequence[Cell]) -> None:
        if self._row == _MOST_SHEET_ROWS:
            raise ExportTooLarge(f"A sheet has {_MOST_SHEET_ROWS} rows. Use csv or jsonl.")
        for at, cell in enumerate(cells):
            if isinstance(cell, str):
                if len(cell) > _MOST_CELL:
                    raise ExportTooLarge(f"A cell of a sheet has {_MOST_CELL} characters. Use csv or jsonl.")
                self._sheet.write_string(self._row, at, cell)
            elif isinstance(cell, bool):
                self._sheet.write_boolean(self._row, at, cell)
            elif cell is not None:
                self._sheet.write_number(self._row, at, cell)
        self._row += 1

    def close(self) -> None:
        """Finish the file, or give its parts back where it will not be used."""
        self._book.close()


def to_rows(columns: Sequence[Column], items: Sequence[bytes]) -> list[list[Cell]]:
    """Return the cells of items."""
    decoded: list[dict[str, Any]] = [msgspec.json.decode(item) for item in items]
    return [[column.value_of(item) for column in columns] for item in decoded]


def _plain(cells: Sequence[Cell]) -> list[Any]:
    return [str(cell).lower() if isinstance(cell, bool) else cell for cell in cells]


def _to_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()
