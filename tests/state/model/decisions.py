"""The rules of votes, consensus, ratings and the administration record."""

from typing import Any

from tests.state.model.assessments import ensure_open
from tests.state.model.scored import checklist, counted_votes, needs_note, titles
from tests.state.model.things import Assessment, Decision, Vote, from_wire
from tests.state.model.world import RUN, Ask, Caller, Refused, Rule, World, head, made, not_found

Place = tuple[str, str, int, int]


def show_vote(place: Place, vote: Vote) -> dict[str, Any]:
    seat_id, practice, round_, _ = place
    return head(vote) | {
        "participant_id": seat_id,
        "practice": practice,
        "round": round_,
        "value": vote.value,
        "comment": vote.comment,
        "on_paper": vote.entered_by is not None,
    }


def visible_votes(one: Assessment, own: str) -> list[dict[str, Any]]:
    """Return a claim's votes, and the votes that the reveals since the claim have counted."""
    shown, viewer = [], one.seats[own]
    for place, vote in one.votes.items():
        seat_id, practice, round_, claim = place
        seat = one.seats[seat_id]
        earlier = any(
            (other, about) == (seat_id, practice) and at <= round_ and former < claim
            for other, about, at, former in one.votes
        )
        revealed = seat_id != own and viewer.sees_from <= round_ <= one.revealed_round and not earlier
        if seat.withdrawn_at is not None and round_ > seat.counted_round:
            revealed = False
        if (seat_id, claim) == (own, viewer.claims) or revealed:
            shown.append(show_vote(place, vote))
    return shown


def cast(world: World, ask: Ask, id_: str, at: tuple[str, str], body: dict[str, Any]) -> Rule:
    seat_id, practice = at
    one = _begin(world, ask, id_)
    place, vote = _check_cast(world, ask, one, seat_id, practice)
    _check_replaced(ask, vote, body)
    answer = yield 200 if vote else 201
    before = vote and vote.version
    vote = _cast(world, ask, one, {"place": place, **body}, answer)
    if vote.version != before:
        _tell(world, ask, id_, "assessment.vote_replaced" if before else "assessment.vote_cast")
    return show_vote(place, vote)


def cast_many(world: World, ask: Ask, id_: str, votes: list[dict[str, Any]]) -> Rule:
    if len({(vote["participant_id"], vote["practice"]) for vote in votes}) != len(votes):
        raise Refused(422, "invalid")
    one = _begin(world, ask, id_)
    found = []
    for wanted in votes:
        place, vote = _check_cast(world, ask, one, wanted["participant_id"], wanted["practice"])
        _check_replaced(Ask(ask.caller, ask.request_id, wanted.get("version")), vote, wanted)
        found.append((place, vote))
    places = [place for place, _ in found]
    answer = yield 200
    before = [vote and vote.version for _, vote in found]
    cast = [
        _cast(world, ask, one, {"place": place, **wanted}, item)
        for place, wanted, item in zip(places, votes, answer["items"], strict=True)
    ]
    if [vote.version for vote in cast] != before:
        _tell(world, ask, id_, "assessment.vote_cast")
    return {"items": [show_vote(place, vote) for place, vote in zip(places, cast, strict=True)]}


def _begin(world: World, ask: Ask, id_: str) -> Assessment:
    return world.require_assessment(ask.caller, id_, RUN, seat=True)


def _check_cast(world: World, ask: Ask, one: Assessment, seat_id: str, practice: str) -> tuple[Place, Vote | None]:
    caller = ask.caller
    if caller.seat is not None and caller.seat[1] != seat_id:
        raise Refused(403, "not_your_seat")
    if seat_id not in one.seats or practice not in titles():
        raise not_found()
    seat = one.seats[seat_id]
    if seat.seat != "respondent":
        raise Refused(403, "seat_may_not_vote")
    if caller.seat is None and seat.channel != "paper":
        raise Refused(403, "not_a_paper_seat")
    if seat.withdrawn_at is not None:
        raise Refused(409, "seat_withdrawn")
    if one.state == "draft":
        raise Refused(409, "voting_not_open")
    if one.state == "void":
        raise Refused(423, "frozen")
    if one.state != "collecting":
        raise Refused(409, "voting_closed")
    if caller.seat is not None:
        if one.opens_at is not None and world.now < from_wire(one.opens_at):
            raise Refused(409, "voting_not_open")
        if one.closes_at is not None and world.now >= from_wire(one.closes_at):
            raise Refused(409, "voting_closed")
    claim = _entered_claim(one, caller, seat_id, practice) if caller.seat is None else seat.claims
    place = (seat_id, practice, one.round, claim)
    return place, one.votes.get(place)


def _entered_claim(one: Assessment, caller: Caller, seat_id: str, practice: str) -> int:
    """Return the claim under which a key enters a paper ballot: that of its earlier ballot, or a new one."""
    entered = [
        claim
        for (seat, about, round_, claim), vote in one.votes.items()
        if (seat, about) == (seat_id, practice) and round_ < one.round and vote.entered_by == caller.id
    ]
    return min(entered, default=one.round)


def _cast_fields(ask: Ask, wanted: dict[str, Any]) -> dict[str, Any]:
    entered_by = ask.caller.id if ask.caller.seat is None else None
    return {"value": wanted["value"], "comment": wanted.get("comment"), "entered_by": entered_by}


def _check_replaced(ask: Ask, vote: Vote | None, wanted: dict[str, Any]) -> None:
    if vote is None:
        if ask.if_match is not None:
            raise Refused(412, "precondition_failed")
        return
    if ask.must_not_exist:
        raise Refused(412, "precondition_failed")
    if ask.if_match is None and vars(vote).items() >= _cast_fields(ask, wanted).items():
        return
    if ask.if_match is None:
        raise Refused(409, "vote_exists")
    World.expect(ask, vote)


def _cast(world: World, ask: Ask, one: Assessment, wanted: dict[str, Any], answer: dict[str, Any]) -> Vote:
    place = wanted["place"]
    vote = one.votes.get(place)
    if vote is None:
        vote = one.votes[place] = Vote(**made(world, answer), **_cast_fields(ask, wanted))
        vote.deferred = one.seats[place[0]].former_round == one.round
    else:
        vote.change(world, _cast_fields(ask, wanted))
    return vote


def _tell(world: World, ask: Ask, id_: str, event: str) -> None:
    world.record(ask, event, id_, anonymous=ask.caller.seat is not None)


# Decisions


def show_decision(practice: str | None, decision: Decision) -> dict[str, Any]:
    return head(decision) | decision.fields | ({} if practice is None else {"practice": practice})


def put_consensus(world: World, ask: Ask, id_: str, practice: str, body: dict[str, Any]) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    if practice not in titles():
        raise not_found()
    _check_in_consensus(one)
    note = body.get("note")
    if note is None and needs_note(body["value"], counted_votes(one).get(practice, {}).values()):
        raise Refused(422, "consensus_note_required")
    fields = {"note": None, "method": "discussion", "dissent": None} | body | {"recorded_by": ask.caller.id}
    old = one.consensus.get(practice)
    _check_put(ask, old, fields)
    before = old and old.version
    answer = yield 200 if old else 201
    one.consensus[practice] = _put(world, old, fields, answer)
    if one.consensus[practice].version != before:
        world.record(ask, "assessment.consensus_recorded", id_)
    return show_decision(practice, one.consensus[practice])


def remove_consensus(world: World, ask: Ask, id_: str, practice: str) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    _check_in_consensus(one)
    world.expect(ask, world.find(one.consensus, practice))
    yield 204
    del one.consensus[practice]
    world.record(ask, "assessment.consensus_removed", id_)
    return None


def rate(world: World, ask: Ask, id_: str, practice: str, body: dict[str, Any]) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    if practice not in titles():
        raise not_found()
    ensure_open(one)
    fields = {"importance": None, "feasibility": None, "left_unscored": None} | body
    old = one.ratings.get(practice)
    _check_put(ask, old, fields)
    before = old and old.version
    answer = yield 200 if old else 201
    one.ratings[practice] = _put(world, old, fields, answer)
    if one.ratings[practice].version != before:
        world.record(ask, "assessment.practice_rated", id_)
    return show_decision(practice, one.ratings[practice])


def record_administration(world: World, ask: Ask, id_: str, body: dict[str, Any]) -> Rule:
    one = world.require_assessment(ask.caller, id_, RUN)
    ensure_open(one)
    if any(item["code"] not in checklist() for item in body.get("checklist", [])):
        raise Refused(422, "invalid")
    fields = {"duration_minutes": None, "checklist": [], "deviations": None} | body | {"recorded_by": ask.caller.id}
    old = one.administration
    _check_put(ask, old, fields)
    before = old and old.version
    answer = yield 200 if old else 201
    one.administration = _put(world, old, fields, answer)
    if one.administration.version != before:
        world.record(ask, "assessment.administration_recorded", id_)
    return show_decision(None, one.administration)


def _check_in_consensus(one: Assessment) -> None:
    ensure_open(one)
    if one.state != "consensus":
        raise Refused(409, "not_in_consensus")


def _check_put(ask: Ask, old: Decision | None, fields: dict[str, Any]) -> None:
    if old is None:
        if ask.if_match is not None:
            raise Refused(412, "precondition_failed")
        return
    if ask.must_not_exist:
        raise Refused(412, "precondition_failed")
    if ask.if_match is None and old.fields == fields:
        return
    World.expect(ask, old)


def _put(world: World, old: Decision | None, fields: dict[str, Any], answer: dict[str, Any]) -> Decision:
    if old is None:
        return Decision(**made(world, answer), fields=fields)
    old.change(world, {"fields": fields})
    return old
