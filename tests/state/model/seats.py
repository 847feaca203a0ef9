"""The rules of seats."""

from datetime import timedelta
from typing import Any
from unittest.mock import ANY

from tests.state.model.assessments import ensure_open
from tests.state.model.things import Assessment, Seat, on_wire
from tests.state.model.world import RUN, Ask, Caller, Refused, Rule, World, ensure_takes, forget_tokens, head, made

#: How long an invitation is open.
INVITED = timedelta(days=7)


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
    elif "person_id" in changes and world.has_left(seat.person_id):
        _end_access(world, ask, one, seat)
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
    if world.has_left(seat.person_id):
        raise Refused(409, "seat_person_left")
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
    if not found or world.has_left(found[0][1].person_id):
        raise Refused(404, "invitation_not_found")
    ((one, seat),) = found
    answer = yield 201
    forget_tokens(world, seat.id)
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
    if _end_access(world, ask, one, seat):
        seat.touch(world)
    return None


def _end_access(world: World, ask: Ask, one: Assessment, seat: Seat) -> bool:
    """End the code and the token of a seat. Return whether it had a token."""
    had_code, seat.code = seat.code is not None, None
    had_claim = _end_claim(world, one, seat)
    if had_claim or had_code:
        seat.history.append(("token_revoked", ask.caller.id))
        world.record(ask, "participant.token_revoked", seat.id)
    return had_claim


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
