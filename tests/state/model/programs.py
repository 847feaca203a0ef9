"""The rules of programs, of organizations' use of them, and of people."""

from typing import Any

from tests.state.model.things import Implementation, Person, Program
from tests.state.model.world import (
    FEED,
    PLAN,
    SET_UP,
    Ask,
    Caller,
    Refused,
    Rule,
    World,
    ensure_active,
    head,
    made,
    not_found,
)

STAGES = ["exploration", "installation", "initial_implementation", "full_implementation"]


def show_program(one: Program) -> dict[str, Any]:
    return head(one) | {
        "organization_id": one.organization_id,
        "name": one.name,
        "description": one.description,
        "website": None,
    }


def create_program(world: World, ask: Ask, body: dict[str, Any]) -> Rule:
    ensure_active(world, world.require(ask.caller, body["organization_id"], PLAN))
    answer = yield 201
    one = Program(**made(world, answer), **{"description": None, **body})
    world.programs[one.id] = one
    world.record(ask, "program.created", one.id)
    return show_program(one)


def patch_program(world: World, ask: Ask, id_: str, changes: dict[str, Any]) -> Rule:
    one = _program(world, ask, id_)
    yield 200
    if one.change(world, changes):
        world.record(ask, "program.updated", id_)
    return show_program(one)


def hand_over_program(world: World, ask: Ask, id_: str, organization_id: str) -> Rule:
    one = _program(world, ask, id_)
    owner = world.require_named(ask.caller, organization_id, PLAN)
    if owner.id == one.organization_id or owner.id not in world.place(one.organization_id):
        raise Refused(422, "not_above_owner")
    ensure_active(world, owner)
    yield 200
    one.organization_id = owner.id
    one.touch(world)
    world.record(ask, "program.handed_over", id_)
    return show_program(one)


def remove_program(world: World, ask: Ask, id_: str) -> Rule:
    _program(world, ask, id_)
    if any(use.program_id == id_ for use in world.implementations.values()):
        raise Refused(409, "in_use")
    yield 204
    del world.programs[id_]
    world.record(ask, "program.deleted", id_)
    return None


def _program(world: World, ask: Ask, id_: str) -> Program:
    one = world.find(world.programs, id_)
    if not world.is_offered(ask.caller, one.organization_id):
        raise not_found()
    if not world.may(ask.caller, one.organization_id, PLAN):
        raise Refused(403, "forbidden")
    world.expect(ask, one)
    return one


def show_implementation(world: World, caller: Caller, one: Implementation) -> dict[str, Any]:
    movable = world.may(caller, one.organization_id, SET_UP)
    return head(one) | {
        "organization_id": one.organization_id,
        "program_id": one.program_id,
        "program_name": world.programs[one.program_id].name,
        "stage": one.stage,
        "ended_at": one.ended_at,
        "allowed_transitions": _moves(one) if movable else [],
    }


def _moves(one: Implementation) -> list[str]:
    return ["resumed"] if one.ended_at else [*(stage for stage in STAGES if stage != one.stage), "ended"]


def create_implementation(world: World, ask: Ask, body: dict[str, Any]) -> Rule:
    organization = world.require(ask.caller, body["organization_id"], SET_UP)
    ensure_active(world, organization)
    program = world.programs.get(body["program_id"])
    if program is None or not world.is_offered(ask.caller, program.organization_id):
        raise Refused(422, "unknown_program")
    if program.organization_id not in world.place(organization.id):
        raise Refused(422, "program_out_of_reach")
    taken = {(use.organization_id, use.program_id) for use in world.implementations.values()}
    if (organization.id, program.id) in taken:
        raise Refused(409, "implementation_exists")
    answer = yield 201
    one = Implementation(**made(world, answer), **body)
    world.implementations[one.id] = one
    _keep(world, ask, one, None, None)
    world.record(ask, "implementation.created", one.id)
    return show_implementation(world, ask.caller, one)


def transition_implementation(world: World, ask: Ask, id_: str, to: str, reason: str | None) -> Rule:
    one = _implementation(world, ask, id_)
    if to != "ended":
        ensure_active(world, world.organizations[one.organization_id])
    if one.ended_at and to != "resumed":
        raise Refused(409, "implementation_ended")
    if to not in _moves(one):
        raise Refused(409, "invalid_transition")
    back = to in STAGES and STAGES.index(to) < STAGES.index(one.stage)
    if (back or to == "ended") and reason is None:
        raise Refused(422, "reason_required")
    yield 200
    before = one.stage
    if to in STAGES:
        one.stage = to
    else:
        one.ended_at = world.stamp if to == "ended" else None
    one.touch(world)
    _keep(world, ask, one, before, reason, kind="stage" if to in STAGES else to)
    world.record(ask, "implementation.stage_changed" if to in STAGES else f"implementation.{to}", id_)
    return show_implementation(world, ask.caller, one)


def remove_implementation(world: World, ask: Ask, id_: str) -> Rule:
    _implementation(world, ask, id_)
    if any(one.implementation_id == id_ for one in world.assessments.values()):
        raise Refused(409, "in_use")
    yield 204
    del world.implementations[id_]
    world.record(ask, "implementation.deleted", id_)
    return None


def _implementation(world: World, ask: Ask, id_: str) -> Implementation:
    one = world.find(world.implementations, id_)
    world.require(ask.caller, one.organization_id, SET_UP)
    world.expect(ask, one)
    return one


def _keep(
    world: World, ask: Ask, one: Implementation, before: str | None, reason: str | None, *, kind: str = "stage"
) -> None:
    one.stages.append(
        {
            "created_at": world.stamp,
            "kind": kind,
            "from_stage": before,
            "to_stage": one.stage,
            "reason": reason,
            "actor_id": ask.caller.id,
        }
    )


_DETAILS = ("email", "employee_number", "position", "department", "manager_id", "hired_on", "left_on")
_UNFINISHED = {"proposed", "open", "in_progress", "blocked"}


def show_person(world: World, caller: Caller, one: Person) -> dict[str, Any]:
    shown = world.may(caller, one.organization_id, FEED)
    status = "active" if one.active else "left"
    return (
        head(one)
        | {"organization_id": one.organization_id, "name": one.name, "active": one.active, "merged_into_id": None}
        | {"erased_at": None}
        | {"details_visible": shown}
        | dict.fromkeys(_DETAILS)
        | {"employment_status": status if shown else None, "external_ids": [] if shown else None}
    )


def create_person(world: World, ask: Ask, body: dict[str, Any]) -> Rule:
    ensure_active(world, world.require(ask.caller, body["organization_id"], FEED))
    answer = yield 201
    one = Person(**made(world, answer), **{"active": True, **body})
    world.people[one.id] = one
    world.record(ask, "person.created", one.id)
    return show_person(world, ask.caller, one)


def patch_person(world: World, ask: Ask, id_: str, changes: dict[str, Any]) -> Rule:
    one = _person(world, ask, id_)
    target = changes.get("organization_id", one.organization_id)
    if target != one.organization_id:
        ensure_active(world, world.require_named(ask.caller, target, FEED))
    has_moved = target != one.organization_id
    yield 200
    was = one.active
    returns = one.returns + (not was and changes.get("active", False))
    if one.change(world, {**changes, "returns": returns}):
        world.record(ask, "person.updated", id_)
    if has_moved:
        world.record(ask, "person.moved_away", id_)
    if one.active and not was:
        world.record(ask, "person.rehired", id_)
    if was and not one.active:
        world.record(ask, "person.left", id_)
        for item in world.items.values():
            if item.owner_id == id_ and item.status in _UNFINISHED:
                world.record(ask, "action_item.owner_left", item.id)
    return show_person(world, ask.caller, one)


def remove_person(world: World, ask: Ask, id_: str) -> Rule:
    _person(world, ask, id_)
    seats = [seat for one in world.assessments.values() for seat in one.seats.values()]
    if any(id_ in {item.owner_id, item.verified_by} for item in world.items.values()) or any(
        seat.person_id == id_ for seat in seats
    ):
        raise Refused(409, "in_use")
    yield 204
    del world.people[id_]
    world.deleted_people.add(id_)
    world.record(ask, "person.deleted", id_)
    return None


def _person(world: World, ask: Ask, id_: str) -> Person:
    one = world.find(world.people, id_)
    world.require(ask.caller, one.organization_id, FEED)
    world.expect(ask, one)
    return one
