"""The course of an action item over HTTP: every move, and what is kept of it."""

from itertools import pairwise, product
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.events.models import AuditEvent, OutboxEvent
from tests.support.actors import Actor, Tenancy

ITEMS = "/v1/action-items"
LEGAL = {
    "proposed": ["open", "dismissed"],
    "open": ["in_progress", "dismissed"],
    "in_progress": ["blocked", "done", "dismissed"],
    "blocked": ["in_progress", "done", "dismissed"],
    "done": ["in_progress", "verified", "dismissed"],
    "verified": ["in_progress"],
    "dismissed": ["open"],
}
CLOSED = {"verified", "dismissed"}
WAY = {
    "proposed": [],
    "open": ["open"],
    "in_progress": ["open", "in_progress"],
    "blocked": ["open", "in_progress", "blocked"],
    "done": ["open", "in_progress", "done"],
    "verified": ["open", "in_progress", "done", "verified"],
    "dismissed": ["dismissed"],
}


class Course:
    """One item and the people around it."""

    def __init__(self, tenancy: Tenancy, path: str, owner: str, verifier: str) -> None:
        self.tenancy, self.path, self.owner, self.verifier = tenancy, path, owner, verifier

    async def move(self, to: str, **fields: Any) -> httpx.Response:
        """Make a move, by default with all that it needs."""
        reopens = (await self.tenancy.admin.get(self.path)).json()["status"] in CLOSED
        needed: dict[str, Any] = {"reason": "Because"} if reopens or to in {"blocked", "dismissed"} else {}
        if to == "verified":
            needed["verified_by"] = self.verifier
        body = {name: value for name, value in {"to": to, **needed, **fields}.items() if value is not None}
        return await self.tenancy.admin.call("POST", f"{self.path}/transitions", json=body, headers={"If-Match": "*"})

    async def reach(self, status: str) -> dict[str, Any]:
        """Bring the item to a status."""
        for step in WAY[status]:
            answer = await self.move(step)
            assert answer.status_code == 200, answer.text
        read: dict[str, Any] = (await self.tenancy.admin.get(self.path)).json()
        assert read["status"] == status
        return read


@pytest.fixture
async def course(tenancy: Tenancy, admin: Actor) -> Course:
    people = [
        (await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": name}))["id"]
        for name in ("Owner", "Verifier")
    ]
    body = {"organization_id": tenancy.root_id, "title": "Fund coaching", "owner_id": people[0]}
    made = await admin.made(ITEMS, body)
    return Course(tenancy, f"{ITEMS}/{made['id']}", *people)


@pytest.mark.parametrize(("start", "to"), list(product(LEGAL, LEGAL)))
async def test_the_course_is_this_table(course: Course, start: str, to: str) -> None:
    before = await course.reach(start)
    assert before["allowed_transitions"] == LEGAL[start]
    answer = await course.move(to)
    if to in LEGAL[start]:
        assert answer.status_code == 200, answer.text
        assert (answer.json()["status"], answer.json()["version"]) == (to, before["version"] + 1)
        assert answer.json()["allowed_transitions"] == LEGAL[to]
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
        assert answer.json()["allowed"] == LEGAL[start]
        assert (await course.tenancy.admin.get(course.path)).json() == before


@pytest.mark.parametrize("to", ["blocked", "dismissed"])
async def test_blocking_and_dismissing_say_why(course: Course, to: str) -> None:
    await course.reach("in_progress")
    answer = await course.move(to, reason=None)
    assert (answer.status_code, answer.json()["code"]) == (422, "reason_required")
    assert answer.json()["errors"][0]["pointer"] == "/body/reason"
    assert (await course.move(to, reason=" ")).status_code == 422
    assert (await course.move(to, reason="No money this year")).status_code == 200


@pytest.mark.parametrize(("closed", "to"), [("verified", "in_progress"), ("dismissed", "open")])
async def test_reopening_says_why(course: Course, closed: str, to: str) -> None:
    await course.reach(closed)
    answer = await course.move(to, reason=None)
    assert (answer.status_code, answer.json()["code"]) == (422, "reason_required")
    reopened = (await course.move(to, reason="Found wanting")).json()
    assert (reopened["status"], reopened["verified_by"], reopened["done_at"]) == (to, None, None)


async def test_a_reopened_item_can_be_changed_done_and_verified_again(course: Course, admin: Actor) -> None:
    await course.reach("verified")
    await course.move("in_progress")
    assert (await admin.patch(course.path, {"title": "Again"})).status_code == 200
    await course.move("done")
    assert (await course.move("verified")).json()["verified_by"] == course.verifier


async def test_what_was_ever_verified_stays_on_record(course: Course, admin: Actor) -> None:
    await course.reach("verified")
    await course.move("in_progress")
    await course.move("dismissed")
    answer = await admin.delete(course.path)
    assert (answer.status_code, answer.json()["code"]) == (423, "frozen")


async def test_the_owner_when_it_was_done_cannot_verify_it(course: Course, admin: Actor) -> None:
    done = await course.reach("done")
    assert done["done_owner_id"] == course.owner
    assert (await admin.patch(course.path, {"owner_id": course.verifier})).status_code == 200
    own = await course.move("verified", verified_by=course.owner)
    assert (own.status_code, own.json()["code"]) == (409, "verifier_is_owner")
    assert (await course.move("verified", verified_by=course.verifier)).status_code == 200


async def test_doing_it_again_asks_for_the_owner_of_that_time(course: Course, admin: Actor) -> None:
    await course.reach("done")
    assert (await course.move("in_progress")).json()["done_owner_id"] is None
    await admin.patch(course.path, {"owner_id": course.verifier})
    assert (await course.move("done")).json()["done_owner_id"] == course.verifier
    assert (await course.move("verified", verified_by=course.owner)).status_code == 200


async def test_another_than_the_owner_verifies(
    course: Course, tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor
) -> None:
    await course.reach("done")
    missing = await course.move("verified", verified_by="")
    assert missing.status_code == 422
    missing = await course.move("verified", verified_by=None)
    assert (missing.status_code, missing.json()["code"]) == (422, "verifier_required")
    own = await course.move("verified", verified_by=course.owner)
    assert (own.status_code, own.json()["code"]) == (409, "verifier_is_owner")
    foreign = await other_tenancy.admin.made(
        "/v1/people", {"organization_id": other_tenancy.root_id, "name": "Verifier"}
    )
    for unknown in (str(uuid4()), foreign["id"]):
        answer = await course.move("verified", verified_by=unknown)
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_verifier")
        assert answer.json()["errors"][0]["pointer"] == "/body/verified_by"
    gone = {"organization_id": tenancy.root_id, "name": "Verifier", "active": False}
    answer = await course.move("verified", verified_by=(await admin.made("/v1/people", gone))["id"])
    assert (answer.status_code, answer.json()["code"]) == (422, "inactive_verifier")
    assert (await admin.get(course.path)).json()["verified_by"] is None
    verified = await course.move("verified")
    assert verified.json()["verified_by"] == course.verifier


@pytest.mark.parametrize(("start", "to"), [("proposed", "open"), ("in_progress", "done"), ("open", "dismissed")])
async def test_no_other_move_names_a_verifier(course: Course, start: str, to: str) -> None:
    await course.reach(start)
    answer = await course.move(to, verified_by=course.verifier)
    assert (answer.status_code, answer.json()["code"]) == (422, "verifier_unexpected")


async def test_an_item_without_an_owner_is_verified_by_anybody(course: Course, admin: Actor) -> None:
    await admin.patch(course.path, {"owner_id": None})
    await course.reach("done")
    assert (await course.move("verified", verified_by=course.owner)).status_code == 200


async def test_done_at_is_set_on_done_and_cleared_on_going_back(course: Course) -> None:
    done = await course.reach("done")
    assert done["done_at"] == done["updated_at"]
    again = (await course.move("in_progress")).json()
    assert again["done_at"] is None
    twice = (await course.move("done")).json()
    assert twice["done_at"] > done["done_at"]
    verified = (await course.move("verified")).json()
    assert verified["done_at"] == twice["done_at"]


async def test_the_history_tells_who_when_and_why(course: Course, tenancy: Tenancy, admin: Actor) -> None:
    me = (await admin.get("/v1/me")).json()
    await course.reach("in_progress")
    await course.move("done", verified_by=None, reason="Funded")
    await course.move("open")
    await course.move("dismissed", reason="Merged with another")
    seen, following = [], f"{course.path}/history?limit=2"
    while following:
        answer = await admin.get(following)
        assert answer.status_code == 200, answer.text
        seen += answer.json()["items"]
        following = answer.links["next"]["url"] if "next" in answer.links else ""
    moves = [(one["from_status"], one["to_status"], one["reason"]) for one in seen]
    assert moves == [
        (None, "proposed", None),
        ("proposed", "open", None),
        ("open", "in_progress", None),
        ("in_progress", "done", "Funded"),
        ("done", "dismissed", "Merged with another"),
    ]
    assert all(earlier["created_at"] < later["created_at"] for earlier, later in pairwise(seen))
    assert {one["actor_id"] for one in seen} == {me["id"]}
    assert {one["actor_name"] for one in seen} == {"first admin key"}


async def test_the_history_has_every_field_before_and_after(course: Course, admin: Actor) -> None:
    before = (await admin.get(course.path)).json()
    after = {
        "practices": ["P2", "P1"],
        "title": "Ünï “quoted”",
        "owner_id": course.verifier,
        "due_on": "2027-03-31",
        "effort": "small",
        "expected_level": 2,
    }
    await admin.patch(course.path, {**after, "description": "Not kept"})
    entry = (await admin.get(f"{course.path}/history")).json()["items"][-1]
    assert (entry["from_status"], entry["to_status"]) == ("proposed", "proposed")
    assert entry["changes"] == [{"field": name, "before": before[name], "after": after[name]} for name in after]


async def test_the_history_has_who_verified(course: Course, admin: Actor) -> None:
    await course.reach("verified")
    await course.move("in_progress")
    entries = (await admin.get(f"{course.path}/history")).json()["items"]
    changed = [change for entry in entries for change in entry["changes"]]
    assert [(change["before"], change["after"]) for change in changed] == [
        (None, course.verifier),
        (course.verifier, None),
    ]


async def test_many_items_move_in_one_call(tenancy: Tenancy, admin: Actor) -> None:
    made = [await admin.made(ITEMS, {"organization_id": tenancy.root_id, "title": title}) for title in "AB"]
    moves = [{"id": one["id"], "version": 1, "to": "open"} for one in reversed(made)]
    answer = await admin.post(f"{ITEMS}/transitions", {"items": moves})
    assert answer.status_code == 200, answer.text
    assert [(one["id"], one["status"]) for one in answer.json()["items"]] == [(m["id"], "open") for m in moves]
    assert (await admin.get(ITEMS)).json()["items"] == answer.json()["items"][::-1]


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"to": "done"}, (409, "invalid_transition", "/body/items/1")),
        ({"to": "dismissed"}, (422, "reason_required", "/body/items/1/reason")),
        ({"to": "open", "version": 7}, (412, "precondition_failed", "/body/items/1")),
        ({"to": "open", "verified_by": str(uuid4())}, (422, "verifier_unexpected", "/body/items/1/verified_by")),
        ({"to": "open", "id": str(uuid4())}, (404, "not_found", "/body/items/1")),
    ],
)
async def test_one_refused_move_moves_nothing(
    tenancy: Tenancy, admin: Actor, fields: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    made = [await admin.made(ITEMS, {"organization_id": tenancy.root_id, "title": title}) for title in "AB"]
    moves = [{"id": one["id"], "version": 1, "to": "open"} for one in made]
    answer = await admin.post(f"{ITEMS}/transitions", {"items": [moves[0], {**moves[1], **fields}]})
    [error] = answer.json()["errors"]
    assert (answer.status_code, answer.json()["code"], error["pointer"]) == refusal
    assert (await admin.get(ITEMS)).json()["items"] == made


async def test_an_item_moves_once_in_a_call(tenancy: Tenancy, admin: Actor) -> None:
    made = await admin.made(ITEMS, {"organization_id": tenancy.root_id, "title": "A"})
    move = {"id": made["id"], "version": 1, "to": "open"}
    answer = await admin.post(f"{ITEMS}/transitions", {"items": [move, move]})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "repeated_item")


async def test_every_change_is_recorded_once_in_feed_and_audit(course: Course, tenancy: Tenancy, admin: Actor) -> None:
    await course.reach("done")
    await course.move("proposed")
    await course.move("verified", verified_by=course.owner)
    await admin.patch(course.path, {"title": "B"})
    await admin.made(f"{course.path}/notes", {"text": "Secret to the feed"})
    await admin.delete(course.path)
    recorded: dict[type, list[Any]] = {}
    async with AsyncSession(tenancy.owner) as session:
        for table in (OutboxEvent, AuditEvent):
            rows = await session.scalars(
                select(table)
                .where(
                    col(table.tenant_id) == tenancy.tenant_id,
                    col(table.subject_type) == "action_item",
                )
                .order_by(col(table.id))
            )
            recorded[table] = list(rows)
    expected = [
        f"action_item.{what}" for what in ("created", "open", "in_progress", "done", "updated", "note_added", "deleted")
    ]
    assert [event.type for event in recorded[OutboxEvent]] == expected
    assert [event.action for event in recorded[AuditEvent] if event.outcome == "done"] == expected
    assert "Secret" not in str([event.data for event in recorded[OutboxEvent]])
