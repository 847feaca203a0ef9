"""A whole list is sent in one answer, with the rights, the filters and the hidden fields of the list."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.exports import streaming
from app.exports.columns import columns_of
from tests.support.accounts import problem
from tests.support.actors import Actor, Tenancy
from tests.support.audit import seal_trail, trail
from tests.support.calls import CALLS
from tests.support.exports import PATH, add_people, export, read_lines, read_sheet, read_table
from tests.support.people import KNOWN, add_person
from tests.support.places import furnish

PEOPLE = "/v1/people"


async def walk(actor: Actor, path: str) -> list[Any]:
    """Return all items of a list, page by page."""
    items: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await actor.get(path, params={"cursor": cursor} if cursor else {})).json()
        items += page["items"]
        cursor = page.get("next_cursor")
    return items


def lists_of(app: FastAPI) -> set[str]:
    """Return the operations that answer pages, from the document."""
    operations = [operation for entry in app.openapi()["paths"].values() for operation in entry.values()]
    return {
        one["operationId"]
        for one in operations
        if {"cursor", "after"} & {parameter["name"] for parameter in one.get("parameters", ())}
    }


async def test_every_list_can_be_exported(tenancy: Tenancy, app: FastAPI) -> None:
    place = await furnish(tenancy, tenancy.root_id)
    assert place.seat is not None
    exportable = set()
    for operation in lists_of(app):
        _, path, _ = CALLS[operation](place, {})
        actor = place.seat if operation == "listVotes" else tenancy.admin
        found = app.state.exports.lists.find(path)
        answer = await export(actor, path, "jsonl")
        assert answer.status_code == 200, (operation, answer.text)
        assert columns_of(found.model), operation
        if operation not in {"listAuditEvents", "listEvents"}:
            assert read_lines(answer.content) == await walk(actor, path), operation
        exportable.add(found.operation)
    assert exportable == lists_of(app) >= {"listPeople", "listEvents", "listAuditEvents", "listParticipants"}


@pytest.mark.parametrize("role", ["viewer", "integrator"])
async def test_an_export_shows_what_the_list_shows(tenancy: Tenancy, role: str) -> None:
    county = (await tenancy.organization())["id"]
    await add_person(tenancy, **KNOWN)
    person = await add_person(tenancy, county, **{**KNOWN, "external_ids": [], "email": None, "employee_number": None})
    reader = await tenancy.key((role, county))
    exported = read_lines((await export(reader, PEOPLE, "jsonl")).content)
    assert [one["id"] for one in exported] == [person["id"]]
    assert exported == await reader.items(PEOPLE)
    (row,) = read_table((await export(reader, PEOPLE)).content)
    assert row["position"] == ("" if role == "viewer" else "Coach")


async def test_long_lists_are_exported_whole_and_in_order(tenancy: Tenancy, owner: AsyncEngine) -> None:
    await add_people(owner, tenancy, 5_000)
    answer = await export(tenancy.admin, f"{PEOPLE}?sort=-name&active=true")
    names = [row["name"] for row in read_table(answer.content)]
    assert len(names) == 5_000
    assert names == sorted(names, key=str.lower, reverse=True)
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("text/csv; charset=utf-8", "no-store")
    assert answer.headers["content-disposition"].startswith('attachment; filename="people-')


async def test_a_table_begins_with_a_mark_where_excel_is_to_read_it(admin: Actor) -> None:
    plain, marked = (await export(admin, PEOPLE)).content, (await export(admin, PEOPLE, bom="true")).content
    assert marked == b"\xef\xbb\xbf" + plain


async def test_a_workbook_has_the_cells_of_the_table(tenancy: Tenancy) -> None:
    person = await add_person(tenancy, **{**KNOWN, "name": "=HYPERLINK(1)"})
    header, row = read_sheet((await export(tenancy.admin, PEOPLE, "xlsx")).content)
    assert header == list(person)
    assert row[:4] == [person["id"], "1", person["created_at"], person["updated_at"]]
    assert "'=HYPERLINK(1)" in row


async def test_a_workbook_that_takes_long_is_refused(
    tenancy: Tenancy, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "MOST_SHEET_ROWS", 250)
    await add_people(owner, tenancy, 300)
    assert problem(await export(tenancy.admin, PEOPLE, "xlsx")) == (422, "export_too_large")


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/v1/nothing", 422, "unknown_list"),
        ("/v1/me", 422, "unknown_list"),
        ("/v1/export", 422, "unknown_list"),
        ("/v1/people?limit=5", 422, "invalid_filters"),
        ("/v1/people?cursor=x", 422, "invalid_filters"),
        ("/v1/people?colour=red", 422, "invalid_filters"),
        ("/v1/people?subtree=x", 422, "invalid_filters"),
        ("people", 422, "invalid"),
    ],
)
async def test_what_is_no_list_is_refused(admin: Actor, address: str, status: int, code: str) -> None:
    assert problem(await export(admin, address)) == (status, code)


async def test_an_export_is_refused_as_its_list_is(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    assert problem(await export(viewer, "/v1/api-keys")) == (403, "forbidden")
    assert problem(await export(viewer, f"{PEOPLE}?subtree={other_tenancy.root_id}")) == (404, "not_found")
    assert problem(await export(Actor(tenancy.http, ""), PEOPLE)) == (401, "unauthorized")


async def test_an_export_is_recorded_without_the_values_of_its_filters(tenancy: Tenancy) -> None:
    await add_person(tenancy)
    await export(tenancy.admin, f"{PEOPLE}?q=coach&active=true")
    await seal_trail(tenancy)
    begun, ended = await trail(tenancy.admin, object_type="export")
    assert (begun["action"], ended["action"]) == ("export.begun", "export.ended")
    assert begun["details"] == {"list": PEOPLE, "filters": ["active", "q"], "format": "csv"}
    assert ended["details"] == {**begun["details"], "is_complete": True, "rows": 1}
    assert begun["actor"]["id"] == ended["actor"]["id"]


async def test_the_length_of_a_ballot_is_not_recorded(tenancy: Tenancy) -> None:
    place = await furnish(tenancy, tenancy.root_id)
    assert place.seat is not None
    await export(place.seat, f"/v1/assessments/{place.assessment}/votes")
    await seal_trail(tenancy)
    rows = await trail(tenancy.admin, operation="exportList")
    assert [row["details"].get("rows") for row in rows] == [None, None]


class Client:
    """A client of the app that does something after the first part of the body."""

    def __init__(self, actor: Actor, on_body: Any) -> None:
        self.actor = actor
        self.on_body = on_body
        self.body = b""
        self.is_whole = False
        self.gone = asyncio.Event()

    async def export(self, app: FastAPI, **params: str) -> None:
        authorization = f"Bearer {self.actor.token}".encode()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "path": PATH,
            "raw_path": PATH.encode(),
            "query_string": urlencode(params).encode(),
            "headers": [(b"authorization", authorization), (b"host", b"test")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "scheme": "http",
        }
        await app(scope, self.receive, self.send)

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            is_first = not self.body
            self.body += message.get("body", b"")
            self.is_whole = not message.get("more_body", False)
            if is_first:
                await self.on_body(self)


async def test_an_export_ends_when_the_key_is_revoked(tenancy: Tenancy, owner: AsyncEngine, app: FastAPI) -> None:
    await add_people(owner, tenancy, 1_000)
    reader = await tenancy.key(("viewer", tenancy.root_id))

    async def revoke(_client: Client) -> None:
        assert (await tenancy.admin.delete(f"/v1/api-keys/{tenancy.keys[-1]}")).is_success

    client = Client(reader, revoke)
    await client.export(app, list=PEOPLE, format="jsonl")
    assert (client.body.count(b"\n"), client.is_whole) == (200, False)


async def test_an_export_ends_when_the_client_goes_away(tenancy: Tenancy, owner: AsyncEngine, app: FastAPI) -> None:
    await add_people(owner, tenancy, 1_000)

    async def leave(client: Client) -> None:
        client.gone.set()
        await asyncio.Event().wait()

    for _time in range(streaming._MOST_OF_ONE + 1):
        await Client(tenancy.admin, leave).export(app, list=PEOPLE, format="jsonl")
    await seal_trail(tenancy)
    ended = [row["details"] for row in await trail(tenancy.admin, object_type="export", action="export.ended")]
    assert {(data["is_complete"], data["rows"]) for data in ended} == {(False, 200)}
    assert len(ended) == streaming._MOST_OF_ONE + 1


async def test_one_caller_has_few_exports_at_once(tenancy: Tenancy, app: FastAPI) -> None:
    refused: list[httpx.Response] = []

    async def again(_client: Client) -> None:
        if not refused and app.state.exports._running.total() < streaming._MOST_OF_ONE:
            await Client(tenancy.admin, again).export(app, list=PEOPLE)
        elif not refused:
            refused.append(await export(tenancy.admin, PEOPLE))

    await Client(tenancy.admin, again).export(app, list=PEOPLE)
    assert problem(refused[0]) == (429, "too_many_exports")
    assert app.state.exports._running.total() == 0


async def test_a_head_request_reads_nothing_more(admin: Actor) -> None:
    answer = await admin.call("HEAD", PATH, params={"list": PEOPLE})
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "text/csv; charset=utf-8", b"")
