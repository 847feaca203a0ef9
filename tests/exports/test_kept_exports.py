"""An export that a job makes has the rights of its creator, is kept for a time, and is downloaded by nobody else."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.background import PURGE_EXPIRED, PURGES
from app.errors import AppError
from app.exports.lists import ListAddress
from app.exports.making import exporting
from app.http.context import AppState
from app.integrations.creators import load_creator
from app.integrations.roster.files import FIELDS
from app.jobs.kinds import RunningJob
from app.jobs.retention import enqueue_purges
from app.principal import Principal
from tests.exports.test_streams import lists_of
from tests.support.accounts import grant, new_account, problem
from tests.support.actors import Actor, Tenancy
from tests.support.audit import seal_trail, trail
from tests.support.calls import CALLS
from tests.support.exports import add_people, export, read_lines, read_sheet
from tests.support.jobs import until, until_finished, work_of, working
from tests.support.people import add_person
from tests.support.places import furnish

EXPORTS, PEOPLE = "/v1/exports", "/v1/people"
#: Lists whose items change by background work, while a test reads them.
CHANGING = frozenset(
    {"listApiKeys", "listAuditEvents", "listConnectorRuns", "listConnectors", "listEvents", "listExports", "listJobs"}
    | {"listWebhookDeliveries", "listWebhooks"}
)


@pytest.fixture
async def worker(app: FastAPI) -> AsyncIterator[None]:
    """A worker that makes exports."""
    async with working(app, exporting(app.state.exports.lists)):
        yield


async def create(actor: Actor, address: str = PEOPLE, export_format: str = "jsonl") -> dict[str, Any]:
    return await actor.made(EXPORTS, {"list": address, "format": export_format})


async def finished(tenancy: Tenancy, actor: Actor, made: dict[str, Any]) -> dict[str, Any]:
    """Return an export when its job has ended."""
    kind = exporting(tenancy.app.state.exports.lists)
    await until(tenancy.owner, kind, lambda jobs: all(job.finished_at for job in jobs if str(job.id) == made["job_id"]))
    found: dict[str, Any] = (await actor.get(f"{EXPORTS}/{made['id']}")).json()
    return found


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("export_format", ["csv", "jsonl", "xlsx"])
async def test_a_long_list_is_made_and_downloaded(tenancy: Tenancy, owner: AsyncEngine, export_format: str) -> None:
    await add_people(owner, tenancy, 450)
    admin = tenancy.admin
    made = await create(admin, export_format=export_format)
    found = await finished(tenancy, admin, made)
    assert (found["state"], found["rows"], found["failure"]) == ("done", 450, None)
    answer = await admin.get(f"{EXPORTS}/{made['id']}/content")
    assert len(answer.content) == found["size"] == int(answer.headers["content-length"])
    if export_format == "xlsx":
        assert len(read_sheet(answer.content)) == 451
    else:
        assert answer.content == (await export(admin, PEOPLE, export_format)).content


@pytest.mark.usefixtures("worker")
async def test_an_export_says_what_it_was_made_of(tenancy: Tenancy) -> None:
    await add_person(tenancy, external_ids=[{"source": "hr", "external_id": "7"}])
    address = f"{PEOPLE}?active=true&sort=-name"
    body = {"list": address, "format": "csv", "bom": True, "source": "hr"}
    made = await tenancy.admin.made(EXPORTS, body)
    found = await finished(tenancy, tenancy.admin, made)
    assert found.items() >= {**body, "columns": list(FIELDS)}.items()
    answer = await tenancy.admin.get(f"{EXPORTS}/{made['id']}/content")
    streamed = await export(tenancy.admin, address, source="hr", bom="true")
    assert (answer.content, answer.headers["content-disposition"]) == (
        streamed.content,
        streamed.headers["content-disposition"],
    )
    assert (await create(tenancy.admin))["columns"] is None


@pytest.mark.usefixtures("worker")
async def test_a_viewer_of_a_county_gets_the_rows_of_the_county(tenancy: Tenancy) -> None:
    county = (await tenancy.organization())["id"]
    person = await add_person(tenancy, county)
    await add_person(tenancy)
    viewer = await tenancy.key(("viewer", county))
    made = await create(viewer)
    assert (await finished(tenancy, viewer, made))["rows"] == 1
    (row,) = read_lines((await viewer.get(f"{EXPORTS}/{made['id']}/content")).content)
    assert (row["id"], row["details_visible"]) == (person["id"], False)


@pytest.mark.usefixtures("worker")
async def test_only_its_creator_sees_an_export(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    made = await create(tenancy.admin)
    await finished(tenancy, tenancy.admin, made)
    for actor in (await tenancy.key(("admin", tenancy.root_id)), other_tenancy.admin):
        for path in (f"{EXPORTS}/{made['id']}", f"{EXPORTS}/{made['id']}/content"):
            assert problem(await actor.get(path)) == (404, "not_found")
        assert problem(await actor.delete(f"{EXPORTS}/{made['id']}")) == (404, "not_found")
        assert await actor.items(EXPORTS) == []


@pytest.mark.usefixtures("worker")
async def test_who_lost_a_role_downloads_nothing(tenancy: Tenancy) -> None:
    county = (await tenancy.organization())["id"]
    account = await new_account(tenancy, ("viewer", county), ("viewer", tenancy.root_id))
    made = await create(account.actor)
    await finished(tenancy, account.actor, made)
    assert (await account.actor.get(f"{EXPORTS}/{made['id']}/content")).status_code == 200
    assert (await tenancy.admin.delete(f"/v1/role-grants/{account.grants[1]}")).is_success
    assert (await account.actor.get(PEOPLE)).status_code == 200
    refused = await account.actor.get(f"{EXPORTS}/{made['id']}/content")
    assert problem(refused) == (403, "export_rights_changed")


@pytest.mark.parametrize("role", ["viewer", "integrator", "admin"])
async def test_the_stored_rights_of_a_caller_list_what_their_key_lists(
    tenancy: Tenancy, app: FastAPI, role: str
) -> None:
    county = (await tenancy.organization())["id"]
    place = await furnish(tenancy, county)
    await furnish(tenancy, tenancy.root_id)
    account = await new_account(tenancy, (role, county))
    state, tenant_id = app.state.app_state, tenancy.tenant_id

    async def sign_in() -> Principal:
        principal: Principal = await state.authenticate(f"Bearer {account.actor.token}")
        return principal

    async def load() -> Principal:
        args = (UUID(account.id), UUID(account.key_id), state.clock())
        principal = await load_creator(state.database.reads, tenant_id, *args)
        assert principal is not None
        return principal

    for operation in lists_of(app) - {"listVotes"}:
        found = app.state.exports.lists.find(CALLS[operation](place, {})[1])
        both = [await read_or_refusal(found, state, get_principal) for get_principal in (sign_in, load)]
        if operation in CHANGING and isinstance(both[0], list):
            both = [type(one) for one in both]
        assert both[0] == both[1], operation


async def read_or_refusal(address: ListAddress, state: AppState, get_principal: Any) -> Any:
    """Return all items of a list, or why it is refused."""
    try:
        return [item async for page in address.pages(state, get_principal, "test") for item in page]
    except AppError as refused:
        return refused.code


@pytest.mark.usefixtures("worker")
async def test_who_cannot_see_an_organization_any_more_downloads_nothing(tenancy: Tenancy) -> None:
    county, other = (await tenancy.organization())["id"], (await tenancy.organization())["id"]
    team = (await tenancy.organization(county))["id"]
    viewer, above = await tenancy.key(("viewer", county)), await tenancy.key(("viewer", tenancy.root_id))
    both = [(actor, await create(actor)) for actor in (viewer, above)]
    for actor, made in both:
        await finished(tenancy, actor, made)
    moved = await tenancy.admin.post(f"/v1/organizations/{team}/move", {"parent_id": other}, headers={"If-Match": "*"})
    assert moved.is_success, moved.text
    answers = [problem(await actor.get(f"{EXPORTS}/{made['id']}/content")) for actor, made in both]
    assert answers == [(403, "export_rights_changed"), (200, None)]


@pytest.mark.usefixtures("worker")
async def test_a_role_that_came_and_went_while_the_export_was_made_is_one_of_its_roles(
    tenancy: Tenancy, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    county = (await tenancy.organization())["id"]
    await add_people(owner, tenancy, 250, county)
    account = await new_account(tenancy, ("viewer", county))
    granted: list[str] = []

    async def grant_more(_job: RunningJob, _done: int) -> None:
        if not granted:
            granted.append((await grant(tenancy.admin, account.id, "viewer", tenancy.root_id)).json()["id"])

    monkeypatch.setattr(RunningJob, "report_progress", grant_more)
    made = await create(account.actor)
    assert (await finished(tenancy, account.actor, made))["rows"] == 250
    assert (await tenancy.admin.delete(f"/v1/role-grants/{granted[0]}")).is_success
    refused = await account.actor.get(f"{EXPORTS}/{made['id']}/content")
    assert problem(refused) == (403, "export_rights_changed")


async def test_a_role_that_is_lost_before_the_job_begins_shows_nothing(tenancy: Tenancy, app: FastAPI) -> None:
    county = (await tenancy.organization())["id"]
    account = await new_account(tenancy, ("viewer", county), ("viewer", tenancy.root_id), ("admin", county))
    person, _ = await add_person(tenancy, county), await add_person(tenancy)
    people, grants = await create(account.actor), await create(account.actor, "/v1/webhooks")
    for grant_id in account.grants[1:]:
        assert (await tenancy.admin.delete(f"/v1/role-grants/{grant_id}")).is_success
    kind = exporting(app.state.exports.lists)
    async with working(app, kind):
        found = [await finished(tenancy, account.actor, made) for made in (people, grants)]
    assert [(one["state"], (one["failure"] or {}).get("code")) for one in found] == [
        ("done", None),
        ("failed", "forbidden"),
    ]
    (row,) = read_lines((await account.actor.get(f"{EXPORTS}/{people['id']}/content")).content)
    assert row["id"] == person["id"]


async def test_an_export_fails_when_its_creator_ends(tenancy: Tenancy, app: FastAPI) -> None:
    account = await new_account(tenancy, ("viewer", tenancy.root_id))
    made = await create(account.actor)
    assert (await tenancy.admin.delete(f"/v1/api-keys/{account.key_id}")).is_success
    kind = exporting(app.state.exports.lists)
    async with working(app, kind):
        jobs = await until_finished(tenancy.owner, kind)
    (job,) = [job for job in jobs if str(job.id) == made["job_id"]]
    assert (job.state, job.outcome["failure"]["code"]) == ("failed", "export_rights_ended")


async def test_an_export_that_waits_is_canceled_by_deleting_it(tenancy: Tenancy, owner: AsyncEngine) -> None:
    made = await create(tenancy.admin)
    assert made["state"] == "waiting"
    refused = await tenancy.admin.get(f"{EXPORTS}/{made['id']}/content")
    assert problem(refused) == (409, "export_not_ready")
    assert (await tenancy.admin.delete(f"{EXPORTS}/{made['id']}")).status_code == 204
    job = (await tenancy.admin.get(f"/v1/jobs/{made['job_id']}")).json()
    assert job["state"] == "canceled"
    assert await tenancy.admin.items(EXPORTS) == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"list": "/v1/nothing"}, 422, "unknown_list"),
        ({"list": "/v1/people?limit=1"}, 422, "invalid_filters"),
        ({"list": "/v1/people?colour=red"}, 422, "invalid_filters"),
        ({"list": "/v1/api-keys"}, 403, "forbidden"),
        ({"list": "/v1/programs", "source": "hr"}, 422, "invalid_filters"),
        ({"list": "/v1/people?subtree=0198c6f0-8b9c-7dae-9f10-2b3c4d5e6f70"}, 404, "not_found"),
    ],
)
async def test_what_the_list_refuses_is_refused_at_once(
    tenancy: Tenancy, body: dict[str, Any], status: int, code: str
) -> None:
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    assert problem(await viewer.post(EXPORTS, body)) == (status, code)


@pytest.mark.usefixtures("worker")
async def test_the_erasure_of_a_person_deletes_exports(tenancy: Tenancy, owner: AsyncEngine) -> None:
    person = await add_person(tenancy)
    await finished(tenancy, tenancy.admin, await create(tenancy.admin))
    assert (await tenancy.admin.post(f"/v1/people/{person['id']}/erasure")).status_code == 200
    assert await tenancy.admin.items(EXPORTS) == []
    async with owner.connect() as connection:
        query = text("select count(*) from files where tenant_id = :tenant_id")
        assert await connection.scalar(query, {"tenant_id": tenancy.tenant_id}) == 0


@pytest.mark.usefixtures("worker")
async def test_an_export_is_purged_when_it_expires(tenancy: Tenancy, owner: AsyncEngine, app: FastAPI) -> None:
    made = await create(tenancy.admin)
    await finished(tenancy, tenancy.admin, made)
    async with owner.begin() as connection:
        for table in ("exports", "files"):
            query = f"update {table} set expires_at = now() where tenant_id = :tenant_id"
            await connection.execute(text(query), {"tenant_id": tenancy.tenant_id})
    await enqueue_purges(PURGE_EXPIRED, PURGES, work_of(app))
    async with working(app, PURGE_EXPIRED):
        await until_finished(owner, PURGE_EXPIRED)
    assert problem(await tenancy.admin.get(f"{EXPORTS}/{made['id']}")) == (404, "not_found")


@pytest.mark.usefixtures("worker")
async def test_creation_end_and_download_are_recorded(tenancy: Tenancy) -> None:
    made = await create(tenancy.admin, f"{PEOPLE}?q=coach")
    await finished(tenancy, tenancy.admin, made)
    await tenancy.admin.get(f"{EXPORTS}/{made['id']}/content")
    await seal_trail(tenancy)
    rows = await trail(tenancy.admin, object_type="export", object_id=made["id"])
    assert [row["action"] for row in rows] == ["export.created", "export.finished", "export.downloaded"]
    assert rows[1]["details"] == {"list": PEOPLE, "filters": ["q"], "format": "jsonl", "rows": 0}
    assert "coach" not in str(rows)
