"""OneRoster 1.1 archives as rosters: the staff is imported, nobody else is, and the archive is not trusted."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.integrations.roster.files import UnreadableFile
from app.integrations.roster.oneroster import open_people
from app.integrations.roster.upload_schemas import ZIP
from tests.support.actors import Actor, Tenancy
from tests.support.audit import trail
from tests.support.imports import finished, upload
from tests.support.oneroster import ORGS, archive, manifest, packed, user, users

GONE = {"status": "tobedeleted"}


@pytest.fixture
async def site(tenancy: Tenancy) -> dict[str, Any]:
    """A school with an id of the source."""
    return await tenancy.organization(name="North School", external_ids=[{"source": "hr", "external_id": "N"}])


async def job_of(actor: Actor, content: bytes, **params: Any) -> dict[str, Any]:
    return await finished(actor, await upload(actor, content, media_type=ZIP, **params))


async def counts_of(actor: Actor, content: bytes, **params: Any) -> tuple[int, int, int, int]:
    job = await job_of(actor, content, **params)
    assert job["state"] == "done", job["failure"]
    return job["counts"]["created"], job["counts"]["changed"], job["counts"]["left"], job["counts"]["unchanged"]


async def people(actor: Actor) -> dict[str, dict[str, Any]]:
    """Return the people by their external ids."""
    found = await actor.items("/v1/people")
    return {one["external_ids"][0]["external_id"]: one for one in found}


@pytest.mark.usefixtures("worker")
async def test_the_staff_is_imported_and_nobody_else(admin: Actor, site: dict[str, Any]) -> None:
    content = archive(
        user("t1", givenName=" José", middleName="M.", familyName="Müller ", identifier="77", email="Jose@k12.example"),
        *(user(f"{role}-1", role) for role in ("Administrator", "aide", "proctor")),
        *(user(f"x{number}", role) for number, role in enumerate(["student", "Student", "parent", "guardian"])),
        user("x9", "relative", enabledUser="", orgSourcedIds="nowhere", email="none"),
        said={"orgs": "absent"},
        more=[("classes.csv", "x"), ("enrollments.csv", "x"), ("readme.txt", "x"), ("__MACOSX/._users.csv", "x")],
    )
    job = await job_of(admin, content)
    assert job["counts"] == {
        **{"rows": 4, "created": 4, "changed": 0, "left": 0, "unchanged": 0, "files_not_read": 3},
        **{"left_out_student": 2, "left_out_parent": 1, "left_out_guardian": 1, "left_out_relative": 1},
    }
    found = await people(admin)
    assert set(found) == {"t1", "Administrator-1", "aide-1", "proctor-1"}
    one = found["t1"]
    assert (one["name"], one["email"], one["employee_number"]) == ("José M. Müller", "jose@k12.example", "77")
    assert (one["position"], one["organization_id"], one["active"]) == ("Teacher", site["id"], True)
    assert await counts_of(admin, content, mode="replace") == (0, 0, 0, 4)


@pytest.mark.usefixtures("worker", "site")
async def test_who_is_not_enabled_or_to_be_deleted_leaves_and_is_not_added(admin: Actor) -> None:
    await counts_of(admin, archive(*(user(one) for one in "123")))
    first = await people(admin)
    content = archive(
        *(user("1", status="active"), user("2", **GONE), user("3", status="active", enabledUser="FALSE")),
        *(user("4", **GONE), user("5", "student", **GONE), user("6", status="active", enabledUser="false")),
        said={"users": "delta"},
    )
    assert await counts_of(admin, content) == (0, 2, 0, 3)
    found = await people(admin)
    assert {name: one["active"] for name, one in found.items()} == {"1": True, "2": False, "3": False}
    assert await counts_of(admin, archive(user("3"))) == (0, 1, 0, 0)
    assert (await people(admin))["3"]["id"] == first["3"]["id"]


@pytest.mark.usefixtures("worker", "site")
async def test_what_the_archive_does_not_say_stays(admin: Actor) -> None:
    await counts_of(admin, archive(user("1", email="ann@k12.example", identifier="7"), user("2")))
    path = f"/v1/people/{(await people(admin))['1']['id']}"
    change = {"employment_status": "on_leave", "department": "Mathematics"}
    assert (await admin.patch(path, change)).status_code == 200
    assert await counts_of(admin, archive(user("1", identifier="8"), user("2"))) == (0, 1, 0, 1)
    one = (await admin.get(path)).json()
    assert (one["employment_status"], one["department"], one["employee_number"]) == ("on_leave", "Mathematics", "8")
    # No row has an address, so the column says nothing.
    assert one["email"] == "ann@k12.example"


@pytest.mark.usefixtures("worker", "site")
async def test_a_whole_archive_replaces_and_changes_do_not(admin: Actor) -> None:
    rows = [user(str(number)) for number in range(20)]
    await counts_of(admin, archive(*rows), mode="replace")
    assert await counts_of(admin, archive(*rows[:19], user("19", "student")), mode="replace") == (0, 0, 1, 19)
    wrong = await job_of(admin, archive(user("1", **GONE), said={"users": "delta"}), mode="replace")
    assert (wrong["state"], wrong["failure"]["code"]) == ("failed", "roster_unreadable")
    assert "changes only (delta)" in wrong["failure"]["message"]
    few = await job_of(admin, archive(*(user(str(number), "student") for number in range(20))), mode="replace")
    assert few["failure"]["code"] == "roster_suspicious"
    assert sum(one["active"] for one in (await people(admin)).values()) == 19


@pytest.mark.usefixtures("worker", "site")
async def test_faults_name_the_lines_and_columns_of_the_users(tenancy: Tenancy, admin: Actor) -> None:
    content = archive(
        *(user("1"), user("s", "student", givenName="Two\nlines"), user("1"), user("2", orgSourcedIds="X,N")),
        *(user("3", "janitor"), user("4", enabledUser="yes"), user("5", status="inactive"), user("6", email="none")),
        *(user("7", orgSourcedIds=""), user("8", givenName="", familyName=""), user("9", "", enabledUser="")),
        *(user("10", orgSourcedIds="N, Y"), user("11", orgSourcedIds="Z")),
        said={"orgs": "bulk"},
        more=[("orgs.csv", ORGS + "N,,,North,school,,\nX,,,Elsewhere,school,,\nZ,,,Zed,school,,\n")],
    )
    answer = await upload(admin, content, media_type=ZIP)
    job = await finished(admin, answer)
    assert (job["state"], job["failure"]["code"]) == ("failed", "roster_refused")
    report = await admin.get(f"/v1/roster-imports/{job['id']}/errors")
    assert [line.split(",")[:3] for line in report.text.splitlines()[1:]] == [
        ["5", "sourcedId", "repeated_external_id"],
        ["6", "orgSourcedIds", "unknown_organization"],
        ["7", "role", "unknown_role"],
        ["8", "enabledUser", "not_a_boolean"],
        ["9", "status", "unknown_status"],
        ["10", "email", "string_pattern_mismatch"],
        ["11", "orgSourcedIds", "missing"],
        ["12", "familyName", "missing"],
        ["13", "role", "missing"],
        ["13", "enabledUser", "missing"],
        ["14", "orgSourcedIds", "unknown_organization"],
        ["15", "orgSourcedIds", "unknown_organization"],
    ]
    assert await admin.items("/v1/people") == []


@pytest.mark.usefixtures("worker", "site")
@pytest.mark.parametrize("wrong", [{}, {"role": "janitor"}], ids=["imported", "refused"])
async def test_the_archive_is_deleted_when_its_job_has_ended(tenancy: Tenancy, admin: Actor, wrong: Any) -> None:
    """It names people who are no staff."""
    await job_of(admin, archive(user("1", **wrong), user("s", "student", familyName="Pupil")))
    async with tenancy.owner.connect() as connection:
        query = "select count(*) from files where tenant_id = :tenant_id and purpose = 'roster'"
        assert await connection.scalar(text(query), {"tenant_id": tenancy.tenant_id}) == 0
    assert "Pupil" not in str(await trail(admin))


def damaged(content: bytes) -> bytes:
    """Return an archive whose users do not have the checksum that it says."""
    at = content.index(b"sourcedId")
    return content[:at] + b"SOURCEDID" + content[at + 9 :]


def with_flag(content: bytes) -> bytes:
    """Return an archive whose first file is marked as encrypted."""
    at = content.index(b"PK\x01\x02") + 8
    return content[:at] + bytes([content[at] | 1]) + content[at + 1 :]


BAD = {
    "no manifest": (packed([("users.csv", users(user("1")))]), "no manifest.csv"),
    "no users": (packed([("manifest.csv", manifest())]), "no users.csv"),
    "another version": (archive(said={"oneroster.version": "1.2"}), "version"),
    "no version": (packed([("manifest.csv", "propertyName,value\n"), ("users.csv", users())]), "version"),
    "users absent": (archive(said={"users": "absent"}), "neither bulk nor delta"),
    "other columns": (packed([("manifest.csv", "a,b\n"), ("users.csv", users())]), "propertyName and value"),
    "a property twice": (
        packed([("manifest.csv", manifest() + "file.users,delta\n"), ("users.csv", users())]),
        "property twice",
    ),
    "a manifest that is no text": (packed([("manifest.csv", b"\xff\x00"), ("users.csv", users())]), "UTF-8"),
    "a huge manifest": (packed([("manifest.csv", "x" * 70_000), ("users.csv", users())]), "too long"),
    "no role": (packed([("manifest.csv", manifest()), ("users.csv", "sourcedId,enabledUser\n")]), "users.csv: .*role"),
    "no status": (
        packed([("manifest.csv", manifest(users="delta")), ("users.csv", users().replace("status", "x"))]),
        "users.csv: .*status",
    ),
    "broken CSV": (archive('"open'), "users.csv: Line 2"),
    "no organizations": (archive(said={"orgs": "bulk"}, more=[("orgs.csv", "name\n")]), "orgs.csv: .*sourcedId"),
    "a folder": (packed([("export/manifest.csv", manifest()), ("export/users.csv", users())]), "in a folder"),
    "a path upwards": (archive(more=[("../users.csv", "x")]), "in a folder"),
    "a path of Windows": (archive(more=[("..\\users.csv", "x")]), "in a folder"),
    "a name twice": (archive(more=[("USERS.csv", users(user("2")))]), "two files of one name"),
    "a password": (with_flag(archive(user("1"))), "password"),
    "many files": (archive(more=[(f"{number}.csv", "") for number in range(200)]), "more than 100 files"),
    "a bomb": (archive(more=[("classes.csv", "x" * 50_000_000)]), "much more"),
    "another method": (
        packed([("manifest.csv", manifest()), ("users.csv", users(user("1")))], zipfile.ZIP_LZMA),
        "unusual way",
    ),
    "a wrong checksum": (
        damaged(packed([("manifest.csv", manifest()), ("users.csv", users())], zipfile.ZIP_STORED)),
        "damaged",
    ),
}


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD)
async def test_a_bad_archive_is_refused_with_a_reason(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "roster.xlsx"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=said):
        await open_people(path, tmp_path, None)


async def test_an_archive_has_no_sheets(tmp_path: Path) -> None:
    path = tmp_path / "roster.zip"
    path.write_bytes(archive(user("1")))
    with pytest.raises(UnreadableFile, match="Only a workbook"):
        await open_people(path, tmp_path, "Staff")


@pytest.mark.usefixtures("worker", "site")
async def test_the_columns_of_an_archive_have_fixed_names(admin: Actor) -> None:
    await finished(admin, await upload(admin, "Number,name,organization\n1,Ann,N\n", column="external_id=Number"))
    assert await counts_of(admin, archive(user("1", familyName="Lee"))) == (0, 1, 0, 0)
    job = await job_of(admin, archive(user("1")), column="external_id=sourcedId")
    assert (job["failure"]["code"], "fixed names" in job["failure"]["message"]) == ("roster_unreadable", True)
