"""The command that imports a roster."""

import csv
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from app.cli_parsers import checked
from app.cli_support import PLAIN, AsJson, TenantSlug, in_tenant, notify, show
from app.db.transaction import Tx
from app.integrations.roster.files import FIELDS, Fault
from app.integrations.roster.import_service import Faulty, ImportMode, ImportReport, import_people
from app.integrations.roster.spreadsheets import as_csv
from app.schemas import Key

commands = typer.Typer(help="Import rosters.", **PLAIN)


class _Rehearsed(Exception):
    """Ends the transaction of a dry run, so that nothing of it is kept."""


@commands.callback()
def _root() -> None:
    pass


def _column(text: str) -> tuple[str, str]:
    field, is_given, header = text.partition("=")
    if not is_given or field not in FIELDS or not header.strip():
        raise typer.BadParameter(f"say FIELD=HEADER, with FIELD one of {', '.join(FIELDS)}")
    return field, header


@commands.command()
def people(
    *,
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, readable=True, help="A CSV file, or a workbook (.xlsx, .ods)."),
    ],
    tenant: TenantSlug,
    source: Annotated[str, typer.Option(help="The system that the file comes from.", callback=checked(Key))],
    mode: Annotated[
        ImportMode, typer.Option(help="replace: the file is whole, and people of the source who are not in it leave.")
    ] = ImportMode.MERGE,
    column: Annotated[
        list[Any] | None,
        typer.Option(
            parser=_column, metavar="FIELD=HEADER", help="Repeatable; a header of another name. Kept for the source."
        ),
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="The sheet of a workbook; by default the first one.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Believe a whole file that is empty, much shorter, or ends much.")
    ] = False,
    errors: Annotated[Path | None, typer.Option(help="Where to write the faults of rows, as CSV.")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring people in step with a CSV file: all of it, or nothing. The same file again changes nothing."""
    report = ImportReport(progress=_show_progress)

    async def work(tx: Tx, _root_id: UUID) -> None:
        with tempfile.TemporaryDirectory(prefix="fa-import-") as folder:
            await bring(tx, await as_csv(file, Path(folder), sheet))

    async def bring(tx: Tx, table: Path) -> None:
        await import_people(tx, table, source=source, columns=dict(column or ()), mode=mode, force=force, report=report)
        if dry_run:
            raise _Rehearsed

    try:
        in_tenant(tenant, work)
    except _Rehearsed:
        pass
    except Faulty as refused:
        _report_faults(refused.faults, errors)
        raise
    counts = {name: getattr(report, name) for name in ("rows", "created", "changed", "left", "unchanged")}
    show({**counts, "dry_run": dry_run}, as_json)


async def _show_progress(report: ImportReport) -> None:
    if sys.stderr.isatty():
        done = report.created + report.changed + report.left
        typer.echo(f"\r{done} people of {report.rows} rows written", nl=False, err=True)


def _report_faults(faults: Sequence[Fault], path: Path | None) -> None:
    if path is None:
        for fault in faults[:20]:
            notify(f"line {fault.line}, {fault.field or 'row'}: {fault.message} ({fault.code})")
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "field", "code", "message"])
        writer.writerows([fault.line, fault.field, fault.code, fault.message] for fault in faults)
