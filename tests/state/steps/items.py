"""Steps on action items."""

from datetime import timedelta
from typing import Any

from tests.state.chance import UNKNOWN
from tests.state.model import action_items
from tests.state.model.things import Item
from tests.state.player import Player
from tests.support.team import PRACTICES


def an_item(play: Player) -> None:
    """Propose, move, change, note or delete an action item, one or many."""
    play.chance.pick([_create, _move, _patch, _note, _create_many, _patch_many, _move_many, _remove])(play)


def _create(play: Player) -> None:
    body = _new(play)
    play.do("POST", "action-items", body, action_items.create, body)


def _create_many(play: Player) -> None:
    new = [_new(play) for _ in range(1 + play.chance.below(3))]
    play.do("POST", "action-items/bulk", {"items": new}, action_items.create_many, new)


def _new(play: Player) -> dict[str, Any]:
    chance = play.chance
    body = chance.some(
        {
            "title": [play.named("Item")],
            "description": ["Words.", None],
            "effort": ["small", None],
            "due_on": [(play.world.now + timedelta(days=days)).date().isoformat() for days in (1, 0, -1)],
            "expected_level": [2, 1],
        }
    )
    if play.world.people and chance.rarely(2):
        body["owner_id"] = chance.any_of(play.world.people)
    if chance.rarely(2):
        one = play.under_way("consensus")
        body["assessment_id"] = one.id if one and not chance.rarely(12) else UNKNOWN
        body["practices"] = PRACTICES[chance.below(9) :][: chance.below(3) + (not chance.rarely(8))]
        if chance.rarely(8):
            body["practices"] = ["P0"]
    if "assessment_id" not in body or chance.rarely(4):
        body["organization_id"] = chance.any_of(play.world.organizations)
    if "assessment_id" not in body and not chance.rarely(12):
        body["title"] = play.named("Item")
    if chance.rarely(15):
        body.pop("organization_id", None)
    return body


def _patch(play: Player) -> None:
    id_ = play.chance.any_of(play.world.items)
    changes = _changes(play)
    tag = play.tag(play.world.items.get(id_))
    play.do("PATCH", f"action-items/{id_}", changes, action_items.patch, id_, changes, **tag)


def _patch_many(play: Player) -> None:
    ids = [play.chance.any_of(play.world.items) for _ in range(1 + play.chance.below(3))]
    ids = ids if play.chance.rarely(8) else list(dict.fromkeys(ids))
    changes = []
    for id_ in ids:
        one = play.world.items.get(id_)
        version = (one.version if one else 1) + play.chance.rarely(8)
        changes.append({"id": id_, "version": version, "changes": _changes(play)})
    play.do("PATCH", "action-items", {"items": changes}, action_items.patch_many, changes)


def _changes(play: Player) -> dict[str, Any]:
    return play.chance.some(
        {
            "title": [play.named("Item")],
            "description": [None, "Words."],
            "practices": [["P1"], ["P1", "P2"], []],
            "assessment_id": [play.chance.any_of(play.world.assessments), None],
            "owner_id": [play.chance.any_of(play.world.people), None],
            "due_on": [None, (play.world.now + timedelta(days=1)).date().isoformat()],
            "effort": ["large", None],
        }
    )


def _move(play: Player) -> None:
    id_ = play.chance.any_of(play.world.items)
    one = play.world.items.get(id_)
    body = _next(play, one)
    how = (action_items.transition, id_, body)
    play.do("POST", f"action-items/{id_}/transitions", body, *how, **play.tag(one))


def _move_many(play: Player) -> None:
    ids = dict.fromkeys(play.chance.any_of(play.world.items) for _ in range(1 + play.chance.below(3)))
    moves = []
    for id_ in ids:
        one = play.world.items.get(id_)
        version = (one.version if one else 1) + play.chance.rarely(8)
        moves.append({"id": id_, "version": version, **_next(play, one)})
    play.do("POST", "action-items/transitions", {"items": moves}, action_items.transition_many, moves)


def _next(play: Player, one: Item | None) -> dict[str, Any]:
    moves = action_items.TRANSITIONS[one.status] if one else []
    to = (
        play.chance.pick(moves)
        if moves and not play.chance.rarely(6)
        else play.chance.pick(list(action_items.TRANSITIONS))
    )
    body: dict[str, Any] = {"to": to}
    reopens = one is not None and one.status in action_items.CLOSED
    if (reopens or to in {"blocked", "dismissed"}) and not play.chance.rarely(4):
        body["reason"] = "Said so."
    if (to == "verified") != play.chance.rarely(8):
        body["verified_by"] = play.chance.any_of(play.world.people)
    return body


def _note(play: Player) -> None:
    id_ = play.chance.any_of(play.world.items)
    text = play.named("Note")
    play.do("POST", f"action-items/{id_}/notes", {"text": text}, action_items.add_note, id_, text)


def _remove(play: Player) -> None:
    id_ = play.chance.any_of(play.world.items)
    tag = play.tag(play.world.items.get(id_))
    play.do("DELETE", f"action-items/{id_}", None, action_items.remove, id_, **tag)
