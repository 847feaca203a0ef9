"""Reading a roster as people export it: CSV in any usual encoding, with any usual separator, row by row."""

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from app.errors import OperatorError
from app.text import restore, search_key

MOST_BYTES: Final = 200 * 1024 * 1024
_MOST_COLUMNS: Final = 500
_MOST_HEADER: Final = 65_536
#: Characters of a row, over all of its lines. A row is read whole, so this bounds the memory of a hostile file.
_MOST_ROW: Final = 1024 * 1024
_BLOCK: Final = 1024 * 1024
_SEPARATORS: Final = ",;\t"
#: What a blank line may hold.
_BLANKS: Final = ' "\r\n' + _SEPARATORS
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ZIP: Final = b"PK\x03\x04"

FIELDS: Final = (
    *("external_id", "name", "organization", "email", "employee_number", "position", "department"),
    *("manager", "status", "hired_on", "left_on"),
)
_REQUIRED: Final = frozenset({"external_id", "name", "organization"})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a file. It never repeats a value.

    Attributes:
        line: where it is, from 1; None: the fault is of the whole file.
        field: the field of the row; None: the fault is of the whole row.
        code: stable and machine-readable.
    """

    line: int | None
    field: str | None
    code: str
    message: str


class UnreadableFile(OperatorError):
    """The file cannot be read as a roster at all."""


@dataclass(frozen=True, slots=True)
class Cells:
    """One row: its line, and the cell of each field that the file has. None: the row has too many cells."""

    line: int
    values: dict[str, str] | None


class RosterFile:
    """A CSV file, whose header has been read.

    Args:
        columns: the header of each field that has another name than its own.
        known: the fields that such a file can have.
        required: those that it must have.

    Attributes:
        fields: the fields that the file has.

    Raises:
        UnreadableFile: its size, encoding or header is not usable.
    """

    def __init__(
        self,
        path: Path,
        columns: Mapping[str, str],
        *,
        known: Sequence[str] = FIELDS,
        required: frozenset[str] = _REQUIRED,
    ) -> None:
        self._known = known
        self._required = required
        if path.stat().st_size > MOST_BYTES:
            raise UnreadableFile(f"The file is larger than {MOST_BYTES // _BLOCK} MiB.")
        self.size = path.stat().st_size
        self._path = path
        self._encoding = _find_encoding(path)
        first = self._read_first_line()
        self._separator = max(_SEPARATORS, key=first.count)
        _, header = next(self._rows(), (0, []))
        self._places = self._find(header, columns)
        self.fields = frozenset(self._places)

    def _read_first_line(self) -> str:
        """Return the first line that is not blank."""
        with self._path.open(encoding=self._encoding, newline="") as file:
            while line := file.readline(_MOST_HEADER + 1):
                if len(line) > _MOST_HEADER:
                    raise UnreadableFile("The first line is too long to be a header.")
                if line.strip(_BLANKS):
                    return line
        return ""

    def _find(self, header: list[str], columns: Mapping[str, str]) -> dict[str, int]:
        if len(header) > _MOST_COLUMNS:
            raise UnreadableFile(f"The file has more than {_MOST_COLUMNS} columns.")
        names = [_fold(name) for name in header]
        self._width = len(names)
        if repeated := {name for name in names if name and names.count(name) > 1}:
            raise UnreadableFile(f"{len(repeated)} headers are there twice; each names one column.")
        wanted = {field: _fold(columns.get(field, field)) for field in self._known}
        places = {field: names.index(name) for field, name in wanted.items() if name in names}
        lacking = sorted((self._required | columns.keys()) - places.keys())
        if lacking:
            raise UnreadableFile(f"No header of the file names: {', '.join(lacking)}. Name the columns that do.")
        return places

    def rows(self) -> Iterator[Cells]:
        """Yield the rows below the header that are not blank.

        Raises:
            UnreadableFile: the file breaks the rules of CSV, or a row is too long; the line is named.
        """
        rows = self._rows()
        next(rows, None)
        for line, row in rows:
            yield Cells(line, self._cells(row))

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        with self._path.open(encoding=self._encoding, newline="") as file:
            lines = _Lines(file)
            try:
                for row in csv.reader(lines, delimiter=self._separator, strict=True):
                    lines.left = _MOST_ROW
                    if any(map(str.strip, row)):
                        yield lines.number, row
            except (csv.Error, _TooLong):
                raise UnreadableFile(f"Line {lines.number} is not well-formed CSV, or a cell is too long.") from None

    def _cells(self, row: list[str]) -> dict[str, str] | None:
        if len(row) > self._width and any(map(str.strip, row[self._width :])):
            return None
        # An export puts an apostrophe before what a spreadsheet would take for a formula.
        return {field: restore(row[at].strip()) if at < len(row) else "" for field, at in self._places.items()}


class _TooLong(Exception):
    """A row has too many characters."""


class _Lines:
    """The lines of a file, which end the reading of a row that is too long.

    Attributes:
        number: the number of the last line, from 1.
        left: how many characters the row may still have.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0
        self.left = _MOST_ROW

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(self.left + 1):
            self.number += 1
            self.left -= len(line)
            if self.left < 0:
                raise _TooLong
            yield line


def _fold(name: str) -> str:
    return search_key(name.replace("_", " ").replace("-", " "))


def _find_encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(1024)
    if start.startswith(_ZIP):
        raise UnreadableFile("This is a workbook, which the import of a file reads through its first sheet.")
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            _decode(path, encoding)
            return encoding
    if b"\0" in start:
        raise UnreadableFile("This is not a text file, or it is UTF-16 without a byte order mark.")
    try:
        _decode(path, "utf-8")
    except UnreadableFile:
        _decode(path, "cp1252")
        return "cp1252"
    return "utf-8"


def _decode(path: Path, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise UnreadableFile("The file is neither UTF-8, UTF-16 nor Windows-1252.") from None
