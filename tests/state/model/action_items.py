"""The rules of action items."""

from datetime import date
from typing import Any

from tests.state.model.scored import is_sealed, outcome, titles
from tests.state.model.world import (
    PLAN,
    READ,
    Ask,
    Caller,
    Item,
    Refused,
    Rule,
    World,
    ensure_active,
    head,
    made,
)

TRANSITIONS = {
    "proposed": ["open", "dismissed"],
    "open": ["in_progress", "dismissed"],
    "in_progress": ["blocked", "done", "dismissed"],
    "blocked": ["in_progress", "done", "dismissed"],
    "done": ["in_progress", "verified", "dismissed"],
    "verified": [],
    "dismissed": [],
}
_FINAL = {"verified", "dismissed"}
_SETTLED = {"done", *_FINAL}
_FIELDS = (
    "organization_id",
    "assessment_id",
    "practices",
    "title",
    "description",
    "status",
    "owner_id",
    "due_on",
    "effort",
    "expected_level",
    "gap_score",
    "verified_by",
    "done_at",
)


def is_overdue(world: World, one: Item) -> bool:
    """Whether it is late where its organization is."""
    if one.due_on is None or one.status in _SETTLED:
        return False
    return date.fromisoformat(one.due_on) < world.today(one.organization_id)


def show(world: World, caller: Caller, one: Item) -> dict[str, Any]:
    movable = world.may(caller, one.organization_id, PLAN)
    return (
        head(one)
        | {name: getattr(one, name) for name in _FIELDS}
        | {
            "source": "free" if one.assessment_id is None else "gap",
            "overdue": is_overdue(world, one),
            "allowed_transitions": TRANSITIONS[one.status] if movable else [],
        }
    )


def create(world: World, ask: Ask, body: dict[str, Any]) -> Rule:
    fields = _check_new(world, ask, body)
    answer = yield 201
    return show(world, ask.caller, _add(world, ask, fields, answer))


def create_many(world: World, ask: Ask, items: list[dict[str, Any]]) -> Rule:
    wanted = [_check_new(world, ask, body) for body in items]
    answer = yield 201
    added = [_add(world, ask, fields, item) for fields, item in zip(wanted, answer["items"], strict=True)]
    return {"items": [show(world, ask.caller, one) for one in added]}


def _check_new(world: World, ask: Ask, body: dict[str, Any]) -> dict[str, Any]:
    fields = {
        "practices": [],
        "description": None,
        "effort": None,
        "due_on": None,
        "owner_id": None,
        "assessment_id": None,
        "expected_level": None,
        "gap_score": None,
    } | body
    if fields["assessment_id"] is not None:
        fields |= _gap(world, ask.caller, body)
    elif "organization_id" not in body:
        raise Refused(422, "organization_required")
    elif "title" not in body:
        raise Refused(422, "title_required")
    ensure_active(world, world.require(ask.caller, fields["organization_id"], PLAN))
    _check_owner(world, ask.caller, fields["owner_id"])
    return fields


def _gap(world: World, caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    practices = body.get("practices")
    if not practices:
        raise Refused(422, "practice_required")
    try:
        one = world.require_assessment(caller, body["assessment_id"], READ, seat=True)
    except Refused:
        raise Refused(422, "unknown_assessment") from None
    if any(practice not in titles() for practice in practices):
        raise Refused(422, "unknown_practice")
    if one.state == "draft" or is_sealed(one):
        raise Refused(409, "votes_sealed")
    if body.get("organization_id", one.organization_id) != one.organization_id:
        raise Refused(422, "organization_mismatch")
    scores = [score for practice in practices if (score := outcome(one, practice).score) is not None]
    lowest = min(scores, default=None)
    return {
        "organization_id": one.organization_id,
        "title": body.get("title") or "; ".join(titles()[practice] for practice in practices),
        "gap_score": lowest,
        "expected_level": body.get("expected_level") or (1 if lowest is None else min(lowest + 1, 2)),
    }


def _add(world: World, ask: Ask, fields: dict[str, Any], answer: dict[str, Any]) -> Item:
    one = Item(**made(world, answer), **fields)
    world.items[one.id] = one
    _keep(world, ask, one, None, None)
    world.tell(ask, "action_item.created", one.id)
    return one


def patch(world: World, ask: Ask, id_: str, changes: dict[str, Any]) -> Rule:
    one = _check_patch(world, ask, id_, changes)
    yield 200
    return _patch(world, ask, one, changes)


def patch_many(world: World, ask: Ask, items: list[dict[str, Any]]) -> Rule:
    if len({item["id"] for item in items}) != len(items):
        raise Refused(422, "invalid")
    for item in sorted(items, key=lambda item: str(item["id"])):
        _check_patch(world, Ask(ask.caller, ask.request_id, item["version"]), item["id"], item["changes"])
    yield 200
    return {"items": [_patch(world, ask, world.items[item["id"]], item["changes"]) for item in items]}


def _check_patch(world: World, ask: Ask, id_: str, changes: dict[str, Any]) -> Item:
    one = _held(world, ask, id_)
    _ensure_alive(one)
    if changes.get("owner_id") not in {None, one.owner_id}:
        _check_owner(world, ask.caller, changes["owner_id"])
    if one.assessment_id is not None and changes.get("practices") == []:
        raise Refused(422, "practice_required")
    return one


def _patch(world: World, ask: Ask, one: Item, changes: dict[str, Any]) -> dict[str, Any]:
    if one.change(world, changes):
        world.tell(ask, "action_item.updated", one.id)
    return show(world, ask.caller, one)


def transition(world: World, ask: Ask, id_: str, body: dict[str, Any]) -> Rule:
    one = _held(world, ask, id_)
    before, to = one.status, body["to"]
    if to not in TRANSITIONS[before]:
        raise Refused(409, "invalid_transition")
    if to in {"blocked", "dismissed"} and "reason" not in body:
        raise Refused(422, "reason_required")
    _check_verifier(world, ask.caller, one, body)
    yield 200
    one.status = to
    if to == "verified":
        one.verified_by = body["verified_by"]
    if to == "done":
        one.done_at = world.stamp
    elif to == "in_progress":
        one.done_at = None
    one.touch(world)
    _keep(world, ask, one, before, body.get("reason"))
    world.tell(ask, f"action_item.{to}", id_)
    return show(world, ask.caller, one)


def _check_verifier(world: World, caller: Caller, one: Item, body: dict[str, Any]) -> None:
    verifier = body.get("verified_by")
    if body["to"] != "verified":
        if verifier is not None:
            raise Refused(422, "verifier_unexpected")
        return
    if verifier is None:
        raise Refused(422, "verifier_required")
    _check_person(world, caller, verifier, "verifier")
    if verifier == one.owner_id:
        raise Refused(409, "verifier_is_owner")


def remove(world: World, ask: Ask, id_: str) -> Rule:
    one = _held(world, ask, id_)
    if one.status == "verified":
        raise Refused(423, "frozen")
    yield 204
    del world.items[id_]
    world.tell(ask, "action_item.deleted", id_)
    return None


def add_note(world: World, ask: Ask, id_: str, text: str) -> Rule:
    one = world.find(world.items, id_)
    world.require(ask.caller, one.organization_id, PLAN)
    _ensure_alive(one)
    answer = yield 201
    note = {
        "id": answer["id"],
        "created_at": world.stamp,
        "text": text,
        "author_id": ask.caller.id,
        "author_name": ask.caller.name,
    }
    one.notes.append(note)
    world.tell(ask, "action_item.note_added", id_)
    return note


def _held(world: World, ask: Ask, id_: str) -> Item:
    one = world.find(world.items, id_)
    world.require(ask.caller, one.organization_id, PLAN)
    world.expect(ask, one)
    return one


def _ensure_alive(one: Item) -> None:
    if one.status in _FINAL:
        raise Refused(423, "frozen")


def _check_owner(world: World, caller: Caller, person_id: str | None) -> None:
    if person_id is not None:
        _check_person(world, caller, person_id, "owner")


def _check_person(world: World, caller: Caller, person_id: str, what: str) -> None:
    person = world.people.get(person_id)
    if person is None or not world.reads(caller, person.organization_id):
        raise Refused(422, f"unknown_{what}")
    if not person.active:
        raise Refused(422, f"inactive_{what}")


def _keep(world: World, ask: Ask, one: Item, before: str | None, reason: str | None) -> None:
    one.history.append(
        {
            "created_at": world.stamp,
            "from_status": before,
            "to_status": one.status,
            "reason": reason,
            "actor_id": ask.caller.id,
            "actor_name": ask.caller.name,
        }
    )
