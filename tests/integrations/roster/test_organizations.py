"""Importing organizations: the tree is in step with the file afterwards, or nothing has happened."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.integrations.roster.import_service import Faulty, ImportMode, ImportReport, Suspicious
from app.integrations.roster.organization_import import import_organizations
from app.principal import Grant, Role
from app.provisioning import operators_transaction
from app.tree.paths import segment
from tests.support.actors import Actor, Tenancy
from tests.support.feed import end_of, read_all, seal

HEADER = "external_id,name,kind,parent,timezone,staff_count\n"
FIRST = HEADER + "c1,North  County,County,r1,,40\nr1,Région,region,,America/Chicago,\nc2,South,county,r1,,\n"


class Importer:
    """Imports texts as files of one source."""

    def __init__(self, tenancy: Tenancy, folder: Path) -> None:
        self.tenancy = tenancy
        self.path = folder / "organizations.csv"

    async def __call__(self, text: str, mode: str = "merge", *, force: bool = False) -> tuple[int, int, int, int]:
        """Import a file. Return how many organizations were created, changed, archived and unchanged."""
        self.path.write_text(text, encoding="utf-8")
        report, root_id = ImportReport(), UUID(self.tenancy.root_id)
        async with operators_transaction(self.tenancy.owner, self.tenancy.tenant_id) as tx:
            tx.principal = replace(tx.principal, grants=(Grant(Role.ADMIN, root_id, segment(root_id)),))
            await import_organizations(
                tx,
                self.path,
                root_id=root_id,
                source="hr",
                columns={},
                mode=ImportMode(mode),
                force=force,
                report=report,
            )
        return report.created, report.changed, report.left, report.unchanged

    async def faults(self, text: str, mode: str = "merge", *, force: bool = False) -> list[tuple[int | None, str]]:
        """Import a file that must be refused. Return its faults."""
        with pytest.raises(Faulty) as refused:
            await self(text, mode, force=force)
        return [(fault.line, fault.code) for fault in refused.value.faults]


@pytest.fixture
def importer(tenancy: Tenancy, tmp_path: Path) -> Importer:
    return Importer(tenancy, tmp_path)


async def by_id(admin: Actor) -> dict[str, Any]:
    found = await admin.items("/v1/organizations")
    return {ids[0]["external_id"]: one for one in found if (ids := one["external_ids"])}


async def test_a_file_makes_a_tree_whatever_the_order_of_its_rows(
    tenancy: Tenancy, admin: Actor, importer: Importer
) -> None:
    assert await importer(FIRST) == (3, 0, 0, 0)
    found = await by_id(admin)
    assert found["r1"]["parent_id"] == tenancy.root_id
    north = found["c1"]
    assert (north["name"], north["kind"], north["parent_id"]) == ("North County", "county", found["r1"]["id"])
    assert (north["staff_count"], north["effective_timezone"]) == (40, "America/Chicago")


async def test_the_same_file_again_changes_nothing(tenancy: Tenancy, admin: Actor, importer: Importer) -> None:
    await importer(FIRST, "replace")
    before, after = await by_id(admin), await end_of(tenancy)
    assert await importer(FIRST, "replace") == (0, 0, 0, 3)
    assert await by_id(admin) == before
    await seal(tenancy)
    assert await read_all(admin, after) == []


async def test_organizations_change_places_and_fields(tenancy: Tenancy, admin: Actor, importer: Importer) -> None:
    await importer(FIRST)
    after = await end_of(tenancy)
    # The parent goes below its former child.
    text = HEADER + "r1,Région,region,c1,,\nc1,North County,county,,,41\nc2,South,county,r1,,\n"
    assert await importer(text) == (0, 2, 0, 1)
    found = await by_id(admin)
    assert (found["c1"]["parent_id"], found["c1"]["staff_count"]) == (tenancy.root_id, 41)
    assert (found["r1"]["parent_id"], found["c2"]["parent_id"]) == (found["c1"]["id"], found["r1"]["id"])
    await seal(tenancy)
    events = [(one["type"], one["subject_id"]) for one in await read_all(admin, after, types="organization.moved")]
    assert events == [("organization.moved", found[name]["id"]) for name in ("c1", "r1")]


async def test_what_a_whole_file_lacks_is_archived_and_restored(admin: Actor, importer: Importer) -> None:
    rows = [f"c{number},County {number},county,,," for number in range(20)]
    await importer(HEADER + "\n".join(rows))
    assert await importer(HEADER + "\n".join(rows[:19])) == (0, 0, 0, 19)
    assert await importer(HEADER + "\n".join(rows[:19]), "replace") == (0, 0, 1, 19)
    assert (await by_id(admin))["c19"]["status"] == "archived"
    assert await importer(HEADER + "\n".join(rows), "replace") == (0, 1, 0, 19)
    assert (await by_id(admin))["c19"]["status"] == "active"


@pytest.mark.parametrize(("text", "said"), [(HEADER, "no rows"), (FIRST.rpartition("c2")[0], "1 of 3")])
async def test_a_whole_file_that_archives_too_much_is_not_believed(
    admin: Actor, importer: Importer, text: str, said: str
) -> None:
    await importer(FIRST)
    before = await by_id(admin)
    with pytest.raises(Suspicious, match=said):
        await importer(text, "replace")
    assert await by_id(admin) == before
    assert (await importer(text, "replace", force=True))[2] > 0


async def test_faults_of_rows_are_reported_and_nothing_is_imported(admin: Actor, importer: Importer) -> None:
    rows = ["a,A,county,b,,", "b,B,county,a,,", "c,C,county,,,"]
    assert await importer.faults(HEADER + "\n".join(rows)) == [(2, "organization_cycle"), (3, "organization_cycle")]
    rows = ["c,C,county,,,", "c,D,county,,,", "d,D,castle,,,", "e,E,county,x,,", "f,F,county,,Mars/Base,"]
    assert await importer.faults(HEADER + "\n".join(rows)) == [
        (3, "repeated_external_id"),
        (4, "enum"),
        (5, "unknown_organization"),
        (6, "unknown_timezone"),
    ]
    assert await by_id(admin) == {}


async def test_a_rule_of_the_tree_refuses_the_whole_file(tenancy: Tenancy, admin: Actor, importer: Importer) -> None:
    await importer(FIRST)
    below = await tenancy.organization((await by_id(admin))["c1"]["id"], name="Unlinked")
    ids = [{"source": "hr", "external_id": "deep"}]
    await tenancy.organization(below["id"], name="Deep", external_ids=ids)
    before = await by_id(admin)
    assert await importer.faults(HEADER + "c3,New,county,,,\nc1,North County,county,deep,,40\n") == [
        (3, "organization_cycle")
    ]
    assert await by_id(admin) == before


async def test_what_stays_below_something_missing_is_reported(admin: Actor, importer: Importer) -> None:
    await importer(FIRST)
    assert await importer.faults(HEADER + "c1,North County,county,r1,,40\n", "replace", force=True) == [
        (2, "organization_archived")
    ]
    assert {one["status"] for one in (await by_id(admin)).values()} == {"active"}
