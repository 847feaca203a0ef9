"""Steps on assessments and their seats, and the course a team takes through them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tests.state.chance import UNKNOWN, Fields
from tests.state.model import assessments, programs, seats
from tests.state.model.scored import missing
from tests.state.model.things import Assessment, Seat, from_wire, on_wire
from tests.state.player import Player
from tests.state.steps.items import an_item
from tests.state.steps.votes import a_whole_ballot, an_administration, an_agreement

PERSPECTIVES = ["practitioner", "executive", "hr"]


def an_assessment(play: Player) -> None:
    """Create, move, change, revise or delete an assessment, whatever its state."""
    play.chance.pick([_create, _move, _move, _patch, _revise, _remove])(play)


def a_plain_assessment(play: Player) -> None:
    """A draft of the newest implementation, with a seat of each perspective."""
    body = {"implementation_id": list(play.world.implementations)[-1], "title": play.named("Assessment")}
    made = play.do("POST", "assessments", body, assessments.create, body, plain=True)
    for perspective in PERSPECTIVES:
        _add_seat(play, play.world.assessments[made["id"]], "respondent", perspective, plain=True)


def _create(play: Player) -> None:
    chance = play.chance
    body: dict[str, Any] = {
        "implementation_id": chance.any_of(play.world.implementations),
        "title": play.named("Assessment"),
    }
    if chance.rarely(3):
        body |= chance.some(_windows(play) | {"stage": programs.STAGES})
    if chance.rarely(12):
        body |= chance.some({"scoring_profile_id": [UNKNOWN], "mode": ["confidential"]})
    play.do("POST", "assessments", body, assessments.create, body)


def _patch(play: Player) -> None:
    id_ = play.chance.any_of(play.world.assessments)
    fields: Fields = {
        "title": [play.named("Renamed")],
        **_windows(play),
        "stage": [*programs.STAGES, None],
        "administered_on": ["2026-09-30", None, "2199-01-01"],
    }
    changes = play.chance.some(fields)
    if play.chance.rarely(12):
        changes["scoring_profile_id"] = UNKNOWN
    tag = play.tag(play.world.assessments.get(id_))
    play.do("PATCH", f"assessments/{id_}", changes, assessments.patch, id_, changes, **tag)


def _windows(play: Player) -> dict[str, Sequence[Any]]:
    instants = [on_wire(play.world.now + timedelta(hours=hours)) for hours in (-2, 3, 30)]
    return {"opens_at": [instants[0], None, instants[1]], "closes_at": [instants[2], None, instants[1]]}


def _move(play: Player) -> None:
    id_ = play.chance.any_of(play.world.assessments)
    to = play.chance.pick(["consensus", "collecting", "void", "final", "draft"])
    reason = play.chance.pick(["Said so.", None])
    _transition(play, id_, to, reason, **play.tag(play.world.assessments.get(id_)))


def _transition(play: Player, id_: str, to: str, reason: str | None = None, **conditions: Any) -> None:
    body = {"to": to} | ({"reason": reason} if reason else {})
    how = (assessments.transition, id_, to, reason)
    play.do("POST", f"assessments/{id_}/transitions", body, *how, **conditions)


def _revise(play: Player) -> None:
    finals = [one.id for one in play.world.assessments.values() if one.state == "final"]
    id_ = play.chance.any_of(finals or play.world.assessments)
    body = {"reason": "A slip."} | ({"title": play.named("Revision")} if play.chance.rarely(3) else {})
    play.do("POST", f"assessments/{id_}/revisions", body, assessments.revise, id_, body)


def _remove(play: Player) -> None:
    id_ = play.chance.any_of(play.world.assessments)
    tag = play.tag(play.world.assessments.get(id_))
    play.do("DELETE", f"assessments/{id_}", None, assessments.remove, id_, **tag)


def a_seat(play: Player) -> None:
    """Add, change or withdraw a seat; invite again, claim, or revoke a token."""
    one, chance = play.under_way(), play.chance
    if one is None:
        return an_item(play)
    seat_id = chance.any_of(one.seats)
    tag = play.tag(one.seats.get(seat_id))
    path = f"assessments/{one.id}/participants/{seat_id}"
    what = chance.pick(["add", "patch", "invite", "claim", "withdraw", "revoke"])
    kind = chance.pick(["respondent", "respondent", "administrator", "observer"])
    perspective = chance.pick(PERSPECTIVES) if (kind == "respondent") != chance.rarely(12) else None
    if what == "add":
        _add_seat(play, one, kind, perspective)
    elif what == "patch":
        fields: Fields = {"label": [play.named("Seat")], "seat": [kind], "perspective": [perspective]}
        changes = chance.some({**fields, **({"channel": ["paper", "token"]} if chance.rarely(4) else {})})
        if chance.rarely(4):
            changes["person_id"] = chance.any_of(play.world.people) if chance.below(3) else None
        play.do("PATCH", path, changes, seats.patch_seat, one.id, seat_id, changes, **tag)
    elif what == "invite":
        play.do("POST", f"{path}/invitation", None, seats.invite_again, one.id, seat_id)
    elif what == "claim":
        _claim(play, one.seats.get(seat_id))
    elif what == "withdraw":
        play.do("DELETE", path, None, seats.withdraw_seat, one.id, seat_id, **tag)
    else:
        play.do("DELETE", f"{path}/token", None, seats.revoke_token, one.id, seat_id)
    return None


def _add_seat(play: Player, one: Assessment, kind: str, perspective: str | None, **conditions: Any) -> None:
    body: dict[str, Any] = {"seat": kind, "label": play.named("Seat")}
    if perspective is not None:
        body["perspective"] = perspective
    if play.world.people and play.chance.rarely(6):
        body["person_id"] = play.chance.any_of(play.world.people)
    if kind == "respondent" and not conditions and play.chance.rarely(5):
        body["channel"] = "paper"
    path = f"assessments/{one.id}/participants"
    made = play.do("POST", path, body, seats.add_seat, one.id, body, **conditions)
    if made and not play.chance.rarely(6):
        _claim(play, one.seats[made["id"]])


def _claim(play: Player, seat: Seat | None) -> None:
    """Claim a seat whose code is known; nobody has to be let in for that."""
    if seat is not None and seat.code is not None:
        play.do("POST", "seats/claim", {"code": seat.code}, seats.claim, seat.code, plain=True)


def the_next_thing(play: Player) -> None:
    """What a team would do next: invite, open, vote, close, agree, finish, correct."""
    under_way = [one for one in play.world.assessments.values() if one.state not in assessments.ENDED]
    if not under_way:
        return _begin_again(play)
    one = play.chance.pick(under_way)
    if one.state == "draft":
        if one.closes_at is not None and from_wire(one.closes_at) <= play.world.now:
            _clear_window(play, one)
        _transition(play, one.id, "collecting", if_match=one.version)
    elif one.state == "collecting":
        level = play.chance.below(3)
        for seat_id in list(one.seats):
            a_whole_ballot(play, one, seat_id, level if not play.chance.rarely(3) else play.chance.below(3))
        _transition(play, one.id, "consensus", if_match="*")
    elif play.chance.rarely(4):
        if one.closes_at is not None and from_wire(one.closes_at) <= play.world.now:
            _clear_window(play, one)
        _transition(play, one.id, "collecting", "Talk again.", if_match=one.version)
    else:
        _finish(play, one)
    return None


def _clear_window(play: Player, one: Assessment) -> None:
    changes = {"closes_at": None}
    play.do("PATCH", f"assessments/{one.id}", changes, assessments.patch, one.id, changes, plain=True, if_match="*")


def _begin_again(play: Player) -> None:
    if not play.world.implementations:
        return an_item(play)
    newest = play.world.implementations[list(play.world.implementations)[-1]]
    is_closed = newest.ended_at is not None or play.world.archived_by(newest.organization_id) is not None
    if play.chance.rarely(2) or is_closed:
        return _revise(play)
    return a_plain_assessment(play)


def _finish(play: Player, one: Assessment) -> None:
    for practice in missing(one):
        an_agreement(play, one, practice)
        if play.chance.rarely(12):
            return
    if one.administration is None:
        an_administration(play, one, plain=True)
    _transition(play, one.id, "final", if_match="*")
