"""The rules of assessments and their seats."""

from datetime import timedelta
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
    on_wire,
)

TRANSITIONS = {
    "draft": ["collecting", "void"],
    "collecting": ["consensus", "void"],
    "consensus": ["collecting", "final", "void"],
    "final": [],
    "void": [],
}
ENDED = {"final", "void"}
#: How long an invitation is open.
INVITED = timedelta(days=7)
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
        _forget_tokens(world, seat)
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


# Seats


def show_seat(assessment_id: str, one: Seat) -> dict[str, Any]:
    return head(one) | {
        "assessment_id": assessment_id,
        "seat": one.seat,
        "channel": one.channel,
        "perspective": one.perspective,
        "label": one.label,
        "person_id": one.person_id,
        "has_token": one.has_token and one.withdrawn_at is None,
        "claimed_at": one.claimed_at,
        "withdrawn_at": one.withdrawn_at,
    }


def _show_invitation(world: World, ask: Ask) -> dict[str, Any]:
    shown = {"code": None, "code_reason": "dry_run"} if ask.dry_run else {"code": ANY, "code_reason": None}
    return {"invitation": {**shown, "expires_at": on_wire(world.now + INVITED), "join_url": None}}


def add_seat(world: World, ask: Ask, id_: str, body: dict[str, Any]) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    ensure_open(one)
    ensure_takes(world, one.organization_id, one.implementation_id)
    _check_shape(body["seat"], body.get("perspective"), body.get("channel", "token"))
    _check_invitable(one, body["seat"])
    _check_administrator(one, body["seat"])
    _check_person(world, ask.caller, one, body["seat"], body.get("person_id"))
    answer = yield 201
    seat = Seat(
        **made(world, answer), **{"perspective": None, "person_id": None, **body}, first_round=one.revealed_round + 1
    )
    one.seats[seat.id] = seat
    world.record(ask, "participant.added", seat.id)
    if seat.channel == "paper":
        return show_seat(id_, seat) | {"invitation": None}
    _invite(world, ask, seat, answer["invitation"]["code"])
    return show_seat(id_, seat) | _show_invitation(world, ask)


def patch_seat(world: World, ask: Ask, id_: str, seat_id: str, changes: dict[str, Any]) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    seat = world.find(one.seats, seat_id)
    world.expect(ask, seat)
    ensure_open(one)
    if seat.withdrawn_at is not None:
        raise Refused(409, "seat_withdrawn")
    changes = {name: value for name, value in changes.items() if value != getattr(seat, name)}
    kind = changes.get("seat", seat.seat)
    was = seat.seat
    _check_fixed(one, seat, changes)
    if kind != was:
        _check_invitable(one, kind)
        _check_administrator(one, kind)
        if kind != "respondent":
            changes.setdefault("perspective", None)
    person = changes.get("person_id", seat.person_id)
    if "person_id" in changes or (kind == "respondent" != was):
        _check_person(world, ask.caller, one, kind, person, but=seat_id)
    _check_shape(kind, changes.get("perspective", seat.perspective), changes.get("channel", seat.channel))
    yield 200
    if changes.get("channel") == "paper":
        seat.code = None
        _end_claim(world, one, seat)
    if kind == "respondent" != was:
        seat.first_round = one.revealed_round + 1
    if seat.change(world, changes):
        world.record(ask, "participant.updated", seat_id)
    return show_seat(id_, seat)


def withdraw_seat(world: World, ask: Ask, id_: str, seat_id: str) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    seat = world.find(one.seats, seat_id)
    world.expect(ask, seat)
    ensure_open(one)
    if seat.withdrawn_at is not None:
        raise Refused(409, "seat_withdrawn")
    yield 204
    seat.code = seat.claimed_at = None
    seat.withdrawn_at = world.stamp
    seat.withdrawn_round = 0 if one.state == "draft" else one.round
    seat.counted_round = one.revealed_round
    seat.touch(world)
    _revoke(world, seat_id)
    seat.history.append(("withdrawn", ask.caller.id))
    world.record(ask, "participant.withdrawn", seat_id)
    return None


def invite_again(world: World, ask: Ask, id_: str, seat_id: str) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    seat = world.find(one.seats, seat_id)
    if one.state == "void":
        raise Refused(423, "frozen")
    if seat.withdrawn_at is not None:
        raise Refused(409, "seat_withdrawn")
    if seat.channel == "paper":
        raise Refused(409, "paper_seat")
    answer = yield 201
    event = "re_invited" if seat.history else "invited"
    if _end_claim(world, one, seat):
        seat.touch(world)
    _invite(world, ask, seat, answer["invitation"]["code"], event)
    world.record(ask, f"participant.{event}", seat_id)
    return {"participant_id": seat_id} | _show_invitation(world, ask)


def claim(world: World, ask: Ask, code: str) -> Rule:
    """Claim a seat. Anybody may try; the right code makes the caller the holder."""
    found = [
        (one, seat)
        for one in world.assessments.values()
        for seat in one.seats.values()
        if seat.code == code and seat.code_ends and seat.code_ends > world.now and one.state != "void"
    ]
    if not found:
        raise Refused(404, "invitation_not_found")
    ((one, seat),) = found
    answer = yield 201
    _forget_tokens(world, seat.id)
    seat.code = None
    seat.claims += 1
    seat.claimed_at = world.stamp
    seat.sees_from = one.revealed_round + 1
    seat.has_token = True
    seat.touch(world)
    holder = Caller(seat.id, seat.label, answer["token"], seat=(one.id, seat.id))
    world.tokens[seat.id] = holder
    world.holders.append(holder)
    seat.history.append(("claimed", seat.id))
    world.record(Ask(holder, ask.request_id), "participant.claimed", seat.id)
    return {
        "token": answer["token"],
        "token_reason": None,
        "expires_at": None,
        "participant_id": seat.id,
        "seat": seat.seat,
        "perspective": seat.perspective,
        "assessment_id": one.id,
        "assessment_title": one.title,
        "voting_opens_at": one.opens_at,
        "voting_closes_at": one.closes_at,
    }


def revoke_token(world: World, ask: Ask, id_: str, seat_id: str) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    seat = world.find(one.seats, seat_id)
    yield 204
    had_code, seat.code = seat.code is not None, None
    had_claim = _end_claim(world, one, seat)
    if had_claim:
        seat.touch(world)
    if had_claim or had_code:
        seat.history.append(("token_revoked", ask.caller.id))
        world.record(ask, "participant.token_revoked", seat_id)
    return None


def _invite(world: World, ask: Ask, seat: Seat, code: str | None, event: str = "invited") -> None:
    seat.code, seat.code_ends = code, world.now + INVITED
    seat.history.append((event, ask.caller.id))


def _end_claim(world: World, one: Assessment, seat: Seat) -> bool:
    if not seat.has_token:
        return False
    seat.has_token, seat.claimed_at = False, None
    seat.former_round = 0 if one.state == "draft" else one.round
    _revoke(world, seat.id)
    return True


def _revoke(world: World, seat_id: str) -> None:
    if seat_id in world.tokens:
        world.tokens.pop(seat_id).dead = "token_revoked"


def _forget_tokens(world: World, seat_id: str) -> None:
    """What is stored of a token is gone: it is not even known to have been one."""
    world.tokens.pop(seat_id, None)
    for holder in world.holders:
        if holder.id == seat_id:
            holder.dead = "unauthorized"


def _check_fixed(one: Assessment, seat: Seat, changes: dict[str, Any]) -> None:
    respondent = seat.seat == "respondent"
    if one.state != "draft" and ("channel" in changes or (respondent and "seat" in changes)):
        raise Refused(409, "seat_fixed")
    if respondent and one.revealed_round >= seat.first_round and changes.keys() & {"perspective", "person_id"}:
        raise Refused(409, "seat_fixed")


def _check_shape(kind: str, perspective: str | None, channel: str) -> None:
    if (kind == "respondent") != (perspective is not None):
        raise Refused(422, "perspective_mismatch")
    if channel == "paper" and kind != "respondent":
        raise Refused(422, "channel_mismatch")


def _check_invitable(one: Assessment, kind: str) -> None:
    if kind == "respondent" and one.state == "consensus":
        raise Refused(409, "voting_closed")


def _check_administrator(one: Assessment, kind: str) -> None:
    if kind == "administrator" and any(seat.seat == kind and seat.withdrawn_at is None for seat in one.seats.values()):
        raise Refused(409, "administrator_exists")


def _check_person(
    world: World, caller: Caller, one: Assessment, kind: str, person_id: str | None, *, but: str | None = None
) -> None:
    if person_id is None:
        return
    person = world.people.get(person_id)
    if person is None or not world.reads(caller, person.organization_id):
        raise Refused(422, "unknown_reference")
    if not person.active:
        raise Refused(422, "inactive_person")
    others = [seat for id_, seat in one.seats.items() if id_ != but and seat.person_id == person_id]
    if kind == "respondent" and any(
        seat.seat == "respondent" and (seat.withdrawn_at is None or seat.counted_round >= seat.first_round)
        for seat in others
    ):
        raise Refused(409, "person_seated")
