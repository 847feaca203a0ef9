"""Files of organizations over the API: the rights of the caller, the organization that a file is about, faults."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from app.integrations.roster.import_job import IMPORT_ROSTER
from app.integrations.roster.upload_schemas import ODS, XLSX
from app.provisioning import operators_transaction
from app.tree.places import lock_places
from tests.integrations.roster.test_spreadsheets import write_ods, write_xlsx
from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.audit import trail
from tests.support.imports import PATH, finished, upload
from tests.support.jobs import working
from tests.support.waiting import until

HEADER = "external_id,name,kind,parent\n"
TREE = HEADER + "c1,North County,county,r1\nr1,North,region,\n"


async def send(actor: Actor, content: Any, **params: Any) -> dict[str, Any]:
    """Upload a file of organizations. Return its job when it has finished."""
    return await finished(actor, await upload(actor, content, kind="organizations", **params))


async def failing(actor: Actor, answer: httpx.Response) -> dict[str, Any]:
    """Return what stopped the first attempt at an import."""

    async def ask() -> dict[str, Any]:
        failure: dict[str, Any] = (await actor.get(answer.headers["Location"])).json()["failure"]
        return failure

    return await until(ask, pause=0.05)


async def names_of(admin: Actor) -> dict[str, str]:
    """Return the status of each organization, by name."""
    return {one["name"]: one["status"] for one in await admin.items("/v1/organizations")}


@pytest.mark.usefixtures("worker")
async def test_an_uploaded_tree_is_imported_by_a_job(admin: Actor) -> None:
    job = await send(admin, TREE)
    assert (job["kind"], job["state"], job["percent"]) == ("import_roster", "done", 100)
    assert job["counts"] == {"rows": 2, "created": 2, "changed": 0, "archived": 0, "unchanged": 0}
    before = await admin.items("/v1/organizations")
    assert {one["name"] for one in before} >= {"North", "North County"}
    assert (await send(admin, TREE, mode="replace"))["counts"]["unchanged"] == 2
    assert await admin.items("/v1/organizations") == before


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("write", "media_type"), [(write_xlsx, XLSX), (write_ods, ODS)])
async def test_a_workbook_is_imported(admin: Actor, tmp_path: Path, write: Any, media_type: str) -> None:
    content = write(tmp_path / "tree", [line.split(",") for line in TREE.splitlines()]).read_bytes()
    assert (await send(admin, content, media_type=media_type))["counts"]["created"] == 2


@pytest.mark.usefixtures("worker")
async def test_a_check_changes_nothing(admin: Actor) -> None:
    assert (await send(admin, TREE, check_only=True))["counts"]["created"] == 2
    assert "North" not in await names_of(admin)


@pytest.mark.usefixtures("worker")
async def test_headers_of_trees_are_kept_apart_from_those_of_rosters(admin: Actor) -> None:
    text = TREE.replace("external_id", "Unit no.").replace("name", "Title")
    columns = {"column": ["external_id=Unit no.", "name=Title"]}
    assert (await send(admin, text, **columns))["state"] == "done"
    assert (await send(admin, text))["counts"]["unchanged"] == 2
    people = await finished(admin, await upload(admin, "external_id,name,organization\n1,Ann,c1\n"))
    assert people["counts"]["created"] == 1


@pytest.mark.usefixtures("worker")
async def test_faults_are_a_file_and_nothing_is_imported(admin: Actor) -> None:
    job = await send(admin, TREE + "x,X,castle,\ny,Y,county,nowhere\n")
    assert (job["state"], job["failure"]["code"], job["error_count"]) == ("failed", "roster_refused", 2)
    report = (await admin.get(f"{PATH}/{job['id']}/errors")).text.splitlines()
    assert [line.split(",")[:3] for line in report[1:]] == [
        ["4", "kind", "enum"],
        ["5", "parent", "unknown_organization"],
    ]
    assert "North" not in await names_of(admin)


@pytest.mark.usefixtures("worker")
async def test_a_whole_file_archives_within_its_organization_only(tenancy: Tenancy, admin: Actor) -> None:
    await send(admin, HEADER + "a,A,region,\na1,A1,county,a\na2,A2,county,a\nb,B,region,\n")
    [top] = await admin.items("/v1/organizations", external_source="hr", external_id="a")
    of_top = await tenancy.key(("admin", top["id"]))
    suspicious = await send(of_top, HEADER + "a2,A2,county,\n", mode="replace", organization_id=top["id"])
    assert suspicious["failure"]["code"] == "roster_suspicious"
    whole = {"mode": "replace", "force": True, "organization_id": top["id"]}
    assert (await send(of_top, HEADER + "a2,A2,county,\na3,A3,county,\n", **whole))["counts"] == {
        **{"rows": 2, "created": 1, "changed": 0, "archived": 1, "unchanged": 1}
    }
    found = await names_of(admin)
    assert [found[name] for name in ("A", "A1", "A2", "A3", "B")] == [
        *("active", "archived", "active", "active", "active")
    ]


@pytest.mark.usefixtures("worker")
async def test_a_file_of_a_subtree_reaches_nothing_else(tenancy: Tenancy, admin: Actor) -> None:
    await send(admin, HEADER + "a,A,region,\nb,B,region,\n")
    [top] = await admin.items("/v1/organizations", external_source="hr", external_id="a")
    of_top = await tenancy.key(("admin", top["id"]))
    assert outcome(await upload(of_top, TREE, kind="organizations")) == (403, "forbidden")
    rows = "b,Taken,region,\nc,C,county,b\nd,D,county,B\na,Renamed,region,\ne,E,county,a\n"
    job = await send(of_top, HEADER + rows, organization_id=top["id"])
    assert [(one["row"], one["code"]) for one in job["errors"]] == [
        (2, "external_id_taken"),
        (3, "unknown_organization"),
        (4, "unknown_organization"),
        (5, "root_organization"),
    ]


@pytest.mark.usefixtures("worker")
async def test_links_decide_what_an_integrator_imports(tenancy: Tenancy, admin: Actor) -> None:
    """Like an upsert: below an organization that an admin linked, and between such organizations."""
    linked = await tenancy.organization(name="Linked", external_ids=[{"source": "hr", "external_id": "l"}])
    await tenancy.organization(name="Other")
    integrator = await tenancy.key(("integrator", tenancy.root_id))
    assert (await send(integrator, "external_id,name,kind\nl,Linked,site\n"))["counts"]["unchanged"] == 1
    rows = "x,X,county,l\ny,Y,team,x\n"
    assert (await send(integrator, HEADER + rows))["counts"]["created"] == 2
    me = (await integrator.get("/v1/me")).json()["id"]
    made = [row["action"] for row in await trail(admin, operation="importRoster") if row["actor"]["id"] == me]
    assert made.count("organization.created") == 2
    refused = await send(integrator, HEADER + "x,X,county,l\ny,Y,team,Other\nz,Z,team,\nl,Linked,site,Other\n")
    assert [(one["row"], one["code"]) for one in refused["errors"]] == [
        (3, "not_maintained"),
        (4, "not_maintained"),
        (5, "not_maintained"),
    ]
    closed = await send(integrator, "external_id,name,kind,status\nx,X,county,archived\n")
    assert [one["code"] for one in closed["errors"]] == ["not_maintained"]
    answer = await upload(integrator, HEADER, kind="organizations", mode="replace", organization_id=linked["id"])
    assert outcome(answer) == (403, "forbidden")


@pytest.mark.usefixtures("worker")
async def test_an_admin_of_a_part_needs_no_links_there(tenancy: Tenancy, admin: Actor) -> None:
    part = await tenancy.organization(name="Part")
    moving = await tenancy.organization(part["id"], name="M", external_ids=[{"source": "hr", "external_id": "m"}])
    mixed = await tenancy.key(("integrator", tenancy.root_id), ("admin", part["id"]))
    job = await send(mixed, HEADER + "new,New,county,Part\nm,M,site,new\nelse,Else,county,\n")
    assert [(one["row"], one["code"]) for one in job["errors"]] == [(4, "not_maintained")]
    assert (await send(mixed, HEADER + "new,New,county,Part\nm,M,site,new\n"))["counts"]["changed"] == 1
    assert (await admin.get(f"/v1/organizations/{moving['id']}")).json()["depth"] == 3


@pytest.mark.usefixtures("worker")
async def test_an_import_waits_for_another_large_change_of_the_tree(tenancy: Tenancy, admin: Actor) -> None:
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        await lock_places(tx)
        answer = await upload(admin, TREE, kind="organizations")
        assert (await failing(admin, answer))["code"] == "try_again"
    assert (await finished(admin, answer))["counts"]["created"] == 2


async def test_who_lost_the_role_imports_nothing(tenancy: Tenancy, admin: Actor) -> None:
    other = await tenancy.key(("admin", tenancy.root_id))
    answer = await upload(other, TREE, kind="organizations", mode="replace")
    me = (await other.get("/v1/me")).json()["id"]
    [key] = [one for one in await admin.items("/v1/api-keys") if one["principal_id"] == me]
    assert (await admin.delete(f"/v1/api-keys/{key['id']}")).status_code == 204
    async with working(tenancy.app, IMPORT_ROSTER):
        job = await finished(admin, answer)
    assert (job["state"], job["failure"]["code"]) == ("failed", "forbidden")
    assert "North" not in await names_of(admin)


@pytest.mark.parametrize(
    "params", [{"kind": "teams"}, {"column": "email=Mail"}, {"kind": "people", "column": "kind=K"}]
)
async def test_odd_parameters_are_refused(admin: Actor, params: dict[str, Any]) -> None:
    assert outcome(await upload(admin, TREE, **{"kind": "organizations", **params})) == (422, "invalid")
