"""Figures that an operator imports from a file: all of them or none, and the same file again changes nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.integrations.roster.files import UnreadableFile
from app.integrations.roster.import_service import Faulty, ImportReport
from app.integrations.roster.metric_import import import_metrics
from app.integrations.roster.spreadsheets import as_csv
from app.principal import Grant, Role
from app.provisioning import operators_transaction
from app.tree.paths import segment
from tests.support.actors import Actor, Tenancy
from tests.support.exports import export
from tests.support.feed import end_of, read_all, seal
from tests.support.metrics import Site, csv_of, new_site, push

SMALL: dict[str, Any] = {"numerator": 3, "denominator": 4}


class Importer:
    """Imports contents as files of figures."""

    def __init__(self, tenancy: Tenancy, folder: Path) -> None:
        self.tenancy = tenancy
        self.path = folder / "figures.csv"

    async def __call__(self, content: str | bytes, **options: Any) -> tuple[int, int, int]:
        """Import a file. Return how many figures were created, superseded and unchanged."""
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)
        report, root_id = ImportReport(), UUID(self.tenancy.root_id)
        async with operators_transaction(self.tenancy.owner, self.tenancy.tenant_id) as tx:
            tx.principal = replace(tx.principal, grants=(Grant(Role.ADMIN, root_id, segment(root_id)),))
            await import_metrics(tx, self.path, report=report, **{"source": None, "columns": {}, **options})
        return report.created, report.changed, report.unchanged

    async def faults(self, content: str) -> list[tuple[int | None, str | None, str]]:
        """Import a file that must be refused. Return its faults."""
        with pytest.raises(Faulty) as refused:
            await self(content)
        return [(fault.line, fault.field, fault.code) for fault in refused.value.faults]


@pytest.fixture
def importer(tenancy: Tenancy, tmp_path: Path) -> Importer:
    return Importer(tenancy, tmp_path)


@pytest.fixture
async def site(tenancy: Tenancy) -> Site:
    return await new_site(tenancy)


async def test_a_file_is_recorded_once_and_corrected_by_other_numbers(
    site: Site, tenancy: Tenancy, admin: Actor, importer: Importer
) -> None:
    rows = [site.figure(), site.figure(source="hr", **SMALL)]
    assert await importer(csv_of(*rows)) == (2, 0, 0)
    after = await end_of(tenancy)
    # The operator sent the small figure, so repeating it tells them nothing.
    assert await importer(csv_of(*rows)) == (0, 0, 2)
    await seal(tenancy)
    assert await read_all(admin, after) == []
    assert await importer(csv_of(site.figure(numerator=35))) == (0, 1, 0)
    assert {one["recorded_by"] for one in await admin.items("/v1/metrics")} == {None}
    assert (await push(admin, site.figure(numerator=35))).json()["unchanged"] == 1


async def test_headers_encodings_and_a_source_for_all_rows_are_taken(
    site: Site, admin: Actor, importer: Importer
) -> None:
    row = {name: value for name, value in site.figure().items() if name != "source"}
    content = csv_of({**row, "Größe": "ü"}, separator=";").replace("numerator", "Zähler", 1).encode("cp1252")
    assert await importer(content, source="lms", columns={"numerator": "Zähler"}) == (1, 0, 0)
    [stored] = await admin.items("/v1/metrics")
    assert (stored["source"], stored["numerator"]) == ("lms", 34)


async def test_an_exported_workbook_of_figures_changes_nothing(
    site: Site, admin: Actor, importer: Importer, tmp_path: Path
) -> None:
    await push(admin, site.figure(), site.figure(source="hr", numerator=0))
    importer.path.write_bytes((await export(admin, "/v1/metrics", "xlsx")).content)
    table = await as_csv(importer.path, tmp_path, None)
    assert await importer(table.read_bytes()) == (0, 0, 2)


async def test_every_fault_names_its_line_and_nothing_is_recorded(site: Site, admin: Actor, importer: Importer) -> None:
    good, wrong = site.figure(), site.figure(source="hr", numerator="=1+1", period_end="31.03.2026")
    assert await importer.faults(csv_of(good, wrong, {**good, "x": "cell"})) == [
        (3, "numerator", "int_type"),
        (3, "period_end", "not_iso"),
        (4, None, "too_many_cells"),
    ]
    many = [site.figure(source=f"s{at}", metric="morale") for at in range(60)]
    assert await importer.faults(csv_of(good, *many)) == [(at + 3, "metric", "unknown_metric") for at in range(60)]
    april = site.figure(period_start="2025-03-31", period_end="2025-04-30")
    assert await importer.faults(csv_of(good, april)) == [(3, "period_start", "overlapping_period")]
    assert await admin.items("/v1/metrics") == []


async def test_an_archived_organization_is_a_fault_of_its_line(site: Site, admin: Actor, importer: Importer) -> None:
    assert (await admin.move(f"/v1/organizations/{site.id}", "archived", reason="Closed")).status_code == 200
    assert await importer.faults(csv_of(site.figure())) == [(2, None, "organization_archived")]


@pytest.mark.parametrize("lacking", ["source", "organization_id", "program_id"])
async def test_a_file_without_a_column_is_refused(site: Site, importer: Importer, lacking: str) -> None:
    row = {name: value for name, value in site.figure().items() if name != lacking}
    with pytest.raises(UnreadableFile, match=lacking):
        await importer(csv_of(row))
