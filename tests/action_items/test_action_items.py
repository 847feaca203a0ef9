"""Action items: made, read, changed, closed, deleted."""

import json
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.action_items.schemas import ActionItemRead
from tests.support.actors import Actor, Tenancy
from tests.support.items import ITEMS, item


async def person(tenancy: Tenancy, organization_id: str | None = None, **fields: Any) -> str:
    """Somebody's id."""
    body = {"organization_id": organization_id or tenancy.root_id, "name": "Coach, North County", **fields}
    return str((await tenancy.admin.made("/v1/people", body))["id"])


async def test_a_free_item_is_made_read_and_listed(tenancy: Tenancy, admin: Actor) -> None:
    owner = await person(tenancy)
    body = {
        "organization_id": tenancy.root_id,
        "title": "  Fund coaching ",
        "description": "For every role.",
        "practices": ["P1", "P4"],
        "owner_id": owner,
        "due_on": "2027-01-29",
        "effort": "medium",
        "expected_level": 2,
    }
    answer = await admin.post(ITEMS, body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"{ITEMS}/{made['id']}"
    kept = {name: made[name] for name in body}
    assert kept == {**body, "title": "Fund coaching"}
    assert (made["version"], made["status"], made["source"]) == (1, "proposed", "free")
    assert made["allowed_transitions"] == ["open", "dismissed"]
    for empty in ("assessment_id", "gap_score", "verified_by", "done_at"):
        assert made[empty] is None
    read = await admin.get(answer.headers["location"])
    assert read.content == answer.content
    assert read.headers["etag"] == answer.headers["etag"]
    assert await admin.items(ITEMS) == [made]


async def test_an_item_is_rendered_with_the_fields_of_its_schema(tenancy: Tenancy, admin: Actor) -> None:
    owner = await person(tenancy)
    odd = "".join(chr(point) for point in [*range(1, 0x180), 0x2028, 0xFEFF, 0xFFFD, 0xFFFF, 0x1F600, 0x10FFFF])
    full = await item(
        tenancy, description=f"<{odd}>", practices=["P1", "P9"], owner_id=owner, due_on="2020-02-29", effort="large"
    )
    assert full["description"] == f"<{odd}>"
    for made in (await item(tenancy), full):
        sent = (await admin.get(f"{ITEMS}/{made['id']}")).content
        assert list(json.loads(sent)) == list(ActionItemRead.model_fields)
        assert ActionItemRead.model_validate_json(sent).model_dump(mode="json") == json.loads(sent)


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("PATCH", "", {"title": "Ünï"}),
        ("PATCH", "", {"title": "Fund coaching"}),
        ("POST", "/transitions", {"to": "open"}),
    ],
)
async def test_every_write_answers_what_a_read_answers(
    tenancy: Tenancy, admin: Actor, method: str, below: str, body: dict[str, Any]
) -> None:
    path = f"{ITEMS}/{(await item(tenancy))['id']}"
    write = await admin.call(method, path + below, json=body, headers={"If-Match": "*"})
    read = await admin.get(path)
    assert (write.status_code, write.content, write.headers["etag"]) == (200, read.content, read.headers["etag"])
    page = (await admin.get(ITEMS)).content
    assert page.startswith(b'{"items":[' + read.content + b'],"next_cursor":null,"sync_mark":"')


async def test_a_patch_that_changes_nothing_keeps_the_version(tenancy: Tenancy, admin: Actor) -> None:
    made = await item(tenancy, practices=["P1"], due_on="2027-01-29")
    path = f"{ITEMS}/{made['id']}"
    same = await admin.patch(path, {"title": made["title"], "practices": ["P1"], "due_on": "2027-01-29"})
    assert same.json() == made
    assert len((await admin.get(f"{path}/history")).json()["items"]) == 1


async def test_a_title_is_stored_as_it_is_seen(tenancy: Tenancy, admin: Actor) -> None:
    body = {"organization_id": tenancy.root_id, "title": " Write\nthe  \u202eplan\u200b", "practices": []}
    item = await admin.made("/v1/action-items", body)
    assert item["title"] == "Write the plan"
    changed = await admin.patch(f"/v1/action-items/{item['id']}", {"title": "Write\tit"})
    assert changed.json()["title"] == "Write it"
    refused = await admin.patch(f"/v1/action-items/{item['id']}", {"title": "\u200b\u2060"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "blank_name")


async def test_a_free_item_needs_an_organization_and_a_title(tenancy: Tenancy, admin: Actor) -> None:
    for body, code, pointer in (
        ({"title": "A"}, "organization_required", "/body/organization_id"),
        ({"organization_id": tenancy.root_id}, "title_required", "/body/title"),
    ):
        answer = await admin.post(ITEMS, body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_only_an_active_person_the_caller_can_see_can_own(tenancy: Tenancy, other_tenancy: Tenancy) -> None:
    mine, beside = await tenancy.organization(), await tenancy.organization()
    manager = await tenancy.key(("manager", mine["id"]))
    made = await item(tenancy, mine["id"])
    problems = []
    for unknown in (str(uuid4()), await person(other_tenancy), await person(tenancy, beside["id"])):
        body = {"organization_id": mine["id"], "title": "A", "owner_id": unknown}
        created = await manager.post(ITEMS, body)
        patched = await manager.patch(f"{ITEMS}/{made['id']}", {"owner_id": unknown})
        for answer in (created, patched):
            assert answer.status_code == 422
            problems.append({**answer.json(), "instance": "", "request_id": ""})
    assert all(problem == problems[0] for problem in problems)
    assert problems[0]["code"] == "unknown_owner"
    assert problems[0]["errors"][0]["pointer"] == "/body/owner_id"
    gone = await person(tenancy, mine["id"], active=False)
    answer = await manager.patch(f"{ITEMS}/{made['id']}", {"owner_id": gone})
    assert (answer.status_code, answer.json()["code"]) == (422, "inactive_owner")
    assert answer.json()["errors"][0]["pointer"] == "/body/owner_id"


async def test_an_owner_who_left_stays_until_another_is_named(tenancy: Tenancy, admin: Actor) -> None:
    owner = await person(tenancy)
    made = await item(tenancy, owner_id=owner)
    await admin.patch(f"/v1/people/{owner}", {"active": False})
    same = await admin.patch(f"{ITEMS}/{made['id']}", {"owner_id": owner, "title": "Again"})
    assert same.status_code == 200, same.text
    cleared = await admin.patch(f"{ITEMS}/{made['id']}", {"owner_id": None})
    assert cleared.json()["owner_id"] is None
    assert (await admin.patch(f"{ITEMS}/{made['id']}", {"owner_id": owner})).json()["code"] == "inactive_owner"


async def test_a_patch_changes_what_it_names_and_null_clears(tenancy: Tenancy, admin: Actor) -> None:
    full: dict[str, Any] = {
        "description": "D",
        "owner_id": await person(tenancy),
        "due_on": "2027-01-29",
        "effort": "small",
        "expected_level": 2,
    }
    made = await item(tenancy, practices=["P1"], **full)
    path = f"{ITEMS}/{made['id']}"
    renamed = (await admin.patch(path, {"title": "Straße", "practices": ["P2", "P1"]})).json()
    assert (renamed["title"], renamed["practices"]) == ("Straße", ["P2", "P1"])
    assert {name: renamed[name] for name in full} == full
    assert renamed["version"] == 2
    assert [one["id"] for one in (await admin.get(ITEMS, params={"q": "STRASSE"})).json()["items"]] == [made["id"]]
    cleared = (await admin.patch(path, {"practices": [], **dict.fromkeys(full)})).json()
    assert {name: cleared[name] for name in full} == dict.fromkeys(full)
    assert cleared["practices"] == []
    for name in ("title", "practices"):
        assert (await admin.patch(path, {name: None})).status_code == 422
    for name in ("status", "organization_id", "done_owner_id", "gap_score", "verified_by", "done_at", "version"):
        refused = await admin.patch(path, {name: None})
        assert refused.json()["errors"][0]["code"] == "extra_forbidden"
    body = {"organization_id": tenancy.root_id, "title": "A", "status": "open"}
    assert (await admin.post(ITEMS, body)).json()["errors"][0]["pointer"] == "/body/status"


async def test_every_change_needs_the_version_that_was_read(tenancy: Tenancy, admin: Actor) -> None:
    path = f"{ITEMS}/{(await item(tenancy))['id']}"
    first = (await admin.get(path)).headers["etag"]

    async def tries(headers: dict[str, str]) -> list[tuple[int, str]]:
        moved = await admin.call("POST", f"{path}/transitions", json={"to": "open"}, headers=headers)
        patched = await admin.call("PATCH", path, json={"title": "B"}, headers=headers)
        deleted = await admin.call("DELETE", path, headers=headers)
        return [(answer.status_code, answer.json()["code"]) for answer in (moved, patched, deleted)]

    assert await tries({}) == [(428, "precondition_required")] * 3
    assert (await admin.patch(path, {"title": "A"}, if_match=first)).status_code == 200
    assert await tries({"If-Match": first}) == [(412, "precondition_failed")] * 3
    again = await admin.get(path)
    assert again.json()["title"] == "A"
    assert (await admin.move(path, "open", if_match=again.headers["etag"])).status_code == 200


async def test_an_unchanged_item_answers_304_for_the_same_day(tenancy: Tenancy, admin: Actor) -> None:
    path = f"{ITEMS}/{(await item(tenancy, due_on='2026-01-15'))['id']}"
    tag = (await admin.get(f"{path}?as_of=2026-01-01")).headers["etag"]
    known = {"If-None-Match": tag}
    assert (await admin.get(f"{path}?as_of=2026-01-02", headers=known)).status_code == 304
    later = await admin.get(f"{path}?as_of=2026-02-01", headers=known)
    assert (later.status_code, later.json()["overdue"]) == (200, True)
    assert later.headers["etag"].split(".")[0] == tag.split(".")[0]


@pytest.mark.parametrize("final", ["verified", "dismissed"])
async def test_a_closed_item_is_frozen(tenancy: Tenancy, admin: Actor, final: str) -> None:
    path = f"{ITEMS}/{(await item(tenancy))['id']}"
    if final == "dismissed":
        await admin.move(path, "dismissed", reason="Not ours to do")
    else:
        for step in ("open", "in_progress", "done"):
            await admin.move(path, step)
        body = {"to": "verified", "verified_by": await person(tenancy)}
        moved = await admin.call("POST", f"{path}/transitions", json=body, headers={"If-Match": "*"})
        assert moved.status_code == 200, moved.text
    for answer in (await admin.patch(path, {"title": "B"}), await admin.post(f"{path}/notes", {"text": "Late"})):
        assert (answer.status_code, answer.json()["code"]) == (423, "frozen")
    deleted = await admin.delete(path)
    if final == "verified":
        assert (deleted.status_code, deleted.json()["code"]) == (423, "frozen")
    else:
        assert deleted.status_code == 204


async def test_deleting_takes_notes_and_history_along(tenancy: Tenancy, admin: Actor) -> None:
    path = f"{ITEMS}/{(await item(tenancy))['id']}"
    await admin.made(f"{path}/notes", {"text": "Begun"})
    assert (await admin.delete(path)).status_code == 204
    for gone in (path, f"{path}/notes", f"{path}/history"):
        assert (await admin.get(gone)).status_code == 404
    assert (await admin.delete(path)).status_code == 404


async def test_notes_are_kept_with_their_author_oldest_first(tenancy: Tenancy) -> None:
    made = await item(tenancy)
    manager = await tenancy.key(("manager", tenancy.root_id))
    me = (await manager.get("/v1/me")).json()
    path = f"{ITEMS}/{made['id']}/notes"
    texts = [f"Note {number}" for number in range(5)]
    written = [await manager.made(path, {"text": f" {text} "}) for text in texts]
    assert [note["text"] for note in written] == texts
    assert {note["author_name"] for note in written} == {"test key"}
    assert {note["author_id"] for note in written} == {me["id"]}
    seen, following = [], f"{path}?limit=2"
    while following:
        answer = await manager.get(following)
        assert answer.status_code == 200, answer.text
        seen += answer.json()["items"]
        following = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == written
    unchanged = (await manager.get(f"{ITEMS}/{made['id']}")).json()
    assert (unchanged["version"], unchanged["updated_at"]) == (made["version"], made["updated_at"])


async def test_an_archived_organization_takes_no_new_items(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    await admin.move(f"/v1/organizations/{site['id']}", "archived", reason="Closed")
    refused = await admin.post(ITEMS, {"organization_id": site["id"], "title": "A"})
    assert (refused.status_code, refused.json()["code"]) == (409, "organization_archived")


async def test_work_of_an_archived_organization_may_end_and_not_begin(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    proposed, started = [f"{ITEMS}/{(await item(tenancy, site['id']))['id']}" for _ in range(2)]
    for step in ("open", "in_progress"):
        await admin.move(started, step)
    await admin.move(f"/v1/organizations/{site['id']}", "archived", reason="Closed")
    refused = await admin.move(proposed, "open")
    assert (refused.status_code, refused.json()["code"]) == (409, "organization_archived")
    assert (await admin.move(proposed, "dismissed", reason="Closed")).status_code == 200
    assert (await admin.move(started, "done")).status_code == 200


@pytest.mark.parametrize("role", ["viewer", "facilitator", "integrator"])
async def test_only_those_who_plan_may_change(tenancy: Tenancy, role: str) -> None:
    made = await item(tenancy)
    path = f"{ITEMS}/{made['id']}"
    reader = await tenancy.key((role, tenancy.root_id))
    assert (await reader.get(path)).json()["allowed_transitions"] == []
    for below in ("notes", "history"):
        assert (await reader.get(f"{path}/{below}")).status_code == 200
    for answer in (
        await reader.patch(path, {"title": "B"}),
        await reader.delete(path),
        await reader.move(path, "open"),
        await reader.post(f"{path}/notes", {"text": "A"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


HOSTILE_TEXT: list[Any] = ["", " ", "a\x00b", "a\ud800b", "a" * 10_001, 1, True, [], {}]


TOO_MANY = [*"abcdefghijklmnopqrstu"]


HOSTILE_FIELDS: dict[str, list[Any]] = {
    "organization_id": ["", "x", 1, True, [], "0" * 40],
    "assessment_id": ["x", 1, "\x00"],
    "owner_id": ["x", 10**30, "\ud800"],
    "title": HOSTILE_TEXT,
    "description": HOSTILE_TEXT,
    "practices": ["P1", TOO_MANY, [""], ["P 1"], ["P1\x00"], ["\ud800"], ["P1", "P1"], [1], [None], ["P" * 41]],
    "due_on": ["", "soon", "1899-12-31", "2201-01-01", "2026-02-30", "99999-01-01", True, 10**30, 1e300, "\x00"],
    "effort": ["", "huge", 1, "\x00", []],
    "expected_level": [0, 3, -1, True, False, 1.0, 1.5, "1", 10**30, 2**63, []],
    "surprise": [1],
}  # fmt: skip


async def test_bad_fields_are_refused_by_name(tenancy: Tenancy, admin: Actor) -> None:
    path = f"{ITEMS}/{(await item(tenancy))['id']}"
    for name, values in HOSTILE_FIELDS.items():
        for value in values:
            body = {"organization_id": tenancy.root_id, "title": "A", name: value}
            for method, place, sent in (("POST", ITEMS, body), ("PATCH", path, {name: value})):
                answer = await admin.call(
                    method,
                    place,
                    content=json.dumps(sent),
                    headers={"Content-Type": "application/json", "If-Match": "*"},
                )
                assert answer.status_code == 422, (method, name, value, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["errors"][0]["pointer"].startswith(f"/body/{name}")


async def test_bad_bodies_and_parameters_are_refused(tenancy: Tenancy, admin: Actor) -> None:
    path = f"{ITEMS}/{(await item(tenancy))['id']}"
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    for place in (ITEMS, f"{path}/transitions", f"{path}/notes"):
        for content in ("{}", "[]", "null", "1", '"x"', '{"to": "nowhere"}', '{"to": 1}', '{"text": "\\u0000"}'):
            answer = await admin.call("POST", place, content=content, headers=headers)
            assert answer.status_code == 422, (place, content, answer.text)
        for content in ("", "{", '{"title": NaN}', '{"due_on": 1e999}', '{"text": "a", "text": "b"}'):
            answer = await admin.call("POST", place, content=content, headers=headers)
            assert answer.status_code in {400, 422}, (place, content, answer.text)
    for query in (
        "as_of=x", "as_of=1899-01-01", "overdue=maybe", "status=", "status=nowhere", "effort=huge", "practice=%00",
        "practice=P%201", "q=%00", "q=", "due_before=x", "due_after=2201-01-01", "updated_since=x", "sort=title",
        "subtree=x", "owner_id=%00", "organization_id=1", "assessment_id=", "limit=0", "limit=201", "surprise=1",
        "q=a&q=b", "updated_since=2026-01-01T00:00:00",
    ):  # fmt: skip
        answer = await admin.get(f"{ITEMS}?{query}")
        assert answer.status_code == 422, (query, answer.text)
        assert answer.json()["errors"], query
    assert (await admin.get(f"{ITEMS}?cursor=x")).json()["code"] == "invalid_cursor"
    for bad in ("x", "%00", "1"):
        assert (await admin.get(f"{ITEMS}/{bad}")).status_code == 422
    assert (await admin.get(f"{path}?as_of=2201-01-01")).status_code == 422
    assert (await admin.get(f"{path}/notes?sort=id")).status_code == 422


@pytest.mark.parametrize(
    "title",
    [
        'Say "yes" \\ and / no',
        "Tab\tand\nline",
        "\u0001\u001f\u007f\u0085\u2028 control",
        "Žluťoučký 你好 \U0001f600 عربى",
        "<script>&amp;'",
    ],
)
async def test_what_the_server_renders_is_what_the_model_would(tenancy: Tenancy, admin: Actor, title: str) -> None:
    body = {"organization_id": tenancy.root_id, "title": title, "practices": ["P1", "P9"], "description": title}
    for fields in ({}, {"due_on": "2020-01-31", "effort": "small", "expected_level": 2}):
        made = await admin.post("/v1/action-items", body | fields)
        assert made.status_code == 201, made.text
        path = made.headers["location"]
        read = await admin.get(path)
        assert read.content == made.content
        assert read.headers["etag"] == made.headers["etag"]
        listed = await admin.get("/v1/action-items?sort=-id&limit=1")
        assert listed.content == b'{"items":[' + made.content + listed.content[len(made.content) + 10 :]


async def test_whole_seconds_are_rendered_alike(tenancy: Tenancy, admin: Actor, owner: AsyncEngine) -> None:
    made = await admin.made("/v1/action-items", {"organization_id": tenancy.root_id, "title": "T", "practices": []})
    async with owner.begin() as connection:
        await connection.execute(
            text(
                "update action_items set created_at = '2026-01-31T12:00:00Z', updated_at = '2026-01-31T12:00:00.5Z'"
                " where id = :id"
            ),
            {"id": made["id"]},
        )
    read = (await admin.get(f"/v1/action-items/{made['id']}")).json()
    assert (read["created_at"], read["updated_at"]) == ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.500000Z")
    rehearsed = await admin.patch(f"/v1/action-items/{made['id']}?dry_run=true", {"title": "T"})
    assert rehearsed.json()["created_at"] == read["created_at"]
