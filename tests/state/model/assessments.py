"""The rules of assessments."""

from typing import Any
from unittest.mock import ANY
from zoneinfo import ZoneInfo

from tests.state.model.scored import blocker
from tests.state.model.things import Assessment, Decision, Seat, Vote, from_wire
from tests.state.model.world import RUN, Ask, Caller, Refused, Rule, World, ensure_takes, forget_tokens, head, made

TRANSITIONS = {
    "draft": ["collecting", "void"],
    "collecting": ["consensus", "void"],
    "consensus": ["collecting", "final", "void"],
    "final": [],
    "void": [],
}
ENDED = {"final", "void"}
_EVENTS = {"collecting": "opened", "consensus": "closed", "final": "finalized", "void": "voided"}


def successor(world: World, one: Assessment) -> Assessment | None:
    """Return the revision that stands or is to stand in its place."""
    return next((o for o in world.assessments.values() if o.supersedes_id == one.id and o.state != "void"), None)


def show(world: World, caller: Caller, one: Assessment) -> dict[str, Any]:
    revision = successor(world, one)
    fields = (
        "organization_id",
        "implementation_id",
        "instrument_version_id",
        "scoring_profile_id",
        "title",
        "state",
        "stage",
        "supersedes_id",
        "round",
        "revealed_round",
        "administered_on",
        "opens_at",
        "closes_at",
        "opened_at",
        "closed_at",
        "finalized_at",
    )
    movable = caller.seat is None and world.may(caller, one.organization_id, RUN)
    return (
        head(one)
        | {name: getattr(one, name) for name in fields}
        | {
            "mode": "open",
            "organization_name": world.organizations[one.organization_id].name,
            "program_name": world.programs[world.implementations[one.implementation_id].program_id].name,
            "superseded_by_id": revision.id if revision else None,
            "allowed_transitions": TRANSITIONS[one.state] if movable else [],
        }
    )


def ensure_open(one: Assessment) -> None:
    if one.state in ENDED:
        raise Refused(423, "frozen")


def create(world: World, ask: Ask, body: dict[str, Any]) -> Rule:
    if body.get("mode") == "confidential":
        raise Refused(422, "confidential_unavailable")
    _check_window(world, body.get("opens_at"), body.get("closes_at"))
    use = world.implementations.get(body["implementation_id"])
    at = use.organization_id if use else None
    organization = world.require_named(ask.caller, at, RUN, "unknown_reference")
    ensure_takes(world, organization.id, body["implementation_id"])
    if "scoring_profile_id" in body:
        raise Refused(422, "unknown_reference")
    _check_administered(world, organization.id, body.get("administered_on"))
    answer = yield 201
    one = Assessment(
        **made(world, answer),
        organization_id=organization.id,
        instrument_version_id=answer["instrument_version_id"],
        scoring_profile_id=answer["scoring_profile_id"],
        implementation_id=body["implementation_id"],
        title=body["title"],
        stage=body.get("stage"),
        opens_at=body.get("opens_at"),
        closes_at=body.get("closes_at"),
        administered_on=body.get("administered_on"),
    )
    world.assessments[one.id] = one
    _keep(world, ask, one, None, None)
    world.record(ask, "assessment.created", one.id)
    return show(world, ask.caller, one)


def patch(world: World, ask: Ask, id_: str, changes: dict[str, Any]) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    world.expect(ask, one)
    ensure_open(one)
    if one.state != "draft" and changes.keys() & {"stage", "scoring_profile_id"}:
        raise Refused(423, "frozen_at_opening")
    if "scoring_profile_id" in changes:
        raise Refused(422, "unknown_reference")
    if changes.keys() & {"opens_at", "closes_at"}:
        _check_window(world, changes.get("opens_at", one.opens_at), changes.get("closes_at", one.closes_at))
    changes = dict(changes)
    if "administered_on" in changes:
        _check_administered(world, one.organization_id, changes["administered_on"])
        if changes["administered_on"] is None and one.opened_at is not None:
            zone = ZoneInfo(world.zone(one.organization_id))
            changes["administered_on"] = from_wire(one.opened_at).astimezone(zone).date().isoformat()
    yield 200
    if all(getattr(one, name) == value for name, value in changes.items()):
        return show(world, ask.caller, one)
    for name, value in changes.items():
        setattr(one, name, value)
    one.touch(world)
    world.record(ask, "assessment.updated", id_)
    return show(world, ask.caller, one)


def remove(world: World, ask: Ask, id_: str) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    world.expect(ask, one)
    if one.state == "final":
        raise Refused(423, "frozen")
    if one.state not in {"draft", "void"}:
        raise Refused(409, "void_first")
    if any(item.assessment_id == id_ for item in world.items.values()):
        raise Refused(409, "in_use")
    yield 204
    del world.assessments[id_]
    for seat in one.seats:
        forget_tokens(world, seat)
    world.record(ask, "assessment.deleted", id_)
    return None


def transition(world: World, ask: Ask, id_: str, to: str, reason: str | None) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    world.expect(ask, one)
    before = one.state
    if to not in TRANSITIONS[before]:
        raise Refused(409, "invalid_transition")
    if reason is None and ((before, to) == ("consensus", "collecting") or (to == "void" and before != "draft")):
        raise Refused(422, "reason_required")
    if to == "final":
        why = blocker(one)
        if why is not None:
            raise Refused(409, why)
    if to == "collecting":
        ensure_takes(world, one.organization_id, one.implementation_id)
        _check_window(world, one.opens_at, one.closes_at)
    if (before, to) == ("draft", "collecting"):
        _check_administered(world, one.organization_id, one.administered_on)
    yield 200
    _move(world, one, before, to)
    one.touch(world)
    _keep(world, ask, one, before, reason)
    reopened = (before, to) == ("consensus", "collecting")
    world.record(ask, "assessment.reopened" if reopened else f"assessment.{_EVENTS[to]}", id_)
    return show(world, ask.caller, one)


def _move(world: World, one: Assessment, before: str, to: str) -> None:
    if (before, to) == ("draft", "collecting"):
        one.stage = one.stage or world.implementations[one.implementation_id].stage
        one.administered_on = one.administered_on or world.today(one.organization_id).isoformat()
        one.opened_at = world.stamp
    elif to == "collecting":
        one.round += 1
    elif to == "consensus":
        one.closed_at = world.stamp
        one.revealed_round = one.round
    elif to == "final":
        one.finalized_at = world.stamp
    one.state = to


def revise(world: World, ask: Ask, id_: str, body: dict[str, Any]) -> Rule:
    """Revise: the revision takes over everything but tokens. The seats' labels say which seat became which."""
    old = world.require_assessment(ask.caller, id_, RUN)
    if old.state != "final":
        raise Refused(409, "not_final")
    ensure_takes(world, old.organization_id, old.implementation_id)
    if successor(world, old) is not None:
        raise Refused(409, "revision_exists")
    _check_administered(world, old.organization_id, old.administered_on)
    answer = yield 201
    seats = answer.get("learned") or {seat.label: f"copy of {id_}" for id_, seat in old.seats.items()}
    kept = ("organization_id", "implementation_id", "instrument_version_id", "scoring_profile_id", "stage", "opens_at")
    more = ("closes_at", "administered_on", "round", "revealed_round", "opened_at", "closed_at")
    one = Assessment(
        **made(world, answer),
        **{name: getattr(old, name) for name in kept + more},
        title=body.get("title") or old.title,
        state="consensus",
        supersedes_id=id_,
    )

    def copied(decision: Decision) -> Decision:
        return Decision(ANY, world.stamp, world.stamp, decision.fields)

    for seat in old.seats.values():
        one.seats[seats[seat.label]] = Seat(
            id=seats[seat.label],
            created_at=world.stamp,
            updated_at=world.stamp,
            seat=seat.seat,
            perspective=seat.perspective,
            label=seat.label,
            person_id=seat.person_id,
            channel=seat.channel,
            first_round=seat.first_round,
            claims=seat.claims,
            sees_from=seat.sees_from,
            former_round=seat.former_round,
            withdrawn_at=seat.withdrawn_at,
            withdrawn_round=seat.withdrawn_round,
            counted_round=seat.counted_round,
        )
    for (seat_id, practice, round_, claim), vote in old.votes.items():
        place = (seats[old.seats[seat_id].label], practice, round_, claim)
        copy = Vote(ANY, world.stamp, world.stamp, vote.value, vote.comment, vote.entered_by, vote.deferred)
        one.votes[place] = copy
    one.consensus = {practice: copied(decision) for practice, decision in old.consensus.items()}
    one.ratings = {practice: copied(decision) for practice, decision in old.ratings.items()}
    one.administration = copied(old.administration) if old.administration else None
    world.assessments[one.id] = one
    _keep(world, ask, one, None, body["reason"])
    world.record(ask, "assessment.revised", one.id)
    return show(world, ask.caller, one)


def _keep(world: World, ask: Ask, one: Assessment, before: str | None, reason: str | None) -> None:
    one.history.append(
        {
            "created_at": world.stamp,
            "from_state": before,
            "to_state": one.state,
            "reason": reason,
            "actor_id": ask.caller.id,
            "actor_name": ask.caller.name,
        }
    )


def _check_window(world: World, opens_at: str | None, closes_at: str | None) -> None:
    if opens_at is not None and closes_at is not None and closes_at <= opens_at:
        raise Refused(422, "window_reversed")
    if closes_at is not None and from_wire(closes_at) <= world.now:
        raise Refused(422, "window_ended")


def _check_administered(world: World, organization_id: str, administered_on: str | None) -> None:
    if administered_on is not None and administered_on > world.today(organization_id).isoformat():
        raise Refused(422, "administered_in_future")
