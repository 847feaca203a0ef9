"""The rules of the tree."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from tests.state.model.things import Move, Organization
from tests.state.model.world import FEED, OWN, Ask, Caller, Refused, Rule, World, ensure_active, head, made

DEEPEST = 64
Name = tuple[str, str]


def show(world: World, caller: Caller, one: Organization) -> dict[str, Any]:
    """Return an organization as this caller sees it."""
    other = "archived" if one.archived_at is None else "active"
    movable = one.parent_id is not None and world.may(caller, one.id, OWN)
    return head(one) | {
        "parent_id": one.parent_id,
        "kind": one.kind,
        "name": one.name,
        "depth": len(world.place(one.id)) - 1,
        "staff_count": one.staff_count,
        "timezone": one.timezone,
        "effective_timezone": world.zone(one.id),
        "archived_by_id": world.archived_by(one.id),
        "status": "active" if other == "archived" else "archived",
        "archived_at": one.archived_at,
        "external_ids": [{"source": source, "external_id": name} for source, name in sorted(one.external_ids)],
        "allowed_transitions": [other] if movable else [],
    }


def show_move(move: Move) -> dict[str, Any]:
    return {
        "id": move.id,
        "from_parent_id": move.from_parent_id,
        "to_parent_id": move.to_parent_id,
        "moved_on": move.day.isoformat(),
        **move.fields,
    }


def create(world: World, ask: Ask, body: dict[str, Any]) -> Rule:
    parent = world.require(ask.caller, body["parent_id"], FEED)
    names = _names(body.get("external_ids", []))
    _check_may_create(world, ask.caller, parent, names)
    _check_new(world, parent)
    _check_free(world, names)
    answer = yield 201
    one = _add(world, ask, parent, body, answer)
    one.external_ids = set(names)
    return show(world, ask.caller, one)


def patch(world: World, ask: Ask, id_: str, changes: dict[str, Any]) -> Rule:
    one = world.require(ask.caller, id_, FEED)
    _check_may_change(world, ask.caller, one, _names(changes["external_ids"]) if "external_ids" in changes else None)
    world.expect(ask, one)
    names = None
    if "external_ids" in changes:
        names = _names(changes["external_ids"])
        _check_free(world, names, but=one)
    yield 200
    if one.change(world, changes | ({} if names is None else {"external_ids": set(names)})):
        world.record(ask, "organization.updated", id_)
    return show(world, ask.caller, one)


def transition(world: World, ask: Ask, id_: str, to: str) -> Rule:
    one = world.require(ask.caller, id_, OWN)
    world.expect(ask, one)
    if one.parent_id is None:
        raise Refused(409, "root_organization")
    if (to == "archived") == (one.archived_at is not None):
        raise Refused(409, "invalid_transition")
    yield 200
    one.archived_at = world.stamp if to == "archived" else None
    one.touch(world)
    world.record(ask, "organization.archived" if to == "archived" else "organization.restored", id_)
    return show(world, ask.caller, one)


def remove(world: World, ask: Ask, id_: str) -> Rule:
    one = world.require(ask.caller, id_, OWN)
    world.expect(ask, one)
    if one.parent_id is None:
        raise Refused(409, "root_organization")
    if world.children(id_):
        raise Refused(409, "has_children")
    owned: list[Any] = [
        *world.programs.values(),
        *world.implementations.values(),
        *world.people.values(),
        *world.assessments.values(),
        *world.items.values(),
    ]
    left = [move for other in world.organizations.values() if other is not one for move in other.moves]
    if any(row.organization_id == id_ for row in owned) or any(
        id_ in {move.from_parent_id, move.to_parent_id} for move in left
    ):
        raise Refused(409, "in_use")
    yield 204
    del world.organizations[id_]
    for key in world.keys:
        for grant in [grant for grant in key.grants if grant[1] == id_]:
            key.grants.remove(grant)
            world.record(ask, "role_grant.deleted", key.grant_ids[grant])
        if key.home == id_:
            key.home = one.parent_id
            world.record(ask, "principal.updated", key.id)
    world.record(ask, "organization.deleted", id_)
    return None


def move(world: World, ask: Ask, id_: str, body: dict[str, Any]) -> Rule:
    one = world.require(ask.caller, id_, FEED)
    world.expect(ask, one)
    parent = world.require_named(ask.caller, body["parent_id"], FEED)
    asked = body.get("moved_on")
    day = _check_relocation(world, ask.caller, one, parent, None if asked is None else date.fromisoformat(asked))
    yield 200
    _relocate(world, ask, one, parent, {"day": day, "reason": body.get("reason")})
    return show(world, ask.caller, one)


def upsert(world: World, ask: Ask, name: Name, body: dict[str, Any]) -> Rule:
    parent_id = body.get("parent_id")
    if "parent" in body:
        found = world.named((body["parent"]["source"], body["parent"]["external_id"]))
        parent_id = found.id if found else None
    parent = world.require_named(ask.caller, parent_id, FEED)
    one = world.named(name)
    if one is None or not world.reads(ask.caller, one.id):
        if ask.if_match is not None:
            raise Refused(412, "precondition_failed")
        _check_may_create(world, ask.caller, parent, [name])
        _check_new(world, parent)
        _check_free(world, [name])
        answer = yield 201
        one = _add(world, ask, parent, body, answer)
        one.external_ids = {name}
        return show(world, ask.caller, one)
    world.require(ask.caller, one.id, FEED)
    if ask.must_not_exist:
        raise Refused(412, "precondition_failed")
    if ask.if_match is not None:
        world.expect(ask, one)
    day = None if one.parent_id == parent.id else _check_relocation(world, ask.caller, one, parent, None)
    yield 200
    if day is not None:
        _relocate(world, ask, one, parent, {"day": day, "reason": None})
    wanted: dict[str, Any] = {field: body[field] for field in ("kind", "name", "staff_count") if field in body}
    if body.get("timezone") is not None:
        wanted["timezone"] = body["timezone"]
    changes = {field: value for field, value in wanted.items() if getattr(one, field) != value}
    if changes:
        for field, value in changes.items():
            setattr(one, field, value)
        one.touch(world)
        world.record(ask, "organization.updated", one.id)
    return show(world, ask.caller, one)


def parent_on(one: Organization, day: date) -> str | None:
    """Return where an organization was at the end of a day, from the history of its moves."""
    if not one.moves:
        return one.parent_id
    until = [move for move in one.moves if move.day <= day]
    return until[-1].to_parent_id if until else one.moves[0].from_parent_id


def _names(given: Iterable[dict[str, str]]) -> list[Name]:
    return [(one["source"], one["external_id"]) for one in given]


def _sources(one: Organization) -> set[str]:
    return {source for source, _ in one.external_ids}


def _check_may_create(world: World, caller: Caller, parent: Organization, names: list[Name]) -> None:
    wanted = {source for source, _ in names}
    if not world.may(caller, parent.id, OWN) and not (wanted and wanted <= _sources(parent)):
        raise Refused(403, "not_maintained")


def _check_may_change(world: World, caller: Caller, one: Organization, names: list[Name] | None) -> None:
    if world.may(caller, one.id, OWN):
        return
    linked = _sources(one)
    if not linked or (names is not None and {source for source, _ in names} != linked):
        raise Refused(403, "not_maintained")


def _check_free(world: World, names: list[Name], but: Organization | None = None) -> None:
    if len(set(names)) != len(names):
        raise Refused(422, "invalid")
    if any(world.named(name) not in (None, but) for name in names):
        raise Refused(409, "external_id_taken")


def _check_new(world: World, parent: Organization) -> None:
    ensure_active(world, parent)
    if len(world.place(parent.id)) > DEEPEST:
        raise Refused(422, "tree_too_deep")


def _add(world: World, ask: Ask, parent: Organization, body: dict[str, Any], answer: dict[str, Any]) -> Organization:
    one = Organization(
        **made(world, answer),
        parent_id=parent.id,
        kind=body["kind"],
        name=body["name"],
        staff_count=body.get("staff_count"),
        timezone=body.get("timezone"),
    )
    world.organizations[one.id] = one
    world.record(ask, "organization.created", one.id)
    return one


def _check_relocation(
    world: World, caller: Caller, one: Organization, parent: Organization, asked: date | None
) -> date:
    """Check that a move may be made, and return its day."""
    if one.parent_id is None:
        raise Refused(409, "root_organization")
    if one.id in world.place(parent.id):
        raise Refused(422, "organization_cycle")
    if parent.id == one.parent_id:
        raise Refused(409, "already_there")
    by_admin = world.may(caller, one.id, OWN) and world.may(caller, parent.id, OWN)
    if not by_admin and not _sources(one) & _sources(parent) & _sources(world.organizations[one.parent_id]):
        raise Refused(403, "not_maintained")
    ensure_active(world, parent)
    below = world.subtree(one.id)
    levels = max(len(world.place(other.id)) for other in below) - len(world.place(one.id))
    if len(world.place(parent.id)) + levels > DEEPEST:
        raise Refused(422, "tree_too_deep")
    today = world.today(world.root_id)
    if one.moves:
        today = max(today, one.moves[-1].day)
    day = asked or today
    if day > today:
        raise Refused(422, "moved_on_in_future")
    if one.moves and day < one.moves[-1].day:
        raise Refused(422, "moved_on_too_early")
    if _was_above(world, one, parent, day):
        raise Refused(422, "organization_cycle")
    return day


def _was_above(world: World, one: Organization, parent: Organization, since: date) -> bool:
    days = {since} | {move.day for other in world.organizations.values() for move in other.moves if move.day > since}
    for day in days:
        at: str | None = parent.id
        while at is not None:
            if at == one.id:
                return True
            at = parent_on(world.organizations[at], day)
    return False


def _relocate(world: World, ask: Ask, one: Organization, parent: Organization, how: dict[str, Any]) -> None:
    assert one.parent_id is not None
    fields = {
        "created_at": world.stamp,
        "reason": how["reason"],
        "actor_id": ask.caller.id,
        "actor_name": ask.caller.name,
    }
    one.moves.append(Move("", how["day"], one.parent_id, parent.id, fields))
    one.parent_id = parent.id
    one.touch(world)
    world.record(ask, "organization.moved", one.id)
    world.record(ask, "organization.moved_away", one.id)
