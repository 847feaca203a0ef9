"""Importing organizations: the tree is in step with the file afterwards, or nothing has happened."""

from typing import Any

import pytest

from app.integrations.roster.import_service import Suspicious
from tests.support.actors import Actor, Tenancy
from tests.support.feed import end_of, read_all, seal
from tests.support.trees import HEADER, TreeImporter

FIRST = HEADER + "c1,North  County,County,r1,,40\nr1,Région,region,,America/Chicago,\nc2,South,county,r1,,\n"


async def by_id(admin: Actor) -> dict[str, Any]:
    found = await admin.items("/v1/organizations")
    return {ids[0]["external_id"]: one for one in found if (ids := one["external_ids"])}


async def test_a_file_makes_a_tree_whatever_the_order_of_its_rows(
    tenancy: Tenancy, admin: Actor, import_tree: TreeImporter
) -> None:
    assert await import_tree(FIRST) == (3, 0, 0, 0)
    found = await by_id(admin)
    assert found["r1"]["parent_id"] == tenancy.root_id
    north = found["c1"]
    assert (north["name"], north["kind"], north["parent_id"]) == ("North County", "county", found["r1"]["id"])
    assert (north["staff_count"], north["effective_timezone"]) == (40, "America/Chicago")


async def test_the_same_file_again_changes_nothing(tenancy: Tenancy, admin: Actor, import_tree: TreeImporter) -> None:
    await import_tree(FIRST, "replace")
    before, after = await by_id(admin), await end_of(tenancy)
    assert await import_tree(FIRST, "replace") == (0, 0, 0, 3)
    assert await by_id(admin) == before
    await seal(tenancy)
    assert await read_all(admin, after) == []


async def test_organizations_change_places_and_fields(
    tenancy: Tenancy, admin: Actor, import_tree: TreeImporter
) -> None:
    await import_tree(FIRST)
    after = await end_of(tenancy)
    # The parent goes below its former child.
    text = HEADER + "r1,Région,region,c1,,\nc1,North County,county,,,41\nc2,South,county,r1,,\n"
    assert await import_tree(text) == (0, 2, 0, 1)
    found = await by_id(admin)
    assert (found["c1"]["parent_id"], found["c1"]["staff_count"]) == (tenancy.root_id, 41)
    assert (found["r1"]["parent_id"], found["c2"]["parent_id"]) == (found["c1"]["id"], found["r1"]["id"])
    await seal(tenancy)
    events = [(one["type"], one["subject_id"]) for one in await read_all(admin, after, types="organization.moved")]
    assert events == [("organization.moved", found[name]["id"]) for name in ("c1", "r1")]


async def test_what_a_whole_file_lacks_is_archived_and_restored(admin: Actor, import_tree: TreeImporter) -> None:
    rows = [f"c{number},County {number},county,,," for number in range(20)]
    await import_tree(HEADER + "\n".join(rows))
    assert await import_tree(HEADER + "\n".join(rows[:19])) == (0, 0, 0, 19)
    assert await import_tree(HEADER + "\n".join(rows[:19]), "replace") == (0, 0, 1, 19)
    assert (await by_id(admin))["c19"]["status"] == "archived"
    assert await import_tree(HEADER + "\n".join(rows), "replace") == (0, 1, 0, 19)
    assert (await by_id(admin))["c19"]["status"] == "active"


@pytest.mark.parametrize(("text", "said"), [(HEADER, "no rows"), (FIRST.rpartition("c2")[0], "1 of 3")])
async def test_a_whole_file_that_archives_too_much_is_not_believed(
    admin: Actor, import_tree: TreeImporter, text: str, said: str
) -> None:
    await import_tree(FIRST)
    before = await by_id(admin)
    with pytest.raises(Suspicious, match=said):
        await import_tree(text, "replace")
    assert await by_id(admin) == before
    assert (await import_tree(text, "replace", force=True))[2] > 0


async def test_faults_of_rows_are_reported_and_nothing_is_imported(admin: Actor, import_tree: TreeImporter) -> None:
    rows = ["a,A,county,b,,", "b,B,county,a,,", "c,C,county,,,"]
    assert await import_tree.faults(HEADER + "\n".join(rows)) == [(2, "organization_cycle"), (3, "organization_cycle")]
    rows = ["c,C,county,,,", "c,D,county,,,", "d,D,castle,,,", "e,E,county,x,,", "f,F,county,,Mars/Base,"]
    assert await import_tree.faults(HEADER + "\n".join(rows)) == [
        (3, "repeated_external_id"),
        (4, "enum"),
        (5, "unknown_organization"),
        (6, "unknown_timezone"),
    ]
    assert await by_id(admin) == {}


async def test_a_rule_of_the_tree_refuses_the_whole_file(
    tenancy: Tenancy, admin: Actor, import_tree: TreeImporter
) -> None:
    await import_tree(FIRST)
    below = await tenancy.organization((await by_id(admin))["c1"]["id"], name="Unlinked")
    ids = [{"source": "hr", "external_id": "deep"}]
    await tenancy.organization(below["id"], name="Deep", external_ids=ids)
    before = await by_id(admin)
    assert await import_tree.faults(HEADER + "c3,New,county,,,\nc1,North County,county,deep,,40\n") == [
        (3, "organization_cycle")
    ]
    assert await by_id(admin) == before


async def test_what_stays_below_something_missing_is_reported(admin: Actor, import_tree: TreeImporter) -> None:
    await import_tree(FIRST)
    assert await import_tree.faults(HEADER + "c1,North County,county,r1,,40\n", "replace", force=True) == [
        (2, "organization_archived")
    ]
    assert {one["status"] for one in (await by_id(admin)).values()} == {"active"}
