"""The rules of assessments and their seats."""

from typing import Any
from unittest.mock import ANY
from zoneinfo import ZoneInfo

from tests.state.model.scored import blocker
from tests.state.model.world import (
    RUN,
    Ask,
    Assessment,
    Caller,
    Decision,
    Refused,
    Rule,
    Seat,
    Vote,
    World,
    ensure_takes,
    from_wire,
    head,
    made,
)

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
    """The revision that stands or is to stand in its place."""
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
        **{
            name: body.get(name)
            for name in ("implementation_id", "title", "stage", "opens_at", "closes_at", "administered_on")
        },
    )
    world.assessments[one.id] = one
    _keep(world, ask, one, None, None)
    world.tell(ask, "assessment.created", one.id)
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
    world.tell(ask, "assessment.updated", id_)
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
        _forget_tokens(world, seat)
    world.tell(ask, "assessment.deleted", id_)
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
    world.tell(ask, "assessment.reopened" if reopened else f"assessment.{_EVENTS[to]}", id_)
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
    """A revision takes over everything but tokens; which seat became which is learned by the seats' labels."""
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
            has_token=False,
            withdrawn_at=seat.withdrawn_at,
            withdrawn_behind=seat.withdrawn_behind,
        )
    for (seat_id, practice, round_), vote in old.votes.items():
        place = (seats[old.seats[seat_id].label], practice, round_)
        one.votes[place] = Vote(ANY, world.stamp, world.stamp, vote.value, vote.comment, vote.entered_by)
    one.consensus = {practice: copied(decision) for practice, decision in old.consensus.items()}
    one.ratings = {practice: copied(decision) for practice, decision in old.ratings.items()}
    one.administration = copied(old.administration) if old.administration else None
    world.assessments[one.id] = one
    _keep(world, ask, one, None, body["reason"])
    world.tell(ask, "assessment.revised", one.id)
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


# Seats


def show_seat(assessment_id: str, one: Seat) -> dict[str, Any]:
    return head(one) | {
        "assessment_id": assessment_id,
        "seat": one.seat,
        "perspective": one.perspective,
        "label": one.label,
        "person_id": one.person_id,
        "has_token": one.has_token and not one.token_revoked and one.withdrawn_at is None,
        "withdrawn_at": one.withdrawn_at,
    }


def add_seat(world: World, ask: Ask, id_: str, body: dict[str, Any]) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    ensure_open(one)
    ensure_takes(world, one.organization_id, one.implementation_id)
    _check_perspective(body["seat"], body.get("perspective"))
    _check_invitable(one, body["seat"])
    _check_administrator(one, body["seat"])
    _check_person(world, ask.caller, body.get("person_id"))
    answer = yield 201
    seat = Seat(**made(world, answer), **{"perspective": None, "person_id": None, **body})
    one.seats[seat.id] = seat
    _issue(world, one, seat, answer["token"])
    world.tell(ask, "participant.added", seat.id)
    return show_seat(id_, seat) | ({} if ask.dry_run else {"token": ANY, "token_reason": None})


def patch_seat(world: World, ask: Ask, id_: str, seat_id: str, changes: dict[str, Any]) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    seat = world.find(one.seats, seat_id)
    world.expect(ask, seat)
    ensure_open(one)
    if seat.withdrawn_at is not None:
        raise Refused(409, "seat_withdrawn")
    changes = dict(changes)
    kind = changes.get("seat", seat.seat)
    if kind != seat.seat:
        if seat.seat == "respondent" and one.state != "draft":
            raise Refused(409, "seat_fixed")
        _check_invitable(one, seat.seat, kind)
        _check_administrator(one, kind)
        if kind != "respondent":
            changes.setdefault("perspective", None)
    _check_person(world, ask.caller, changes.get("person_id"))
    _check_perspective(kind, changes.get("perspective", seat.perspective))
    yield 200
    if seat.change(world, changes):
        world.tell(ask, "participant.updated", seat_id)
    return show_seat(id_, seat)


def withdraw_seat(world: World, ask: Ask, id_: str, seat_id: str) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    seat = world.find(one.seats, seat_id)
    world.expect(ask, seat)
    ensure_open(one)
    if seat.withdrawn_at is not None:
        raise Refused(409, "seat_withdrawn")
    yield 204
    seat.withdrawn_at = world.stamp
    seat.withdrawn_behind = one.round if one.state == "consensus" else None
    seat.touch(world)
    _revoke(world, seat_id)
    world.tell(ask, "participant.withdrawn", seat_id)
    return None


def issue_token(world: World, ask: Ask, id_: str, seat_id: str) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    seat = world.find(one.seats, seat_id)
    if one.state == "void":
        raise Refused(423, "frozen")
    if seat.withdrawn_at is not None:
        raise Refused(409, "seat_withdrawn")
    answer = yield 201
    _forget_tokens(world, seat_id)
    seat.has_token, seat.token_revoked = True, False
    seat.touch(world)
    _issue(world, one, seat, answer["token"])
    world.tell(ask, "participant.token_issued", seat_id)
    return {"participant_id": seat_id} | ({} if ask.dry_run else {"token": ANY, "token_reason": None})


def revoke_token(world: World, ask: Ask, id_: str, seat_id: str) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    seat = world.find(one.seats, seat_id)
    yield 204
    if not seat.token_revoked:
        seat.token_revoked = True
        seat.touch(world)
        _revoke(world, seat_id)
        world.tell(ask, "participant.token_revoked", seat_id)
    return None


def _issue(world: World, one: Assessment, seat: Seat, token: str | None) -> None:
    if token is not None:
        world.tokens[seat.id] = Caller(seat.id, seat.label, token, seat=(one.id, seat.id))
        world.holders.append(world.tokens[seat.id])


def _revoke(world: World, seat_id: str) -> None:
    if seat_id in world.tokens:
        world.tokens.pop(seat_id).dead = "token_revoked"


def _forget_tokens(world: World, seat_id: str) -> None:
    """What is stored of a token is gone: it is not even known to have been one."""
    world.tokens.pop(seat_id, None)
    for holder in world.holders:
        if holder.id == seat_id:
            holder.dead = "unauthorized"


def _check_perspective(kind: str, perspective: str | None) -> None:
    if (kind == "respondent") != (perspective is not None):
        raise Refused(422, "perspective_mismatch")


def _check_invitable(one: Assessment, *kinds: str) -> None:
    if "respondent" in kinds and one.state == "consensus":
        raise Refused(409, "voting_closed")


def _check_administrator(one: Assessment, kind: str) -> None:
    if kind == "administrator" and any(seat.seat == kind and seat.withdrawn_at is None for seat in one.seats.values()):
        raise Refused(409, "administrator_exists")


def _check_person(world: World, caller: Caller, person_id: str | None) -> None:
    if person_id is None:
        return
    person = world.people.get(person_id)
    if person is None or not world.reads(caller, person.organization_id):
        raise Refused(422, "unknown_reference")
