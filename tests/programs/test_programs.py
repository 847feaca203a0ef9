"""Programs over HTTP."""

import json
from uuid import uuid4

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.statements import count_statements

JSON = {"Content-Type": "application/json"}
NUL = "\x00"


async def program(tenancy: Tenancy, organization_id: str | None = None, **fields: object) -> dict[str, str]:
    body = {"organization_id": organization_id or tenancy.root_id, "name": "Home visiting", **fields}
    return await tenancy.admin.made("/v1/programs", body)


async def test_a_program_is_created_read_and_listed(tenancy: Tenancy, admin: Actor) -> None:
    answer = await admin.post(
        "/v1/programs",
        {
            "organization_id": tenancy.root_id,
            "name": "  Home visiting ",
            "description": "Weekly visits.",
            "website": "https://Example.org/a%20b?x=1",
        },
    )
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"/v1/programs/{made['id']}"
    assert made["name"] == "Home visiting"
    assert made["website"] == "https://Example.org/a%20b?x=1"
    read = await admin.get(answer.headers["location"])
    assert read.json() == made
    assert read.headers["etag"] == answer.headers["etag"]
    assert await admin.items("/v1/programs") == [made]


async def test_a_county_sees_its_states_programs_and_not_its_neighbours(tenancy: Tenancy) -> None:
    region = await tenancy.organization(kind="region")
    county = await tenancy.organization(region["id"], kind="county")
    site = await tenancy.organization(county["id"])
    beside = await tenancy.organization(region["id"], kind="county")
    made = [await program(tenancy, owner) for owner in (None, region["id"], county["id"], site["id"])]
    foreign = await program(tenancy, beside["id"])
    viewer = await tenancy.key(("viewer", county["id"]))
    listed = await viewer.get("/v1/programs")
    assert [item["id"] for item in listed.json()["items"]] == [item["id"] for item in made]
    for item in made:
        assert (await viewer.get(f"/v1/programs/{item['id']}")).json() == item
    assert (await viewer.get(f"/v1/programs/{foreign['id']}")).status_code == 404


async def test_a_list_of_two_counties_holds_what_is_above_them_once(tenancy: Tenancy) -> None:
    counties = [await tenancy.organization(kind="county") for _ in range(2)]
    made = [await program(tenancy, owner) for owner in (None, *(county["id"] for county in counties))]
    viewer = await tenancy.key(*(("viewer", county["id"]) for county in counties))
    seen, path = [], "/v1/programs?limit=1"
    while path:
        answer = await viewer.get(path)
        assert answer.status_code == 200, answer.text
        seen += [item["id"] for item in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == [item["id"] for item in made]


async def test_a_program_of_one_above_can_be_read_and_not_changed(tenancy: Tenancy) -> None:
    county = await tenancy.organization(kind="county")
    states, own = await program(tenancy), await program(tenancy, county["id"])
    manager = await tenancy.key(("manager", county["id"]))
    refused = await manager.patch(f"/v1/programs/{states['id']}", {"name": "Mine"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await manager.delete(f"/v1/programs/{states['id']}")).status_code == 403
    assert (await manager.patch(f"/v1/programs/{own['id']}", {"name": "Mine"})).json()["name"] == "Mine"
    above = await manager.post("/v1/programs", {"organization_id": tenancy.root_id, "name": "X"})
    assert above.status_code == 404


async def test_what_the_caller_cannot_see_does_not_exist(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    mine, beside = await tenancy.organization(), await tenancy.organization()
    theirs = [await program(tenancy, beside["id"]), await program(other_tenancy)]
    manager = await tenancy.key(("manager", mine["id"]))
    missing = (await manager.get(f"/v1/programs/{uuid4()}")).json()
    for foreign in theirs:
        path = f"/v1/programs/{foreign['id']}"
        answers = [await manager.get(path), await manager.patch(path, {"name": "X"}), await manager.delete(path)]
        for answer in answers:
            assert answer.status_code == 404
            assert {**answer.json(), "instance": "", "request_id": ""} == {**missing, "instance": "", "request_id": ""}


async def test_a_viewer_changes_nothing(tenancy: Tenancy) -> None:
    made = await program(tenancy)
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    path = f"/v1/programs/{made['id']}"
    body = {"organization_id": tenancy.root_id, "name": "X"}
    answers = [
        await viewer.post("/v1/programs", body),
        await viewer.patch(path, {"name": "X"}),
        await viewer.delete(path),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]


async def test_a_patch_needs_the_version_that_was_read(tenancy: Tenancy, admin: Actor) -> None:
    made = await program(tenancy, description="Weekly.", website="https://example.org/")
    path = f"/v1/programs/{made['id']}"
    tag = (await admin.get(path)).headers["etag"]
    assert (await admin.patch(path, {"name": "A"}, if_match=None)).status_code == 428
    first = await admin.patch(path, {"website": None}, if_match=tag)
    assert first.json() == {
        **made,
        "website": None,
        "version": 2,
        "updated_at": first.json()["updated_at"],
    }
    stale = await admin.patch(path, {"name": "B"}, if_match=tag)
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert (await admin.delete(path, if_match=tag)).status_code == 412
    assert (await admin.get(path, headers={"If-None-Match": first.headers["etag"]})).status_code == 304


async def test_programs_are_found_by_name_owner_and_change(tenancy: Tenancy, admin: Actor) -> None:
    county = await tenancy.organization(kind="county")
    visits = await program(tenancy, name="Zürich Visits")
    parents = await program(tenancy, county["id"], name="Parent groups")

    async def listed(**params: str) -> list[str]:
        answer = await admin.get("/v1/programs", params=params)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert await listed(q="ZÜRICH v") == [visits["id"]]
    assert await listed(organization_id=county["id"]) == [parents["id"]]
    assert await listed(sort="name") == [parents["id"], visits["id"]]
    assert await listed(sort="-name") == [visits["id"], parents["id"]]
    await admin.patch(f"/v1/programs/{visits['id']}", {"name": "Arrivals"})
    assert await listed(sort="-updated_at") == [visits["id"], parents["id"]]
    assert await listed(sort="name", q="ar") == [visits["id"], parents["id"]]
    changed = (await admin.get(f"/v1/programs/{visits['id']}")).json()["updated_at"]
    assert await listed(updated_since=changed) == [visits["id"]]


@pytest.mark.parametrize("sort", ["id", "-id", "name", "-name", "updated_at", "-updated_at"])
async def test_every_order_pages_through_all(tenancy: Tenancy, admin: Actor, sort: str) -> None:
    made = [await program(tenancy, name=name) for name in ("B", "A", "B")]
    seen, path = [], f"/v1/programs?limit=1&sort={sort}"
    while path:
        answer = await admin.get(path)
        assert answer.status_code == 200, answer.text
        seen += [item["id"] for item in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert sorted(seen) == sorted(item["id"] for item in made)
    assert seen == [item["id"] for item in (await admin.get(f"/v1/programs?sort={sort}")).json()["items"]]


async def test_a_program_in_use_stays(tenancy: Tenancy, admin: Actor) -> None:
    used, unused = await program(tenancy), await program(tenancy)
    await admin.made("/v1/implementations", {"organization_id": tenancy.root_id, "program_id": used["id"]})
    refused = await admin.delete(f"/v1/programs/{used['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert (await admin.get(f"/v1/programs/{used['id']}")).json() == used
    assert (await admin.delete(f"/v1/programs/{unused['id']}")).status_code == 204
    assert (await admin.get(f"/v1/programs/{unused['id']}")).status_code == 404


async def test_an_archived_organization_takes_no_programs(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    await admin.move(f"/v1/organizations/{site['id']}", "archived")
    refused = await admin.post("/v1/programs", {"organization_id": site["id"], "name": "X"})
    assert (refused.status_code, refused.json()["code"]) == (409, "organization_archived")


@pytest.mark.parametrize(
    "website",
    [
        "ftp://example.org/",
        "example.org",
        "https://",
        "https://[::1",
        "https://example.org:99999/",
        "https://example.org/a b",
        "https://example.org/\n",
        "javascript:alert(1)",
        "https://exämple.org/",
        f"https://example.org/{NUL}",
        "https://example.org/" + "a" * 500,
        7,
        {},
    ],
)
async def test_a_website_is_an_address_of_the_web(tenancy: Tenancy, admin: Actor, website: object) -> None:
    body = {"organization_id": tenancy.root_id, "name": "X", "website": website}
    answer = await admin.post("/v1/programs", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/website")


@pytest.mark.parametrize(
    "change",
    [
        {"name": f"A{NUL}"},
        {"name": "\ud800"},
        {"name": " "},
        {"name": "x" * 201},
        {"name": None},
        {"name": 10**400},
        {"name": True},
        {"description": f"{NUL}"},
        {"description": "x" * 10_001},
        {"organization_id": "nobody"},
        {"organization_id": 10**40},
        {"organization_id": None},
        {"colour": "red"},
    ],
)
async def test_a_bad_field_is_refused_by_name(tenancy: Tenancy, admin: Actor, change: dict[str, object]) -> None:
    body = json.dumps({"organization_id": tenancy.root_id, "name": "X", **change})
    answer = await admin.call("POST", "/v1/programs", content=body, headers=JSON)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == f"/body/{next(iter(change))}"


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "limit=99999999999999999999",
        "organization_id=1",
        "sort=colour",
        "updated_since=2026-01-01",
        "colour=red",
    ],
)
async def test_a_bad_query_is_refused(admin: Actor, query: str) -> None:
    answer = await admin.get(f"/v1/programs?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_an_owner_cannot_be_patched(tenancy: Tenancy, admin: Actor) -> None:
    made = await program(tenancy)
    answer = await admin.patch(f"/v1/programs/{made['id']}", {"organization_id": tenancy.root_id})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/organization_id")


@pytest.mark.usefixtures("marks_known")
async def test_reading_programs_costs_few_statements(tenancy: Tenancy) -> None:
    county = await tenancy.organization(kind="county")
    made = await program(tenancy)
    for path, most in ((f"/v1/programs/{made['id']}", 2), ("/v1/programs?q=home", 2)):
        viewer = await tenancy.key(("viewer", county["id"]))
        assert await count_statements(viewer, tenancy.app, path) <= most
