"""Rosters over the API: uploaded as a stream, imported by a job, with the faults as a file."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.integrations.roster import files, uploads
from app.integrations.roster.import_job import IMPORT_ROSTER
from app.integrations.roster.upload_schemas import XLSX
from tests.integrations.roster.test_spreadsheets import write_xlsx
from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.audit import trail
from tests.support.imports import PATH, finished, upload
from tests.support.jobs import working

HEADER = "external_id,name,organization,manager\n"
GOOD = HEADER + "1,Ann,N,2\n2,Ben,N,\n"


@pytest.fixture
async def site(tenancy: Tenancy) -> dict[str, Any]:
    """An organization with an external id."""
    return await tenancy.organization(name="North", external_ids=[{"source": "hr", "external_id": "N"}])


async def in_pieces(content: str) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 7):
        yield content[at : at + 7].encode()


@pytest.mark.usefixtures("worker", "site")
async def test_an_uploaded_roster_is_imported_by_a_job(admin: Actor) -> None:
    job = await finished(admin, await upload(admin, in_pieces(GOOD)))
    assert (job["kind"], job["state"], job["percent"]) == ("import_roster", "done", 100)
    assert job["counts"] == {"rows": 2, "created": 2, "changed": 0, "left": 0, "unchanged": 0}
    people = await admin.items("/v1/people")
    assert {one["name"] for one in people} == {"Ann", "Ben"}
    again = await finished(admin, await upload(admin, GOOD, mode="replace"))
    assert again["counts"]["unchanged"] == 2
    assert await admin.items("/v1/people") == people


@pytest.mark.usefixtures("worker", "site")
async def test_what_an_import_changes_names_who_sent_the_file(tenancy: Tenancy, admin: Actor) -> None:
    integrator = await tenancy.key(("integrator", tenancy.root_id))
    await finished(integrator, await upload(integrator, GOOD))
    me = (await integrator.get("/v1/me")).json()
    rows = [row for row in await trail(admin, operation="importRoster") if row["actor"]["id"] == me["id"]]
    assert [row["action"] for row in rows] == ["roster.import_requested", "person.created", "person.created"]


@pytest.mark.usefixtures("worker", "site")
async def test_the_faults_are_a_file(admin: Actor) -> None:
    rows = "".join(f"{number},Name,X,\n" for number in range(150))
    job = await finished(admin, await upload(admin, HEADER + rows))
    assert (job["state"], job["failure"]["code"]) == ("failed", "roster_refused")
    assert (job["error_count"], len(job["errors"])) == (150, 100)
    assert job["errors"][0] == {
        "row": 2,
        "code": "unknown_organization",
        "message": "No organization has this external id or name",
    }
    report = await admin.get(f"{PATH}/{job['id']}/errors")
    lines = report.text.splitlines()
    assert (lines[0], len(lines)) == ("line,field,code,message", 151)
    assert lines[150].startswith("151,organization,unknown_organization,")
    assert report.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert await admin.items("/v1/people") == []


@pytest.mark.usefixtures("worker", "site")
@pytest.mark.parametrize(
    ("content", "params", "code"),
    [
        (b"\0\1\2", {}, "roster_unreadable"),
        (b"", {}, "roster_unreadable"),
        (b"PK\x03\x04" + b"x" * 100, {}, "roster_unreadable"),
        (HEADER, {"mode": "replace"}, "roster_suspicious"),
        (GOOD, {"column": "email=Mail"}, "roster_unreadable"),
    ],
)
async def test_a_job_says_why_it_failed(admin: Actor, content: Any, params: dict[str, Any], code: str) -> None:
    job = await finished(admin, await upload(admin, content, **params))
    assert (job["state"], job["failure"]["code"]) == ("failed", code)
    assert (await admin.get(f"{PATH}/{job['id']}/errors")).text == "line,field,code,message\r\n"


@pytest.mark.usefixtures("worker", "site")
async def test_a_workbook_is_imported(admin: Actor, tmp_path: Path) -> None:
    rows = [["external_id", "name", "organization"], ["1", "Ann", "N"]]
    content = write_xlsx(tmp_path / "roster.xlsx", rows).read_bytes()
    job = await finished(admin, await upload(admin, content, media_type=XLSX, sheet="Staff"))
    assert (job["state"], job["counts"].get("created")) == ("done", 1)


@pytest.mark.usefixtures("worker", "site")
async def test_a_check_changes_nothing(admin: Actor) -> None:
    job = await finished(admin, await upload(admin, GOOD, check_only=True))
    assert (job["state"], job["counts"]["created"]) == ("done", 2)
    assert await admin.items("/v1/people") == []


@pytest.mark.usefixtures("worker")
async def test_a_repeated_upload_is_one_import(admin: Actor, site: dict[str, Any]) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first = await upload(admin, GOOD, headers=key, organization_id=site["id"])
    second = await upload(admin, GOOD, headers=key, organization_id=site["id"])
    assert (second.headers["Idempotency-Replayed"], second.json()) == ("true", first.json())
    other = await upload(admin, GOOD + "3,C,N,\n", headers=key, organization_id=site["id"])
    assert outcome(other) == (422, "idempotency_key_reused")
    assert (await finished(admin, second))["counts"]["created"] == 2
    assert len(await admin.items("/v1/jobs", kind="import_roster")) == 1


@pytest.mark.usefixtures("worker", "site")
async def test_a_file_of_a_subtree_reaches_nothing_else(tenancy: Tenancy, admin: Actor, site: dict[str, Any]) -> None:
    south = await tenancy.organization(name="South", external_ids=[{"source": "hr", "external_id": "S"}])
    await finished(admin, await upload(admin, HEADER + "1,Ann,N,\n2,Ben,S,\n"))
    integrator = await tenancy.key(("integrator", south["id"]))
    assert outcome(await upload(integrator, GOOD)) == (403, "forbidden")
    assert outcome(await upload(integrator, GOOD, organization_id=site["id"])) == (404, "not_found")
    wrong = await upload(integrator, HEADER + "1,Taken,S,\n3,C,N,\n4,D,S,1\n", organization_id=south["id"])
    job = await finished(integrator, wrong)
    assert [(one["row"], one["code"]) for one in job["errors"]] == [
        (2, "person_external_id_taken"),
        (3, "unknown_organization"),
        (4, "unknown_manager"),
    ]
    whole = await upload(integrator, HEADER + "3,C,S,\n", mode="replace", force=True, organization_id=south["id"])
    assert (await finished(integrator, whole))["counts"]["left"] == 1
    people = {one["name"]: one["active"] for one in await admin.items("/v1/people")}
    assert people == {"Ann": True, "Ben": False, "C": True}


@pytest.mark.usefixtures("site")
async def test_who_lost_the_role_imports_nothing(tenancy: Tenancy, admin: Actor) -> None:
    integrator = await tenancy.key(("integrator", tenancy.root_id))
    answer = await upload(integrator, GOOD)
    me = (await integrator.get("/v1/me")).json()["id"]
    [key] = [one for one in await admin.items("/v1/api-keys") if one["principal_id"] == me]
    assert (await admin.delete(f"/v1/api-keys/{key['id']}")).status_code == 204
    async with working(tenancy.app, IMPORT_ROSTER):
        job = await finished(admin, answer)
    assert (job["state"], job["failure"]["code"]) == ("failed", "forbidden")
    assert await admin.items("/v1/people") == []


@pytest.mark.usefixtures("site")
async def test_a_file_is_deleted_with_an_erasure(tenancy: Tenancy, admin: Actor) -> None:
    person = await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "Ann"})
    answer = await upload(admin, GOOD)
    assert (await admin.post(f"/v1/people/{person['id']}/erasure")).status_code == 200
    async with working(tenancy.app, IMPORT_ROSTER):
        job = await finished(admin, answer)
    assert (job["state"], job["failure"]["code"]) == ("failed", "file_gone")


async def test_what_is_no_table_is_refused(admin: Actor) -> None:
    assert outcome(await upload(admin, b"{}", media_type="application/json")) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "params",
    [{"sheet": "a\0b"}, {"column": "email=\0"}, {"column": "x=y"}, {"column": ["name=A", "name=B"]}, {"source": "\0"}],
)
async def test_odd_parameters_are_refused(admin: Actor, params: dict[str, Any]) -> None:
    assert outcome(await upload(admin, GOOD, **params)) == (422, "invalid")


async def test_a_dry_run_takes_the_file_and_starts_nothing(admin: Actor) -> None:
    answer = await upload(admin, GOOD, dry_run="true")
    assert (answer.status_code, answer.headers["Dry-Run"]) == (200, "true")
    assert await admin.items("/v1/jobs", kind="import_roster") == []


async def test_a_slow_upload_is_given_up(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> AsyncIterator[bytes]:
        yield b"external_id"
        await asyncio.Event().wait()

    monkeypatch.setattr(uploads, "UPLOAD_SECONDS", 0.05)
    assert outcome(await upload(admin, hang())) == (408, "request_timeout")
    assert await admin.items("/v1/jobs", kind="import_roster") == []


async def test_a_file_that_is_too_large_is_refused(admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 10)
    assert outcome(await upload(admin, GOOD)) == (413, "file_too_large")
    assert files.MOST_BYTES == 200 * 1024 * 1024
