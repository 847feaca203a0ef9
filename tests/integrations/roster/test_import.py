"""Importing a roster: people are in step with the file afterwards, or nothing has happened."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from app.db.transaction import Tx
from app.integrations.roster.files import RosterFile
from app.integrations.roster.import_service import Faulty, ImportMode, ImportReport, Suspicious, import_people
from app.integrations.roster.staging import stage
from app.people.changes import apply_change
from app.people.errors import PersonErased
from app.people.models import Person
from app.provisioning import operators_transaction
from app.tree.paths import segment
from tests.support.actors import Actor, Tenancy
from tests.support.audit import changed, trail
from tests.support.feed import end_of, read_all, seal
from tests.support.people import add_person
from tests.support.trees import ignore
from tests.support.waiting import until

WAITING = "select true from pg_locks where not granted"
HEADER = "external_id,name,organization,email,position,manager,status,hired_on,left_on"
FIRST = f"""{HEADER}
1,Ann Lee,N,ann@agency.example,Director,,active,2019-02-01,
2, José   Müller ,north county,Jose@Agency.example,Coach,1,on leave,2024-03-01,
3,Kim Ode,N,,Caseworker,2,,,
"""


@pytest.fixture
async def site(tenancy: Tenancy) -> dict[str, Any]:
    """An organization with an external id and a name."""
    return await tenancy.organization(name="North  Coünty", external_ids=[{"source": "hr", "external_id": "N"}])


class Importer:
    """Imports texts as files of one source."""

    def __init__(self, tenancy: Tenancy, folder: Path) -> None:
        self.tenancy = tenancy
        self.path = folder / "roster.csv"

    async def __call__(
        self,
        text: str,
        mode: str = "merge",
        *,
        force: bool = False,
        progress: Callable[[ImportReport], Awaitable[None]] = ignore,
        **columns: str,
    ) -> tuple[int, int, int, int]:
        """Import a file. Return how many people were created, changed, left and unchanged."""
        report = ImportReport(progress=progress)
        async with operators_transaction(self.tenancy.owner, self.tenancy.tenant_id) as tx:
            await self.bring(tx, text, columns=columns, mode=ImportMode(mode), force=force, report=report)
        return report.created, report.changed, report.left, report.unchanged

    async def bring(self, tx: Tx, text: str, **options: Any) -> None:
        """Import a file in a transaction."""
        self.path.write_text(text, encoding="utf-8")
        wanted = {"columns": {}, "mode": ImportMode.MERGE, "force": False, "report": ImportReport(), **options}
        await import_people(tx, self.path, source="hr", **wanted)

    async def faults(self, text: str) -> list[tuple[int | None, str | None, str]]:
        """Import a file that must be refused. Return its faults."""
        with pytest.raises(Faulty) as refused:
            await self(text)
        return [(fault.line, fault.field, fault.code) for fault in refused.value.faults]


@pytest.fixture
def importer(tenancy: Tenancy, tmp_path: Path) -> Importer:
    return Importer(tenancy, tmp_path)


async def by_id(admin: Actor, external_id: str) -> dict[str, Any]:
    [found] = await admin.items("/v1/people", external_source="hr", external_id=external_id)
    return found


def many(count: int, status: str = "") -> str:
    rows = [f"{number},Person {number},N,,,,{status},," for number in range(count)]
    return "\n".join([HEADER, *rows, ""])


async def test_a_roster_makes_people(admin: Actor, importer: Importer, site: dict[str, Any]) -> None:
    assert await importer(FIRST) == (3, 0, 0, 0)
    ann, jose, kim = [await by_id(admin, number) for number in "123"]
    assert (jose["name"], jose["email"], jose["position"]) == ("José Müller", "jose@agency.example", "Coach")
    assert (jose["employment_status"], jose["hired_on"], jose["manager_id"]) == ("on_leave", "2024-03-01", ann["id"])
    assert (kim["employment_status"], kim["email"], kim["manager_id"]) == ("active", None, jose["id"])
    assert {one["organization_id"] for one in (ann, jose, kim)} == {site["id"]}
    assert (await admin.items("/v1/people", q="jose muller")) == [jose]


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("mode", ["merge", "replace"])
async def test_the_same_file_again_changes_nothing(
    tenancy: Tenancy, admin: Actor, importer: Importer, mode: str
) -> None:
    await importer(FIRST, mode)
    before, after = await admin.items("/v1/people"), await end_of(tenancy)
    assert await importer(FIRST, mode) == (0, 0, 0, 3)
    assert await admin.items("/v1/people") == before
    await seal(tenancy)
    assert await read_all(admin, after) == []


@pytest.mark.usefixtures("site")
async def test_what_differs_is_changed_and_absent_columns_stay(
    tenancy: Tenancy, admin: Actor, importer: Importer
) -> None:
    await importer(FIRST)
    after = await end_of(tenancy)
    assert await importer(
        "external_id,name,organization,email\n1,Ann Lee-Ode,N,\n2,José Müller,N,jose@agency.example\n"
    ) == (
        0,
        1,
        0,
        1,
    )
    ann = await by_id(admin, "1")
    assert (ann["name"], ann["email"], ann["position"], ann["hired_on"]) == (
        "Ann Lee-Ode",
        None,
        "Director",
        "2019-02-01",
    )
    await seal(tenancy)
    events = await read_all(admin, after)
    assert [(one["type"], one["data"]) for one in events] == [("person.updated", {"fields": ["details", "name"]})]


@pytest.mark.usefixtures("site")
async def test_who_is_missing_from_a_whole_roster_leaves_and_comes_back(
    tenancy: Tenancy, admin: Actor, importer: Importer
) -> None:
    other = await add_person(tenancy, name="Of no roster")
    await importer(many(20), "replace")
    assert await importer(many(19), "merge") == (0, 0, 0, 19)
    assert await importer(many(19), "replace") == (0, 0, 1, 19)
    gone = await by_id(admin, "19")
    assert (gone["active"], gone["employment_status"]) == (False, "left")
    assert (await admin.get(f"/v1/people/{other['id']}")).json() == other
    whole = "\n".join(["external_id,name,organization", *(f"{number},Person {number},N" for number in range(20))])
    assert await importer(whole, "replace") == (0, 1, 0, 19)
    back = await by_id(admin, "19")
    assert (back["id"], back["active"]) == (gone["id"], True)
    assert len(await admin.items(f"/v1/people/{gone['id']}/former-employments")) == 1


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + "\n", "no rows"),
        (many(10), "10 rows, 20 the last time"),
        (many(17), "3 of 20"),
        (many(20, "left"), "20 of 20"),
    ],
)
async def test_a_whole_roster_that_ends_too_much_is_not_believed(
    admin: Actor, importer: Importer, text: str, said: str
) -> None:
    await importer(many(20), "replace")
    before = await admin.items("/v1/people")
    with pytest.raises(Suspicious, match=said):
        await importer(text, "replace")
    assert await admin.items("/v1/people") == before
    assert (await importer(text, "replace", force=True))[0] == 0
    assert len(await admin.items("/v1/people", active="true")) < 20


@pytest.mark.usefixtures("site")
async def test_the_faults_of_all_rows_are_reported_and_nothing_is_imported(
    tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor, importer: Importer
) -> None:
    await other_tenancy.organization(name="Elsewhere")
    for _ in range(2):
        await tenancy.organization(name="Twin")
    closed = await tenancy.organization(name="Closed")
    await admin.move(f"/v1/organizations/{closed['id']}", "archived")
    rows = [
        *("1,A,N,,,,,,", "1,B,N,,,,,,", "3,C,Elsewhere,,,,,,", "4,D,Twin,,,,,,", "5,E,Closed,,,,,,"),
        *("6,F,N,,,99,,,", "7,G,N,,,8,,,", "8,H,N,,,7,,,", ",I,N,bad,,,,,", "10,J,N,,,,,2024-02-01,2024-01-01"),
    ]
    assert await importer.faults("\n".join([HEADER, *rows])) == [
        (3, "external_id", "repeated_external_id"),
        (4, "organization", "unknown_organization"),
        (5, "organization", "ambiguous_organization"),
        (6, "organization", "organization_archived"),
        (7, "manager", "unknown_manager"),
        (8, "manager", "manager_cycle"),
        (9, "manager", "manager_cycle"),
        (10, "external_id", "missing"),
        (10, "email", "string_pattern_mismatch"),
        (11, "left_on", "left_before_hired"),
    ]
    assert await admin.items("/v1/people") == []


@pytest.mark.usefixtures("site")
async def test_managers_may_change_places(admin: Actor, importer: Importer) -> None:
    head = "external_id,name,organization,manager\n"
    await importer(head + "1,A,N,\n2,B,N,1\n3,C,N,2\n")
    assert await importer(head + "1,A,N,3\n2,B,N,1\n3,C,N,\n") == (0, 2, 0, 1)
    assert (await by_id(admin, "1"))["manager_id"] == (await by_id(admin, "3"))["id"]
    # Through somebody whom the file does not name.
    assert await importer.faults(head + "3,C,N,2\n") == [(2, "manager", "manager_cycle")]


@pytest.mark.usefixtures("site")
async def test_new_people_have_one_event_after_that_of_their_managers(
    tenancy: Tenancy, admin: Actor, importer: Importer
) -> None:
    after = await end_of(tenancy)
    await importer("external_id,name,organization,manager\n1,A,N,2\n2,B,N,3\n3,C,N,\n")
    await seal(tenancy)
    people = [await by_id(admin, number) for number in "321"]
    assert [(one["manager_id"], one["version"]) for one in people] == [
        (None, 1),
        *((one["id"], 1) for one in people[:2]),
    ]
    events = await read_all(admin, after)
    assert [(one["type"], one["subject_id"]) for one in events] == [("person.created", one["id"]) for one in people]
    for one in people[1:]:
        [row] = await trail(admin, object_id=one["id"])
        assert changed(row)["manager_id"] == (None, one["manager_id"])


@pytest.mark.usefixtures("site")
async def test_headers_are_kept_for_the_source(admin: Actor, importer: Importer) -> None:
    text = "Number,Full name,Unit\n1,Ann,N\n"
    await importer(text, external_id="Number", name="Full name", organization="Unit")
    assert await importer(text.replace("Ann", "Anna")) == (0, 1, 0, 0)
    assert (await by_id(admin, "1"))["name"] == "Anna"


@pytest.mark.usefixtures("site")
async def test_a_roster_that_fails_late_leaves_nothing(admin: Actor, importer: Importer) -> None:
    async def fail(_report: ImportReport) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await importer(many(60), progress=fail)
    assert await admin.items("/v1/people") == []
    assert await importer(many(60)) == (60, 0, 0, 0)


@pytest.mark.usefixtures("site")
async def test_rows_that_seem_to_be_one_person_are_reported(admin: Actor, importer: Importer) -> None:
    rows = [
        *("1,Ann Lee,N,7,a@x.example", "2, ann  LEE ,N,,A@x.example", "3,Ann Lee,N,7,", "4,Ann Lee,N,8,"),
        *("5,Bo Lee,N,7,a@x.example", "6,Bo Lee,N,,"),
    ]
    file = "\n".join(["external_id,name,organization,employee_number,email", *rows])
    assert await importer.faults(file) == [(n, "external_id", "duplicate_person") for n in (3, 4)]
    assert await admin.items("/v1/people") == []
    assert await importer(file, force=True) == (6, 0, 0, 0)


@pytest.mark.usefixtures("site")
async def test_two_rows_of_one_merged_person_are_reported(admin: Actor, importer: Importer) -> None:
    """Otherwise each night would change the person back and forth."""
    await importer(many(2))
    one, other = [await by_id(admin, number) for number in "01"]
    merge = {"person_id": other["id"]}
    answer = await admin.post(f"/v1/people/{one['id']}/merge", merge, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    assert await importer.faults(many(2)) == [(3, "external_id", "repeated_person")]


@pytest.mark.usefixtures("site")
async def test_people_of_a_roster_change_only_after_its_import(
    tenancy: Tenancy, admin: Actor, importer: Importer, database: asyncpg.Connection
) -> None:
    """Or an import could write over what was erased or merged since it was read."""
    await importer(many(1))
    path = f"/v1/people/{(await by_id(admin, '0'))['id']}"
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        await stage(tx, RosterFile(importer.path, {}), "hr", segment(UUID(tenancy.root_id)))
        erasing = asyncio.create_task(admin.post(f"{path}/erasure"))
        await until(lambda: database.fetchval(WAITING))
    assert (await erasing).status_code == 200


@pytest.mark.usefixtures("site")
async def test_a_plan_of_an_empty_table_is_not_kept_for_a_large_one(tenancy: Tenancy, importer: Importer) -> None:
    """Or the check of a foreign key would read all people for each one who is added."""
    scans = text("select seq_scan from pg_stat_xact_user_tables where relname = 'people'")
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        await tx.connection.raw.execute("set local enable_indexscan = off; set local enable_bitmapscan = off")
        await tx.connection.raw.execute("set local enable_indexonlyscan = off; discard plans")
        await importer.bring(tx, many(10))
        for kind in ("indexscan", "bitmapscan", "indexonlyscan"):
            await tx.connection.raw.execute(f"set local enable_{kind} = on")
        await tx.connection.raw.execute("set local enable_seqscan = off")
        before = await tx.session.scalar(scans)
        await importer.bring(tx, many(400))
        assert before >= 10
        assert await tx.session.scalar(scans) - before < 100


@pytest.mark.usefixtures("site")
async def test_what_was_erased_is_not_changed(tenancy: Tenancy, admin: Actor, importer: Importer) -> None:
    await importer(many(1))
    person = await by_id(admin, "0")
    assert (await admin.post(f"/v1/people/{person['id']}/erasure")).status_code == 200
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        erased = await tx.session.get(Person, (tenancy.tenant_id, UUID(person["id"])))
        assert erased is not None
        with pytest.raises(PersonErased):
            await apply_change(tx, erased, {"name": "Back"})
