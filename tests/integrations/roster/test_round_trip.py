"""People and organizations that are exported for an import can be imported again, and nothing changes."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.integrations.roster.test_import import Importer
from tests.support.accounts import problem
from tests.support.actors import Tenancy
from tests.support.exports import export, read_table
from tests.support.moves import ensure_true_paths
from tests.support.people import KNOWN, add_person
from tests.support.trees import TreeImporter


def of_source(external_id: str, **fields: Any) -> dict[str, Any]:
    return {"external_ids": [{"source": "hr", "external_id": external_id}], **fields}


async def test_an_export_that_is_imported_again_changes_nothing(tenancy: Tenancy, tmp_path: Path) -> None:
    site = await tenancy.organization(name="=North", external_ids=[{"source": "hr", "external_id": "-N"}])
    manager = await add_person(tenancy, site["id"], **of_source("+1", name="@Ann"))
    details = {**KNOWN, **of_source("=2", name="=HYPERLINK(1)", position="'=Coach", manager_id=manager["id"])}
    await add_person(tenancy, site["id"], **details)
    named = await tenancy.organization(name="Only by, name")
    quoted = {"name": "'t Hooft", "department": "'=", "position": "-5", "employment_status": "on_leave"}
    await add_person(tenancy, named["id"], **of_source("3", **quoted))
    await add_person(tenancy, named["id"], name="Of no source")
    exported = (await export(tenancy.admin, "/v1/people", source="hr")).content
    rows = read_table(exported)
    assert [row["organization"] for row in rows] == ["'-N", "'-N", "Only by, name"]
    assert (rows[1]["name"], rows[1]["position"], rows[1]["manager"]) == ("'=HYPERLINK(1)", "''=Coach", "'+1")
    assert [rows[2][name] for name in ("name", "department", "position")] == ["'t Hooft", "''=", "'-5"]
    before = await tenancy.admin.items("/v1/people")
    assert await Importer(tenancy, tmp_path)(exported.decode()) == (0, 0, 0, 3)
    assert await tenancy.admin.items("/v1/people") == before


async def test_a_roster_names_nobody_whose_details_are_hidden(tenancy: Tenancy) -> None:
    county = (await tenancy.organization())["id"]
    manager = await add_person(tenancy, **of_source("1"))
    await add_person(tenancy, county, **of_source("2", manager_id=manager["id"]))
    integrator, viewer = await tenancy.key(("integrator", county)), await tenancy.key(("viewer", tenancy.root_id))
    (row,) = read_table((await export(integrator, "/v1/people", source="hr")).content)
    assert (row["external_id"], row["manager"]) == ("2", "")
    assert read_table((await export(viewer, "/v1/people", source="hr")).content) == []


async def test_other_lists_have_no_form_of_an_import(tenancy: Tenancy) -> None:
    assert problem(await export(tenancy.admin, "/v1/programs", source="hr")) == (422, "invalid_filters")


async def add_tree(tenancy: Tenancy) -> None:
    """Add a tree with texts that look like formulas, and archived organizations with one below that is not."""
    north = await tenancy.organization(**of_source("-N", name="=North", kind="region", timezone="America/Denver"))
    closed = await tenancy.organization(north["id"], **of_source("2", name="Closed", staff_count=0))
    await tenancy.organization(closed["id"], **of_source("3", name="'@Team", kind="team"))
    await tenancy.admin.move(f"/v1/organizations/{closed['id']}", "archived")


async def export_tree(actor: Any) -> str:
    return (await export(actor, "/v1/organizations", source="hr")).content.decode("utf-8-sig")


@pytest.mark.parametrize("mode", ["merge", "replace"])
async def test_a_tree_that_is_imported_again_does_not_change(
    tenancy: Tenancy, import_tree: TreeImporter, mode: str
) -> None:
    await add_tree(tenancy)
    unlinked = await tenancy.organization(name="Without an id")
    await tenancy.organization(unlinked["id"], **of_source("4"))
    exported = await export_tree(tenancy.admin)
    assert [(row["external_id"], row["parent"]) for row in read_table(exported.encode())] == [
        *(("'-N", ""), ("2", "'-N"), ("3", "2"), ("4", "Without an id"))
    ]
    before = await tenancy.admin.items("/v1/organizations")
    assert await import_tree(exported, mode) == (0, 0, 0, 4)
    assert await tenancy.admin.items("/v1/organizations") == before


async def test_a_tree_can_be_built_again_in_an_empty_tenant(
    tenancy: Tenancy, other_tenancy: Tenancy, database: asyncpg.Connection, tmp_path: Path
) -> None:
    await add_tree(tenancy)
    exported = await export_tree(tenancy.admin)
    assert await TreeImporter(other_tenancy, tmp_path)(exported) == (3, 0, 0, 0)
    assert await export_tree(other_tenancy.admin) == exported
    await ensure_true_paths(database, other_tenancy.tenant_id)


async def test_a_tree_names_no_parent_out_of_sight(tenancy: Tenancy) -> None:
    region = await tenancy.organization(**of_source("r"))
    county = await tenancy.organization(region["id"], **of_source("c"))
    viewer = await tenancy.key(("viewer", county["id"]))
    assert [(row["external_id"], row["parent"]) for row in read_table((await export_tree(viewer)).encode())] == [
        ("c", "")
    ]
