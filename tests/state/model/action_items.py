"""The rules of action items."""

from datetime import date
from typing import Any

from tests.state.model.assessments import successor
from tests.state.model.scored import is_sealed, outcome, titles
from tests.state.model.things import Item
from tests.state.model.world import PLAN, READ, SET_UP, Ask, Caller, Refused, Rule, World, ensure_active, head, made

TRANSITIONS = {
    "proposed": ["open", "dismissed"],
    "open": ["in_progress", "dismissed"],
    "in_progress": ["blocked", "done", "dismissed"],
    "blocked": ["in_progress", "done", "dismissed"],
    "done": ["in_progress", "verified", "dismissed"],
    "verified": ["in_progress"],
    "dismissed": ["open"],
}
CLOSED = {"verified", "dismissed"}
_SETTLED = {"done", *CLOSED}
_KEPT = (
    "assessment_id",
    "practices",
    "title",
    "owner_id",
    "due_on",
    "effort",
    "expected_level",
    "gap_score",
    "verified_by",
)
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
    "done_owner_id",
)


def is_overdue(world: World, one: Item) -> bool:
    """Return whether it is overdue where its organization is."""
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
    ensure_active(world, world.require(ask.caller, fields["organization_id"], SET_UP))
    _check_owner(world, ask.caller, fields["owner_id"])
    return fields


def _gap(world: World, caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    practices = body.get("practices") or []
    organization_id, lowest = _check_gap(world, caller, body["assessment_id"], practices, body.get("organization_id"))
    return {
        "organization_id": organization_id,
        "title": body.get("title") or "; ".join(titles()[practice] for practice in practices),
        "gap_score": lowest,
        "expected_level": body.get("expected_level") or (1 if lowest is None else min(lowest + 1, 2)),
    }


def _check_gap(
    world: World, caller: Caller, assessment_id: str, practices: list[str], organization_id: str | None
) -> tuple[str, int | None]:
    """Check that an assessment has gaps in these practices. Return its organization and their lowest score."""
    if not practices:
        raise Refused(422, "practice_required")
    try:
        one = world.require_assessment(caller, assessment_id, READ, seat=True)
    except Refused:
        raise Refused(422, "unknown_assessment") from None
    if any(practice not in titles() for practice in practices):
        raise Refused(422, "unknown_practice")
    if one.state == "void":
        raise Refused(409, "assessment_void")
    revision = successor(world, one)
    if revision is not None and revision.state == "final":
        raise Refused(409, "assessment_superseded")
    if one.state == "draft" or is_sealed(one):
        raise Refused(409, "votes_sealed")
    outcomes = [outcome(one, practice) for practice in practices]
    if any(found.by == "not_applicable" or found.score == 2 for found in outcomes):
        raise Refused(409, "no_gap")
    if organization_id not in {None, one.organization_id}:
        raise Refused(422, "organization_mismatch")
    return one.organization_id, min((found.score for found in outcomes if found.score is not None), default=None)


def _add(world: World, ask: Ask, fields: dict[str, Any], answer: dict[str, Any]) -> Item:
    one = Item(**made(world, answer), **fields, proposer_id=ask.caller.id)
    world.items[one.id] = one
    _keep(world, ask, one, None, None)
    world.record(ask, "action_item.created", one.id)
    return one


def patch(world: World, ask: Ask, id_: str, changes: dict[str, Any]) -> Rule:
    one, effective = _check_patch(world, ask, id_, changes)
    yield 200
    return _patch(world, ask, one, effective)


def patch_many(world: World, ask: Ask, items: list[dict[str, Any]]) -> Rule:
    checked = {}
    for item in _by_id(items):
        alone = Ask(ask.caller, ask.request_id, item["version"])
        checked[item["id"]] = _check_patch(world, alone, item["id"], item["changes"])
    yield 200
    return {"items": [_patch(world, ask, *checked[item["id"]]) for item in items]}


def _by_id(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len({item["id"] for item in items}) != len(items):
        raise Refused(422, "invalid")
    return sorted(items, key=lambda item: str(item["id"]))


def _check_patch(world: World, ask: Ask, id_: str, changes: dict[str, Any]) -> tuple[Item, dict[str, Any]]:
    one = _locked(world, ask, id_, proposer=True)
    _ensure_not_closed(one)
    effective = {name: value for name, value in changes.items() if getattr(one, name) != value}
    _check_owner(world, ask.caller, effective.get("owner_id"))
    if effective.keys() & {"assessment_id", "practices"}:
        wanted = {"assessment_id": one.assessment_id, "practices": one.practices} | effective
        score = None
        if wanted["assessment_id"] is not None:
            place = (wanted["assessment_id"], wanted["practices"], one.organization_id)
            _, score = _check_gap(world, ask.caller, *place)
        if score != one.gap_score:
            effective["gap_score"] = score
    return one, effective


def _patch(world: World, ask: Ask, one: Item, changes: dict[str, Any]) -> dict[str, Any]:
    if changes:
        _keep(world, ask, one, one.status, None, changes=changes)
        one.touch(world)
        world.record(ask, "action_item.updated", one.id)
    return show(world, ask.caller, one)


def transition(world: World, ask: Ask, id_: str, body: dict[str, Any]) -> Rule:
    one = _check_move(world, ask, id_, body)
    yield 200
    return _move(world, ask, one, body)


def transition_many(world: World, ask: Ask, items: list[dict[str, Any]]) -> Rule:
    for item in _by_id(items):
        _check_move(world, Ask(ask.caller, ask.request_id, item["version"]), item["id"], item)
    yield 200
    return {"items": [_move(world, ask, world.items[item["id"]], item) for item in items]}


def _check_move(world: World, ask: Ask, id_: str, body: dict[str, Any]) -> Item:
    one = _locked(world, ask, id_)
    before, to = one.status, body["to"]
    if to not in TRANSITIONS[before]:
        raise Refused(409, "invalid_transition")
    if to in {"open", "in_progress"}:
        ensure_active(world, world.organizations[one.organization_id])
    if (to in {"blocked", "dismissed"} or before in CLOSED) and "reason" not in body:
        raise Refused(422, "reason_required")
    _check_verifier(world, ask.caller, one, body)
    return one


def _move(world: World, ask: Ask, one: Item, body: dict[str, Any]) -> dict[str, Any]:
    before, to = one.status, body["to"]
    one.status = to
    changes: dict[str, Any] = {}
    if to == "verified":
        changes = {"verified_by": body["verified_by"]}
    elif to == "done":
        one.done_at, one.done_owner_id = world.stamp, one.owner_id
    elif to in {"open", "in_progress"}:
        changes = {"verified_by": None}
        one.done_at = one.done_owner_id = None
    one.touch(world)
    _keep(world, ask, one, before, body.get("reason"), changes=changes)
    world.record(ask, f"action_item.{to}", one.id)
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
    if verifier == one.done_owner_id:
        raise Refused(409, "verifier_is_owner")


def remove(world: World, ask: Ask, id_: str) -> Rule:
    one = _locked(world, ask, id_)
    if any(entry["to_status"] == "verified" for entry in one.history):
        raise Refused(423, "frozen")
    yield 204
    del world.items[id_]
    world.record(ask, "action_item.deleted", id_)
    return None


def add_note(world: World, ask: Ask, id_: str, text: str) -> Rule:
    one = world.find(world.items, id_)
    world.require(ask.caller, one.organization_id, PLAN)
    _ensure_not_closed(one)
    answer = yield 201
    note = {
        "id": answer["id"],
        "created_at": world.stamp,
        "text": text,
        "author_id": ask.caller.id,
        "author_name": ask.caller.name,
    }
    one.notes.append(note)
    world.record(ask, "action_item.note_added", id_)
    return note


def _locked(world: World, ask: Ask, id_: str, *, proposer: bool = False) -> Item:
    one = world.find(world.items, id_)
    own = proposer and one.status == "proposed" and one.proposer_id == ask.caller.id
    world.require(ask.caller, one.organization_id, SET_UP if own else PLAN)
    world.expect(ask, one)
    return one


def _ensure_not_closed(one: Item) -> None:
    if one.status in CLOSED:
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


def _keep(
    world: World,
    ask: Ask,
    one: Item,
    before: str | None,
    reason: str | None,
    *,
    changes: dict[str, Any] | None = None,
) -> None:
    """Make the changes, and keep what they were and what they are in the history."""
    kept = [
        {"field": name, "before": getattr(one, name), "after": changes[name]}
        for name in _KEPT
        if changes and name in changes and getattr(one, name) != changes[name]
    ]
    for name, value in (changes or {}).items():
        setattr(one, name, value)
    one.history.append(
        {
            "created_at": world.stamp,
            "from_status": before,
            "to_status": one.status,
            "changes": kept,
            "reason": reason,
            "actor_id": ask.caller.id,
            "actor_name": ask.caller.name,
        }
    )
