"""People over HTTP."""

import json
from typing import Any
from uuid import uuid4

import pytest

from app.text import search_key
from tests.support.actors import Actor, Tenancy
from tests.support.people import add_person as person
from tests.support.people import hidden
from tests.support.statements import count_statements

JSON = {"Content-Type": "application/json"}


async def test_a_person_is_created_read_and_listed(tenancy: Tenancy) -> None:
    county = await tenancy.organization(kind="county")
    integrator = await tenancy.key(("integrator", county["id"]))
    answer = await integrator.post("/v1/people", {"organization_id": county["id"], "name": " Coach, North County "})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["name"], made["active"]) == ("Coach, North County", True)
    assert answer.headers["location"] == f"/v1/people/{made['id']}"
    read = await integrator.get(answer.headers["location"])
    assert read.json() == made
    assert read.headers["etag"] == answer.headers["etag"]
    assert await integrator.items("/v1/people") == [made]


async def test_a_patch_needs_the_version_that_was_read(tenancy: Tenancy, admin: Actor) -> None:
    made = await person(tenancy)
    path = f"/v1/people/{made['id']}"
    tag = (await admin.get(path)).headers["etag"]
    assert (await admin.patch(path, {"active": False}, if_match=None)).status_code == 428
    first = await admin.patch(path, {"active": False}, if_match=tag)
    changed = {"active": False, "employment_status": "left", "version": 2}
    assert first.json() == {**made, **changed, "updated_at": first.json()["updated_at"]}
    stale = await admin.patch(path, {"active": True}, if_match=tag)
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert (await admin.delete(path, if_match=tag)).status_code == 412
    assert (await admin.delete(path)).status_code == 204
    assert (await admin.get(path)).status_code == 404


async def test_a_person_moves_where_the_caller_has_the_role_too(tenancy: Tenancy, admin: Actor) -> None:
    here, there, seen, unseen = [await tenancy.organization() for _ in range(4)]
    integrator = await tenancy.key(("integrator", here["id"]), ("integrator", there["id"]), ("viewer", seen["id"]))
    path = f"/v1/people/{(await person(tenancy, here['id']))['id']}"
    forbidden = await integrator.patch(path, {"organization_id": seen["id"]})
    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "forbidden")
    for unknown in (unseen["id"], str(uuid4())):
        refused = await integrator.patch(path, {"organization_id": unknown})
        assert (refused.status_code, refused.json()["code"]) == (422, "unknown_organization")
        assert refused.json()["errors"][0]["pointer"] == "/body/organization_id"
    moved = await integrator.patch(path, {"organization_id": there["id"]})
    assert moved.json()["organization_id"] == there["id"]
    await admin.move(f"/v1/organizations/{here['id']}", "archived")
    archived = await integrator.patch(path, {"organization_id": here["id"]})
    assert (archived.status_code, archived.json()["code"]) == (409, "organization_archived")


async def test_a_person_of_an_archived_organization_can_still_be_changed(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    made = await person(tenancy, site["id"])
    await admin.move(f"/v1/organizations/{site['id']}", "archived")
    changed = await admin.patch(f"/v1/people/{made['id']}", {"organization_id": site["id"], "active": False})
    assert changed.json()["active"] is False
    refused = await admin.post("/v1/people", {"organization_id": site["id"], "name": "Coach"})
    assert (refused.status_code, refused.json()["code"]) == (409, "organization_archived")


async def test_whoever_owns_work_stays(tenancy: Tenancy, admin: Actor) -> None:
    made = await person(tenancy)
    item = {"organization_id": tenancy.root_id, "title": "Write the plan", "owner_id": made["id"]}
    await admin.made("/v1/action-items", item)
    refused = await admin.delete(f"/v1/people/{made['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")


async def test_a_viewer_changes_nothing(tenancy: Tenancy) -> None:
    made = await person(tenancy)
    path = f"/v1/people/{made['id']}"
    for role in ("viewer", "manager"):
        caller = await tenancy.key((role, tenancy.root_id))
        assert (await caller.get(path)).json() == hidden(made)
        answers = [
            await caller.post("/v1/people", {"organization_id": tenancy.root_id, "name": "X"}),
            await caller.patch(path, {"name": "X"}),
            await caller.delete(path),
        ]
        assert [answer.status_code for answer in answers] == [403, 403, 403]


async def test_what_the_caller_cannot_see_does_not_exist(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    mine, beside = await tenancy.organization(), await tenancy.organization()
    own = await person(tenancy, mine["id"])
    integrator = await tenancy.key(("integrator", mine["id"]))
    missing = (await integrator.get(f"/v1/people/{uuid4()}")).json()
    foreign = [await person(tenancy, beside["id"]), await person(tenancy), await person(other_tenancy)]
    for path in (f"/v1/people/{one['id']}" for one in foreign):
        answers = [
            await integrator.get(path),
            await integrator.patch(path, {"name": "X"}),
            await integrator.delete(path),
        ]
        for answer in answers:
            assert answer.status_code == 404
            assert {**answer.json(), "instance": "", "request_id": ""} == {**missing, "instance": "", "request_id": ""}
    assert [item["id"] for item in (await integrator.get("/v1/people")).json()["items"]] == [own["id"]]
    elsewhere = await integrator.post("/v1/people", {"organization_id": beside["id"], "name": "X"})
    assert elsewhere.status_code == 404


async def test_people_are_found_by_name_organization_activity_and_change(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    coach = await person(tenancy, name="Coach, Site")
    nurse = await person(tenancy, site["id"], name="Advising nurse", active=False)

    async def listed(**params: str) -> list[str]:
        answer = await admin.get("/v1/people", params=params)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert await listed(q="SITE") == [coach["id"]]
    assert await listed(organization_id=site["id"]) == [nurse["id"]]
    assert await listed(active="true") == [coach["id"]]
    assert await listed(active="false") == [nurse["id"]]
    assert await listed(sort="name") == [nurse["id"], coach["id"]]
    assert await listed(sort="-name") == [coach["id"], nurse["id"]]
    changed = (await admin.patch(f"/v1/people/{coach['id']}", {"name": "Coach"})).json()
    assert await listed(sort="-updated_at") == [coach["id"], nurse["id"]]
    assert await listed(updated_since=changed["updated_at"]) == [coach["id"]]


async def test_people_page_by_name(tenancy: Tenancy, admin: Actor) -> None:
    made = {(await person(tenancy, name=name))["id"] for name in ("B", "a", "b", "Ä")}
    seen, path = [], "/v1/people?limit=1&sort=name&active=true"
    while path:
        answer = await admin.get(path)
        assert answer.status_code == 200, answer.text
        seen += answer.json()["items"]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert {item["id"] for item in seen} == made
    assert [search_key(item["name"]) for item in seen] == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    "asked", ["eric", "ERIC", "Éric", "e\u0301ric", "o'brien", "O\u2019B", "brien - north", "brien  \u2013 north"]
)
async def test_a_person_is_found_however_the_name_is_typed(tenancy: Tenancy, admin: Actor, asked: str) -> None:
    made = await person(tenancy, name=" Éric  O\u2019Brien \u2014\u200b North ")
    assert made["name"] == "Éric O\u2019Brien \u2014 North"
    assert [item["id"] for item in await admin.items("/v1/people", q=asked)] == [made["id"]]


@pytest.mark.parametrize("value", ["1", "yes", "True", "TRUE", "", "null", "%00"])
async def test_a_flag_is_true_or_false(admin: Actor, value: str) -> None:
    answer = await admin.get(f"/v1/people?active={value}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/active")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "\x00"),
        ("name", "\udfff"),
        ("name", ""),
        ("name", 10**400),
        ("active", "true"),
        ("active", 1),
        ("active", None),
        ("organization_id", "here"),
        ("organization_id", None),
        ("telephone", "555"),
        ("email", "coach"),
        ("email", "two words@agency.example"),
        ("email", ""),
        ("employee_number", ""),
        ("manager_id", "me"),
        ("employment_status", None),
        ("employment_status", "retired"),
        ("hired_on", "1.2.2024"),
        ("left_on", 20240201),
        ("external_ids", None),
    ],
)
async def test_a_bad_field_is_refused_by_name(tenancy: Tenancy, admin: Actor, field: str, value: Any) -> None:
    made = await person(tenancy)
    answers = [
        await admin.call(method, path, content=json.dumps(body), headers={**JSON, "If-Match": "*"})
        for method, path, body in (
            ("POST", "/v1/people", {"organization_id": tenancy.root_id, "name": "X", field: value}),
            ("PATCH", f"/v1/people/{made['id']}", {field: value}),
        )
    ]
    for answer in answers:
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"].startswith(f"/body/{field}")


@pytest.mark.usefixtures("marks_known")
async def test_reading_people_costs_few_statements(tenancy: Tenancy) -> None:
    made = await person(tenancy)
    for path in (f"/v1/people/{made['id']}", "/v1/people?q=coach&active=true"):
        viewer = await tenancy.key(("viewer", tenancy.root_id))
        assert await count_statements(viewer, tenancy.app, path) <= 2
