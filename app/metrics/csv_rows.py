"""Figures as a CSV file: any usual encoding and separator, headers in any order."""

import codecs
import csv
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from app.errors import FieldError
from app.http.problems import MOST_ERRORS, faults_of, of_faults
from app.metrics.errors import MetricsRefused, UnreadableCsv
from app.metrics.rows import PlacedRow
from app.metrics.schemas import MOST_CSV_ROWS, MetricRow
from app.text import search_key

#: The columns that a file must have.
REQUIRED: Final = ("metric", "numerator", "denominator", "period_start", "period_end", "program_id", "source")
_ORGANIZATION: Final = ("organization_id", "organization_source", "organization_external_id")
#: The columns of a file. Of the last three it has the first, or the other two.
COLUMNS: Final = (*REQUIRED, *_ORGANIZATION)
_NUMBERS: Final = frozenset({"numerator", "denominator"})
_SEPARATORS: Final = ",;\t"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MOST_COLUMNS: Final = 100
_LONGEST_CELL: Final = 1_000


def read_csv(content: bytes) -> list[PlacedRow]:
    """Return the figures of a CSV file; each pointer names the line, from 1.

    Raises:
        UnreadableCsv: it has no figures, too many, or breaks the rules of CSV.
        MetricsRefused: some rows are no figures; ``errors`` says which and why.
    """
    lines = _decode(content).splitlines(keepends=True)
    first = next(iter(lines), "")
    rows = _read_rows(lines, max(_SEPARATORS, key=first.count))
    places = _find_columns(next(rows, (1, []))[1])
    figures: list[PlacedRow] = []
    errors: list[FieldError] = []
    for line, cells in rows:
        if not any(map(str.strip, cells)):
            continue
        if len(figures) == MOST_CSV_ROWS:
            raise UnreadableCsv(f"At most {MOST_CSV_ROWS} figures are taken at once; split the file.")
        pointer = f"/body/lines/{line}"
        made = read_figure({name: cells[at].strip() for name, at in places.items() if at < len(cells)}, pointer)
        if isinstance(made, MetricRow):
            figures.append(PlacedRow(pointer, made))
        else:
            errors += made
        if len(errors) >= MOST_ERRORS:
            break
    if errors:
        raise MetricsRefused("Correct what `errors` names and send all of it again.", errors=errors)
    if not figures:
        raise UnreadableCsv("There are no figures behind the header.")
    return figures


def _decode(content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    for attempt in (encoding,) if encoding else ("utf-8", "cp1252"):
        try:
            text = content.decode(attempt)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise UnreadableCsv("It is neither UTF-8, UTF-16 with a byte order mark, nor Windows-1252.")


def _read_rows(lines: list[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for row in reader:
            if len(row) > _MOST_COLUMNS or any(len(cell) > _LONGEST_CELL for cell in row):
                raise UnreadableCsv(f"Line {reader.line_num} has too many cells, or one that is too long.")
            yield reader.line_num, row
    except csv.Error:
        raise UnreadableCsv(f"Line {reader.line_num} is not well-formed CSV.") from None


def _find_columns(header: list[str]) -> Mapping[str, int]:
    names = [search_key(name.replace("_", " ").replace("-", " ")).replace(" ", "_") for name in header]
    known = [name for name in names if name in COLUMNS]
    if len(set(known)) != len(known):
        raise UnreadableCsv("A column is named twice.")
    lacking = [name for name in REQUIRED if name not in known]
    if "organization_id" not in known:
        lacking += [name for name in _ORGANIZATION[1:] if name not in known]
    if lacking:
        raise UnreadableCsv(f"The first line does not name these columns: {', '.join(lacking)}.")
    return {name: names.index(name) for name in known}


def read_figure(cells: Mapping[str, str], pointer: str) -> MetricRow | list[FieldError]:
    """Return the figure of a row, or its faults.

    Args:
        cells: by the name of the column.
        pointer: where the row is; the faults point below it.
    """
    values: dict[str, Any] = {name: _number(text) if name in _NUMBERS else text for name, text in cells.items() if text}
    external = {name: values.pop(f"organization_{name}", None) for name in ("source", "external_id")}
    if any(external.values()):
        values["organization"] = {name: value for name, value in external.items() if value is not None}
    try:
        return MetricRow.model_validate(values)
    except ValidationError as refused:
        steps = pointer.strip("/").split("/")
        return of_faults(faults_of(refused, *steps)).errors


def _number(text: str) -> int | str:
    """Return the number that a cell holds; text that the schema refuses where it holds none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else text
