"""The commands that import people, organizations and metrics."""

import csv
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from app.cli_parsers import checked
from app.cli_support import PLAIN, AsJson, TenantSlug, in_tenant, notify, show
from app.db.transaction import Tx
from app.integrations.roster.files import FIELDS, Fault
from app.integrations.roster.import_service import Faulty, ImportMode, ImportReport, import_people
from app.integrations.roster.metric_import import FIELDS as METRIC_FIELDS
from app.integrations.roster.metric_import import import_metrics
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


_FILE = typer.Argument(exists=True, dir_okay=False, readable=True, help="A CSV file, or a workbook (.xlsx, .ods).")
_COLUMN_HELP: Any = {"metavar": "FIELD=HEADER", "help": "Repeatable; a header of another name. Kept for the source."}
_METRIC_COLUMN_HELP: Any = {**_COLUMN_HELP, "help": "Repeatable; a header of another name."}
Source = Annotated[str, typer.Option(help="The system that the file comes from.", callback=checked(Key))]
Sheet = Annotated[str | None, typer.Option(help="The sheet of a workbook; by default the first one.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing.")]
Errors = Annotated[Path | None, typer.Option(help="Where to write the faults of rows, as CSV.")]
Bring = Callable[[Tx, UUID, Path, ImportReport], Awaitable[object]]


@commands.command()
def people(
    *,
    file: Annotated[Path, _FILE],
    tenant: TenantSlug,
    source: Source,
    mode: Annotated[
        ImportMode, typer.Option(help="replace: the file is whole, and people of the source who are not in it leave.")
    ] = ImportMode.MERGE,
    column: Annotated[list[Any] | None, typer.Option(parser=_column_of(FIELDS), **_COLUMN_HELP)] = None,
    sheet: Sheet = None,
    dry_run: DryRun = False,
    force: Annotated[
        bool, typer.Option("--force", help="Believe a whole file that is empty, much shorter, or ends much.")
    ] = False,
    errors: Errors = None,
    as_json: AsJson = False,
) -> None:
    """Bring people in step with a file: all of it, or nothing. The same file again changes nothing."""
    columns = dict(column or ())

    async def bring(tx: Tx, _root_id: UUID, table: Path, report: ImportReport) -> None:
        await import_people(tx, table, source=source, columns=columns, mode=mode, force=force, report=report)

    report = _import(bring, tenant, file, sheet, dry_run=dry_run, errors=errors)
    counts = {name: getattr(report, name) for name in ("rows", "created", "changed", "left", "unchanged")}
    show({**counts, "dry_run": dry_run}, as_json)


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

    async def bring(tx: Tx, root_id: UUID, table: Path, report: ImportReport) -> None:
        _become_admin(tx, root_id)
        await import_organizations(tx, table, source=source, columns=columns, mode=mode, force=force, report=report)

    report = _import(bring, tenant, file, sheet, dry_run=dry_run, errors=errors)
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

    async def bring(tx: Tx, root_id: UUID, table: Path, report: ImportReport) -> None:
        _become_admin(tx, root_id)
        await import_metrics(tx, table, source=source, columns=dict(column or ()), report=report)

    report = _import(bring, tenant, file, sheet, dry_run=dry_run, errors=errors)
    counts = {"rows": report.rows, "created": report.created, "superseded": report.changed}
    show({**counts, "unchanged": report.unchanged, "dry_run": dry_run}, as_json)


def _become_admin(tx: Tx, root_id: UUID) -> None:
    """Give the operator the role that the API asks for: they may do everything."""
    tx.principal = replace(tx.principal, grants=(Grant(Role.ADMIN, root_id, segment(root_id)),))


def _import(
    bring: Bring, tenant: str, file: Path, sheet: str | None, *, dry_run: bool, errors: Path | None
) -> ImportReport:
    """Import a file in one transaction, and report the faults of its rows."""
    report = ImportReport(progress=_show_progress)

    async def work(tx: Tx, root_id: UUID) -> None:
        with tempfile.TemporaryDirectory(prefix="fa-import-") as folder:
            await bring(tx, root_id, await as_csv(file, Path(folder), sheet), report)
        if dry_run:
            raise _Rehearsed

    try:
        in_tenant(tenant, work)
    except _Rehearsed:
        pass
    except Faulty as refused:
        _report_faults(refused.faults, errors)
        raise
    return report


async def _show_progress(report: ImportReport) -> None:
    if sys.stderr.isatty():
        done = report.created + report.changed + report.left
        typer.echo(f"\r{done} of {report.rows} rows written", nl=False, err=True)


def _report_faults(faults: Sequence[Fault], path: Path | None) -> None:
    if path is None:
        for fault in faults[:20]:
            notify(f"line {fault.line}, {fault.field or 'row'}: {fault.message} ({fault.code})")
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "field", "code", "message"])
        writer.writerows([fault.line, fault.field, fault.code, fault.message] for fault in faults)
