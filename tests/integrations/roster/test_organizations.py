"""Importing organizations: the tree is in step with the file afterwards, or nothing has happened."""

import random
from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from app.integrations.roster.import_service import ImportReport, Suspicious
from tests.support.actors import Actor, Tenancy
from tests.support.feed import end_of, read_all, seal
from tests.support.moves import SEED, ensure_true_paths
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


async def test_a_parent_can_be_named_by_its_name(tenancy: Tenancy, admin: Actor, import_tree: TreeImporter) -> None:
    for name in ("Nörth  Region", "Twin", "Twin"):
        await tenancy.organization(name=name)
    assert await import_tree(HEADER + "a,A,county,north region,,\nb,B,county,a,,\n") == (2, 0, 0, 0)
    [north] = await admin.items("/v1/organizations", q="north region")
    assert (await by_id(admin))["a"]["parent_id"] == north["id"]
    # An external id comes before a name.
    await tenancy.organization(name="a")
    assert await import_tree(HEADER + "b,B,county,a,,\n") == (0, 0, 0, 1)
    assert await import_tree.faults(HEADER + "c,C,county,Twin,,\nd,D,county,Nowhere,,\n") == [
        (2, "ambiguous_organization"),
        (3, "unknown_organization"),
    ]


async def test_two_rows_of_one_organization_are_reported(tenancy: Tenancy, import_tree: TreeImporter) -> None:
    """Otherwise each night would change the organization back and forth."""
    await tenancy.organization(external_ids=[{"source": "hr", "external_id": name} for name in ("1", "2")])
    assert await import_tree.faults(HEADER + "1,A,site,,,\n2,B,site,,,\n") == [(3, "repeated_organization")]
    # A whole file names it by either id.
    assert await import_tree(HEADER + "2,Site,site,,,\n", "replace") == (0, 0, 0, 1)


async def test_the_root_is_not_changed_by_a_file(tenancy: Tenancy, admin: Actor, import_tree: TreeImporter) -> None:
    body = {"external_ids": [{"source": "hr", "external_id": "root"}]}
    answer = await admin.patch(f"/v1/organizations/{tenancy.root_id}", body, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    assert await import_tree(HEADER + "root,Test agency,agency,,,\na,A,site,root,,\n", "replace") == (1, 0, 0, 1)
    assert await import_tree.faults(HEADER + "root,Renamed,agency,,,\n") == [(2, "root_organization")]


def chain(first: int, count: int, parent: str = "") -> str:
    """Return rows of organizations, each below the one before."""
    names = [parent, *(str(number) for number in range(first, first + count))]
    return "".join(f"{name},Unit,team,{above},,\n" for above, name in pairwise(names))


async def test_the_tree_does_not_grow_too_deep(admin: Actor, import_tree: TreeImporter) -> None:
    assert await import_tree.faults(HEADER + chain(1, 66)) == [(66, "tree_too_deep")]
    assert await import_tree(HEADER + chain(1, 64)) == (64, 0, 0, 0)
    await import_tree(HEADER + chain(101, 2))
    # The lowest one moves too deep with the one above it, which the file names.
    assert await import_tree.faults(HEADER + "1,Unit,team,101,,\n") == [(2, "tree_too_deep")]
    assert (await by_id(admin))["64"]["depth"] == 64


async def test_an_archived_organization_takes_nothing_new(admin: Actor, import_tree: TreeImporter) -> None:
    await import_tree(FIRST)
    region = (await by_id(admin))["r1"]
    await admin.move(f"/v1/organizations/{region['id']}", "archived")
    rows = "c3,New,county,r1,,\nx,Other,county,,,\n"
    assert await import_tree.faults(HEADER + rows + "x2,Team,team,c1,,\n") == [
        (2, "organization_archived"),
        (4, "organization_archived"),
    ]
    await import_tree(HEADER + "x,Other,county,,,\n")
    assert await import_tree.faults(HEADER + "x,Other,county,r1,,\n") == [(2, "organization_archived")]
    # What was below it before may change, and leave it.
    assert await import_tree(HEADER + "c1,Renamed,county,r1,,\nc2,South,county,,,\n") == (0, 2, 0, 0)
    whole = FIRST + rows
    assert await import_tree(whole, "replace", force=True) == (1, 3, 0, 1)


async def test_a_file_may_say_what_is_archived(
    tenancy: Tenancy, admin: Actor, database: asyncpg.Connection, import_tree: TreeImporter
) -> None:
    head, after = "external_id,name,kind,parent,status\n", await end_of(tenancy)
    rows = "r,R,region,,Archived\nc,C,county,r,\n"
    assert await import_tree(head + rows) == (2, 0, 0, 0)
    found = await by_id(admin)
    assert (found["r"]["status"], found["c"]["status"]) == ("archived", "active")
    assert found["c"]["archived_by_id"] == found["r"]["id"]
    assert await import_tree(head + rows, "replace") == (0, 0, 0, 2)
    assert await import_tree(head + rows.replace("Archived", "active") + "n,N,county,c,\n") == (1, 1, 0, 1)
    await seal(tenancy)
    assert [one["type"].partition(".")[2] for one in await read_all(admin, after)] == [
        *("created", "created", "archived", "restored", "created")
    ]
    await ensure_true_paths(database, tenancy.tenant_id)


async def test_an_import_that_fails_late_leaves_nothing(admin: Actor, import_tree: TreeImporter) -> None:
    async def fail(_report: ImportReport) -> None:
        raise InterruptedError

    await import_tree(FIRST)
    before = await by_id(admin)
    with pytest.raises(InterruptedError):
        await import_tree(FIRST.replace("South", "Other") + "c3,New,county,,,\n", progress=fail)
    assert await by_id(admin) == before


def find_above(parents: dict[str, str], name: str) -> set[str]:
    """Return the names above one."""
    found: set[str] = set()
    at = parents.get(name, "")
    while at and at not in found:
        found.add(at)
        at = parents.get(at, "")
    return found


def as_file(parents: dict[str, str], zones: dict[str, str]) -> str:
    """Return a file of organizations with these parents and time zones."""
    return HEADER + "".join(f"{name},Unit,team,{above},{zones[name]},\n" for name, above in parents.items())


async def test_any_tree_becomes_any_other(
    tenancy: Tenancy, admin: Actor, database: asyncpg.Connection, import_tree: TreeImporter
) -> None:
    """Random files one after the other, the places compared with the parents each time."""
    chance, names = random.Random(SEED), [str(number) for number in range(30)]
    held: dict[str, str] = {}
    for _ in range(12):
        filed = {name: chance.choice([*names, "", ""]) for name in chance.sample(names, 12 if held else 30)}
        zones = {name: chance.choice(["", "Europe/Berlin", "America/Denver"]) for name in filed}
        wanted = {**held, **filed}
        if circular := {name for name in filed if name in find_above(wanted, name)}:
            lines = [(line, "organization_cycle") for line, name in enumerate(filed, start=2) if name in circular]
            assert await import_tree.faults(as_file(filed, zones)) == lines
            filed = {name: "" if name in circular else above for name, above in filed.items()}
        await import_tree(as_file(filed, zones))
        held |= filed
        found = await by_id(admin)
        ids = {tenancy.root_id: "", **{one["id"]: name for name, one in found.items()}}
        assert {name: ids[one["parent_id"]] for name, one in found.items()} == held
        await ensure_true_paths(database, tenancy.tenant_id)
