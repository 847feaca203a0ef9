"""Steps on votes, and on what a team agrees."""

from typing import Any

from tests.state.chance import Fields
from tests.state.model import decisions
from tests.state.model.scored import checklist
from tests.state.model.things import Assessment, Vote
from tests.state.player import Player
from tests.state.steps.items import an_item
from tests.support.team import PRACTICES

VALUES = [0, 1, 2, "dont_know", "not_applicable"]


def a_vote(play: Player) -> None:
    """Cast or replace one vote, as a seat or on paper, or a few at once."""
    one, chance = play.under_way("collecting"), play.chance
    if one is None:
        return an_item(play)
    seat_id = chance.any_of(one.seats)
    practice = chance.pick([*PRACTICES[:3], "P0"]) if chance.rarely(3) else "P1"
    caller = play.world.tokens.get(seat_id) if not chance.rarely(3) else None
    body: dict[str, Any] = {"value": chance.pick(VALUES)} | ({"comment": "Why."} if chance.rarely(4) else {})
    if chance.rarely(3):
        return _votes(play, one, [seat_id, chance.any_of(one.seats)], {"practice": practice, **body}, caller=caller)
    tag = play.tag_of_put(_present(one, seat_id, practice, by_seat=caller is not None))
    how = (decisions.cast, one.id, (seat_id, practice), body)
    play.do("PUT", f"assessments/{one.id}/votes/{seat_id}/{practice}", body, *how, caller=caller, **tag)
    return None


def _votes(play: Player, one: Assessment, seats: list[str], fields: dict[str, Any], **conditions: Any) -> None:
    votes = []
    for seat_id in seats:
        present = _present(one, seat_id, fields["practice"], by_seat=conditions["caller"] is not None)
        known = present is not None and not play.chance.rarely(4)
        votes.append(
            {"participant_id": seat_id, **fields} | ({"version": present.version} if present and known else {})
        )
    path = f"assessments/{one.id}/votes"
    play.do("PATCH", path, {"votes": votes}, decisions.cast_many, one.id, votes, **conditions)


def _present(one: Assessment, seat_id: str, practice: str, *, by_seat: bool) -> Vote | None:
    """Return the vote that a caller would replace: the present claim's, or the one entered on paper."""
    claim = one.seats[seat_id].claims if by_seat and seat_id in one.seats else one.round
    return one.votes.get((seat_id, practice, one.round, claim))


def a_whole_ballot(play: Player, one: Assessment, seat_id: str, level: int) -> None:
    """All a seat has to say, in one request; some seats have no token, and some say nothing."""
    caller = play.driver.admin if one.seats[seat_id].channel == "paper" else play.world.tokens.get(seat_id)
    if caller is None or play.chance.rarely(5):
        return
    votes = []
    for practice in PRACTICES[: 9 - play.chance.rarely(4)]:
        old = _present(one, seat_id, practice, by_seat=one.seats[seat_id].channel == "token")
        value = play.chance.pick(VALUES) if play.chance.rarely(20) else level
        version = {} if old is None else {"version": old.version}
        votes.append({"participant_id": seat_id, "practice": practice, "value": value, **version})
    how = (decisions.cast_many, one.id, votes)
    play.do("PATCH", f"assessments/{one.id}/votes", {"votes": votes}, *how, caller=caller)


def a_decision(play: Player) -> None:
    """Record or take back a consensus, rate a practice, record the administration."""
    one = play.under_way("consensus")
    if one is None:
        return an_item(play)
    what = play.chance.pick([_agree, _rate, _take_back, None])
    if what is None:
        return an_administration(play, one, **play.tag_of_put(one.administration))
    return what(play, one, play.chance.pick([*PRACTICES, "P0"]))


def _agree(play: Player, one: Assessment, practice: str) -> None:
    body = play.chance.some({"note": ["So."], "dissent": ["Not so."], "method": ["majority", "revote"]})
    body["value"] = play.chance.pick([1, 0, 2, "not_applicable"])
    how = (decisions.put_consensus, one.id, practice, body)
    tag = play.tag_of_put(one.consensus.get(practice))
    play.do("PUT", f"assessments/{one.id}/consensus/{practice}", body, *how, **tag)


def _rate(play: Player, one: Assessment, practice: str) -> None:
    fields: Fields = {
        "importance": [5, 1, None],
        "feasibility": [3, 4],
        "left_unscored": ["Later.", None],
    }
    body = play.chance.some(fields)
    how = (decisions.rate, one.id, practice, body)
    tag = play.tag_of_put(one.ratings.get(practice))
    play.do("PUT", f"assessments/{one.id}/practices/{practice}", body, *how, **tag)


def _take_back(play: Player, one: Assessment, practice: str) -> None:
    if one.consensus and not play.chance.rarely(5):
        practice = play.chance.pick(list(one.consensus))
    how = (decisions.remove_consensus, one.id, practice)
    tag = play.tag(one.consensus.get(practice))
    play.do("DELETE", f"assessments/{one.id}/consensus/{practice}", None, *how, **tag)


def an_agreement(play: Player, one: Assessment, practice: str) -> None:
    """A consensus that stands in the way of the end no more."""
    values = [1, 2, 0, "not_applicable"] if play.chance.rarely(5) else [1, 2]
    body = {"value": play.chance.pick(values), "note": "So."}
    tag = {"if_match": "*"} if practice in one.consensus else {}
    how = (decisions.put_consensus, one.id, practice, body)
    play.do("PUT", f"assessments/{one.id}/consensus/{practice}", body, *how, plain=True, **tag)


def an_administration(play: Player, one: Assessment, **conditions: Any) -> None:
    """The record of how the session was run."""
    code = checklist()[0] if not play.chance.rarely(6) else "nothing_of_the_kind"
    body = {
        "roles_present": [{"seat": "respondent", "count": play.chance.below(5)}],
        "evidence_reviewed": True,
        "checklist": [{"code": code, "done": True, "note": None}] if play.chance.rarely(2) else [],
    }
    how = (decisions.record_administration, one.id, body)
    play.do("PUT", f"assessments/{one.id}/administration", body, *how, **conditions)
