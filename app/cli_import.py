"""The commands that import people, organizations and metrics."""

import csv
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from app.cli_parsers import checked
from app.cli_progress import Advance, show_progress
from app.cli_support import PLAIN, AsJson, TenantSlug, in_tenant, notify, show
from app.db.transaction import Tx
from app.integrations.roster.files import FIELDS, Fault
from app.integrations.roster.import_service import Faulty, ImportMode, ImportReport, import_people
from app.integrations.roster.metric_import import FIELDS as METRIC_FIELDS
from app.integrations.roster.metric_import import import_metrics
from app.integrations.roster.oneroster import StaffReport, open_people
from app.integrations.roster.organization_import import import_organizations
from app.integrations.roster.organization_rows import ORGANIZATION_FIELDS
from app.integrations.roster.spreadsheets import as_csv
from app.principal import Grant, Role
from app.schemas import Key
from app.tree.paths import segment

commands = typer.Typer(help="Import people, organizations and metrics.", **PLAIN)


class _Rehearsed(Exception):
    """Ends the transaction of a dry run, so that nothing of it is kept."""


@commands.callback()
def _root() -> None:
    pass


def _column_of(fields: Sequence[str]) -> Callable[[str], tuple[str, str]]:
    """Return the parser of an option that names the header of one of these fields."""

    def parse(text: str) -> tuple[str, str]:
        field, is_given, header = text.partition("=")
        if not is_given or field not in fields or not header.strip():
            raise typer.BadParameter(f"say FIELD=HEADER, with FIELD one of {', '.join(fields)}")
        return field, header

    return parse


_TABLE: Any = {"exists": True, "dir_okay": False, "readable": True}
_FILE = typer.Argument(**_TABLE, help="A CSV file, or a workbook (.xlsx, .ods).")
_PEOPLE_FILE = typer.Argument(**_TABLE, help="A CSV file, a workbook (.xlsx, .ods), or a OneRoster 1.1 archive (.zip).")
_COLUMN_HELP: Any = {"metavar": "FIELD=HEADER", "help": "Repeatable; a header of another name. Kept for the source."}
_METRIC_COLUMN_HELP: Any = {**_COLUMN_HELP, "help": "Repeatable; a header of another name."}
Source = Annotated[str, typer.Option(help="The system that the file comes from.", callback=checked(Key))]
Sheet = Annotated[str | None, typer.Option(help="The sheet of a workbook; by default the first one.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing.")]
Errors = Annotated[Path | None, typer.Option(help="Where to write the faults of rows, as CSV.")]
#: Gets the transaction, the root, the folder for what a file is converted to, and the report.
Bring = Callable[[Tx, UUID, Path, ImportReport], Awaitable[object]]


@commands.command()
def people(
    *,
    file: Annotated[Path, _PEOPLE_FILE],
    tenant: TenantSlug,
    source: Source,
    mode: Annotated[
        ImportMode, typer.Option(help="replace: the file is whole, and people of the source who are not in it leave.")
    ] = ImportMode.MERGE,
    column: Annotated[list[Any] | None, typer.Option(parser=_column_of(FIELDS), **_COLUMN_HELP)] = None,
    sheet: Sheet = None,
    dry_run: DryRun = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Believe a whole file that ends much, and rows that seem one person.",
        ),
    ] = False,
    errors: Errors = None,
    as_json: AsJson = False,
) -> None:
    """Bring people in step with a file: all of it, or nothing. The same file again changes nothing."""
    columns = dict(column or ())
    staff: StaffReport | None = None

    async def bring(tx: Tx, _root_id: UUID, folder: Path, report: ImportReport) -> None:
        nonlocal staff
        table = await open_people(file, folder, sheet)
        staff = table.staff
        await import_people(
            tx, table.path, source=source, columns=columns, mode=mode, force=force, report=report, staff=staff
        )

    report = _import(bring, tenant, dry_run=dry_run, errors=errors)
    counts = {name: getattr(report, name) for name in ("rows", "created", "changed", "left", "unchanged")}
    show({**counts, **_left_out(staff), "dry_run": dry_run}, as_json)


@commands.command()
def organizations(
    *,
    file: Annotated[Path, _FILE],
    tenant: TenantSlug,
    source: Source,
    mode: Annotated[
        ImportMode,
        typer.Option(help="replace: the file is whole; organizations of the source that are not in it are archived."),
    ] = ImportMode.MERGE,
    column: Annotated[list[Any] | None, typer.Option(parser=_column_of(ORGANIZATION_FIELDS), **_COLUMN_HELP)] = None,
    sheet: Sheet = None,
    dry_run: DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Believe a whole file that archives much.")] = False,
    errors: Errors = None,
    as_json: AsJson = False,
) -> None:
    """Bring the organization tree in step with a file: all of it, or nothing. The same file again changes nothing."""
    columns = dict(column or ())

    async def bring(tx: Tx, root_id: UUID, folder: Path, report: ImportReport) -> None:
        table = await as_csv(file, folder, sheet)
        _become_admin(tx, root_id)
        await import_organizations(tx, table, source=source, columns=columns, mode=mode, force=force, report=report)

    report = _import(bring, tenant, dry_run=dry_run, errors=errors)
    counts = {name: getattr(report, name) for name in ("rows", "created", "changed", "unchanged")}
    show({**counts, "archived": report.left, "dry_run": dry_run}, as_json)


@commands.command()
def metrics(
    *,
    file: Annotated[Path, _FILE],
    tenant: TenantSlug,
    source: Annotated[
        str | None, typer.Option(help="The system that reports, for rows without one.", callback=checked(Key))
    ] = None,
    column: Annotated[list[Any] | None, typer.Option(parser=_column_of(METRIC_FIELDS), **_METRIC_COLUMN_HELP)] = None,
    sheet: Sheet = None,
    dry_run: DryRun = False,
    errors: Errors = None,
    as_json: AsJson = False,
) -> None:
    """Record the figures of a file: all of them, or none. The same file again changes nothing."""

    async def bring(tx: Tx, root_id: UUID, folder: Path, report: ImportReport) -> None:
        table = await as_csv(file, folder, sheet)
        _become_admin(tx, root_id)
        await import_metrics(tx, table, source=source, columns=dict(column or ()), report=report)

    report = _import(bring, tenant, dry_run=dry_run, errors=errors)
    counts = {"rows": report.rows, "created": report.created, "superseded": report.changed}
    show({**counts, "unchanged": report.unchanged, "dry_run": dry_run}, as_json)


def _become_admin(tx: Tx, root_id: UUID) -> None:
    """Give the operator the role that the API asks for: they may do everything."""
    tx.principal = replace(tx.principal, grants=(Grant(Role.ADMIN, root_id, segment(root_id)),))


def _left_out(staff: StaffReport | None) -> dict[str, Any]:
    """Return what was left out of a OneRoster archive."""
    return {} if staff is None else {**staff.counts, "files_not_read": list(staff.files_not_read)}


def _import(bring: Bring, tenant: str, *, dry_run: bool, errors: Path | None) -> ImportReport:
    """Import a file in one transaction, and report the faults of its rows."""
    report = ImportReport()

    async def work(tx: Tx, root_id: UUID) -> None:
        with tempfile.TemporaryDirectory(prefix="fa-import-") as folder:
            await bring(tx, root_id, Path(folder), report)
        if dry_run:
            raise _Rehearsed

    try:
        with show_progress("Importing") as advance:
            report.progress = _advancing(advance)
            in_tenant(tenant, work)
    except _Rehearsed:
        pass
    except Faulty as refused:
        _report_faults(refused.faults, errors)
        raise
    return report


def _advancing(advance: Advance) -> Callable[[ImportReport], Awaitable[None]]:
    async def progress(report: ImportReport) -> None:
        advance(report.created + report.changed + report.left, report.total)

    return progress


def _report_faults(faults: Sequence[Fault], path: Path | None) -> None:
    if path is None:
        for fault in faults[:20]:
            notify(f"line {fault.line}, {fault.field or 'row'}: {fault.message} ({fault.code})")
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "field", "code", "message"])
        writer.writerows([fault.line, fault.field, fault.code, fault.message] for fault in faults)
