"""Record the figures of metrics that a file has: all of them, or none."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from app.db.transaction import Tx
from app.errors import AppError, FieldError
from app.integrations.roster.files import Fault, RosterFile, UnreadableFile
from app.integrations.roster.import_service import Faulty, ImportReport
from app.integrations.roster.rows import too_many_cells
from app.integrations.roster.staging import MOST_FAULTS
from app.metrics.csv_rows import COLUMNS, REQUIRED, read_figure
from app.metrics.push_service import record_rows
from app.metrics.rows import PlacedRow
from app.metrics.schemas import MetricRow

FIELDS: Final = COLUMNS
#: The figures that one transaction records.
MOST_ROWS: Final = 50_000
_BEFORE_LINE: Final = "/body/lines/"
_NAMES: Final = frozenset({"organization_source", "organization_external_id"})


async def import_metrics(
    tx: Tx, path: Path, *, source: str | None, columns: Mapping[str, str], report: ImportReport
) -> ImportReport:
    """Record the figures of a file. Equal figures change nothing, and other numbers supersede those before them.

    Args:
        source: the system that reports, for rows that do not name one.
        columns: the header of each field that has another name.
        report: is filled in; ``changed`` counts the figures that supersede another one.

    Raises:
        UnreadableFile: the file is not well-formed, or has more than 50,000 figures.
        Faulty: some of its figures cannot be recorded.
    """
    required = frozenset(REQUIRED) - ({"source"} if source is not None else set())
    file = await asyncio.to_thread(RosterFile, path, columns, known=FIELDS, required=required)
    if not ("organization_id" in file.fields or file.fields >= _NAMES):
        raise UnreadableFile(f"No header of the file names: organization_id, or {' and '.join(sorted(_NAMES))}.")
    rows = await asyncio.to_thread(_read, file, source, report)
    try:
        recorded = await record_rows(tx, rows)
    except AppError as refused:
        _refuse([_to_fault(error) for error in refused.errors if error["pointer"].startswith(_BEFORE_LINE)])
        raise
    report.created, report.changed, report.unchanged = recorded.created, recorded.superseded, recorded.unchanged
    return report


def _read(file: RosterFile, source: str | None, report: ImportReport) -> list[PlacedRow]:
    rows: list[PlacedRow] = []
    faults: list[Fault] = []
    for cells in file.rows():
        report.rows += 1
        if report.rows > MOST_ROWS:
            raise UnreadableFile(f"The file has more than {MOST_ROWS} figures.")
        pointer = f"{_BEFORE_LINE}{cells.line}"
        if cells.values is None:
            faults.append(too_many_cells(cells.line))
            continue
        values = cells.values if cells.values.get("source") or source is None else {**cells.values, "source": source}
        made = read_figure(values, pointer)
        if isinstance(made, MetricRow):
            rows.append(PlacedRow(pointer, made))
        else:
            faults += map(_to_fault, made)
    _refuse(faults)
    if not rows:
        raise UnreadableFile("The file has no figures.")
    return rows


def _refuse(faults: Sequence[Fault]) -> None:
    """Refuse the file if there are faults.

    Raises:
        Faulty: there are.
    """
    if faults:
        raise Faulty(sorted(faults, key=lambda fault: fault.line or 0)[:MOST_FAULTS])


def _to_fault(error: FieldError) -> Fault:
    line, *steps = error["pointer"].removeprefix(_BEFORE_LINE).split("/")
    return Fault(int(line), "_".join(steps) or None, error["code"], error["message"])
