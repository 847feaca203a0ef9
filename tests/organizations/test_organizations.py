"""Organizations over HTTP."""

from uuid import uuid4

from tests.support.actors import Actor, Tenancy


async def test_a_child_is_created_read_and_listed(tenancy: Tenancy, admin: Actor) -> None:
    answer = await admin.post(
        "/v1/organizations",
        {
            "parent_id": tenancy.root_id,
            "kind": "county",
            "name": "  North County ",
            "staff_count": 40,
            "timezone": "America/Chicago",
            "external_ids": [{"source": "hr", "external_id": "4711"}],
        },
    )
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"/v1/organizations/{made['id']}"
    assert made["name"] == "North County"
    assert made["depth"] == 1
    assert made["allowed_transitions"] == ["archived"]
    read = await admin.get(answer.headers["location"])
    assert read.json() == made
    assert read.headers["etag"] == answer.headers["etag"]
    listed = await admin.get("/v1/organizations", params={"external_source": "hr", "external_id": "4711"})
    assert listed.json()["items"] == [made]


async def test_an_unchanged_organization_answers_304(tenancy: Tenancy, admin: Actor) -> None:
    path = f"/v1/organizations/{tenancy.root_id}"
    tag = (await admin.get(path)).headers["etag"]
    again = await admin.get(path, headers={"If-None-Match": tag})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == tag


async def test_a_patch_needs_the_version_that_was_read(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization(staff_count=7)
    path = f"/v1/organizations/{site['id']}"
    tag = (await admin.get(path)).headers["etag"]
    without = await admin.patch(path, {"name": "A"}, if_match=None)
    assert (without.status_code, without.json()["code"]) == (428, "precondition_required")
    first = await admin.patch(path, {"staff_count": None}, if_match=tag)
    assert first.status_code == 200
    assert first.json()["staff_count"] is None
    assert first.json()["name"] == site["name"]
    stale = await admin.patch(path, {"name": "B"}, if_match=tag)
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert stale.headers["etag"].startswith('"2.')
    on_purpose = await admin.patch(path, {"name": "B"}, if_match="*")
    assert on_purpose.json()["name"] == "B"


async def test_descendants_come_parents_first_and_page_through(tenancy: Tenancy, admin: Actor) -> None:
    top = await tenancy.organization(name="Top")
    made = []
    for number in range(3):
        child = await tenancy.organization(top["id"], name=f"Child {number}")
        made.append(child["id"])
        made.append((await tenancy.organization(child["id"], name="Leaf"))["id"])
    seen, path = [], f"/v1/organizations/{top['id']}/descendants?limit=4"
    while path:
        answer = await admin.get(path)
        assert answer.status_code == 200, answer.text
        seen += [item["id"] for item in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == made
    shallow = await admin.get(f"/v1/organizations/{top['id']}/descendants?max_depth=1")
    assert [item["depth"] for item in shallow.json()["items"]] == [2, 2, 2]


async def test_an_archived_organization_takes_no_children(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    archived = await admin.move(f"/v1/organizations/{site['id']}", "archived", reason="Closed")
    assert archived.json()["status"] == "archived"
    body = {"parent_id": site["id"], "kind": "team", "name": "Team"}
    refused = await admin.post("/v1/organizations", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "organization_archived")
    twice = await admin.move(f"/v1/organizations/{site['id']}", "archived")
    assert (twice.status_code, twice.json()["allowed"]) == (409, ["active"])


async def test_deleting_takes_only_what_nothing_refers_to(tenancy: Tenancy, admin: Actor) -> None:
    top = await tenancy.organization()
    leaf = await tenancy.organization(top["id"])
    refused = await admin.delete(f"/v1/organizations/{top['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "has_children")
    assert (await admin.delete(f"/v1/organizations/{leaf['id']}")).status_code == 204
    assert (await admin.get(f"/v1/organizations/{leaf['id']}")).status_code == 404
    assert (await admin.delete(f"/v1/organizations/{top['id']}")).status_code == 204
    root = await admin.delete(f"/v1/organizations/{tenancy.root_id}")
    assert root.json()["code"] == "root_organization"


async def test_what_lies_outside_the_grant_does_not_exist(
    tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor
) -> None:
    mine, beside = await tenancy.organization(), await tenancy.organization()
    viewer = await tenancy.key(("viewer", mine["id"]))
    missing = (await viewer.get(f"/v1/organizations/{uuid4()}")).json()
    for foreign in (beside["id"], tenancy.root_id, other_tenancy.root_id):
        answer = await viewer.get(f"/v1/organizations/{foreign}")
        assert answer.status_code == 404
        assert {**answer.json(), "instance": "", "request_id": ""} == {**missing, "instance": "", "request_id": ""}
    listed = await viewer.get("/v1/organizations")
    assert [item["id"] for item in listed.json()["items"]] == [mine["id"]]
    refused = await viewer.patch(f"/v1/organizations/{mine['id']}", {"name": "X"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_a_cursor_is_good_for_its_own_list_only(tenancy: Tenancy, admin: Actor) -> None:
    for _ in range(2):
        await tenancy.organization()
    cursor = (await admin.get("/v1/organizations?limit=1")).json()["next_cursor"]
    assert (await admin.get("/v1/organizations", params={"cursor": cursor})).status_code == 200
    for changed in ({"kind": "site"}, {"sort": "-id"}):
        answer = await admin.get("/v1/organizations", params={"cursor": cursor, **changed})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")
    forged = await admin.get("/v1/organizations", params={"cursor": cursor[:-2] + "AA"})
    assert forged.json()["code"] == "invalid_cursor"
