"""Which votes count: carried over, withdrawn, cast through later claims."""

from app.assessments.seat_rules import CastVote, SeatFacts, counted_votes, sealed_votes, takes_part

SEAT = {"A": SeatFacts(first_round=1)}


def vote(answer: str, round_: int, *, claim: int = 1, practice: str = "P1", deferred: bool = False) -> CastVote:
    return CastVote(practice, "A", answer, round_, claim, deferred)


def test_the_latest_revealed_vote_of_a_seat_counts() -> None:
    votes = [vote("0", 1), vote("2", 2), vote("1", 3)]
    assert counted_votes(votes, SEAT, 2) == {"P1": {"A": "2"}}


def test_a_later_round_replaces_only_the_votes_cast_in_it() -> None:
    votes = [vote("0", 1), vote("1", 1, practice="P2"), vote("2", 2)]
    assert counted_votes(votes, SEAT, 2) == {"P1": {"A": "2"}, "P2": {"A": "1"}}


def test_a_later_claim_replaces_no_counted_vote() -> None:
    votes = [vote("0", 1), vote("2", 2, claim=2), vote("2", 2, claim=2, practice="P2")]
    assert counted_votes(votes, SEAT, 2) == {"P1": {"A": "0"}, "P2": {"A": "2"}}


def test_of_one_round_the_first_claims_vote_counts() -> None:
    votes = [vote("2", 1, claim=2, deferred=True), vote("0", 1)]
    assert counted_votes(votes, SEAT, 1) == {"P1": {"A": "0"}}


def test_a_withdrawn_seats_votes_count_as_far_as_they_were_revealed() -> None:
    seat = {"A": SeatFacts(1, is_withdrawn=True, withdrawn_round=2, counted_round=1)}
    assert counted_votes([vote("0", 1), vote("2", 2)], seat, 2) == {"P1": {"A": "0"}}


def test_a_seat_withdrawn_before_its_first_close_takes_no_part_after_it() -> None:
    seat = SeatFacts(2, is_withdrawn=True, withdrawn_round=2, counted_round=1)
    assert takes_part(seat, round_=2, sealed=True)
    assert not takes_part(seat, round_=2, sealed=False)


def test_a_seat_that_a_close_could_count_takes_part_for_good() -> None:
    seat = SeatFacts(1, is_withdrawn=True, withdrawn_round=1, counted_round=1)
    assert takes_part(seat, round_=4, sealed=False)
    assert not takes_part(seat, round_=2, sealed=True)


def test_while_sealed_only_the_present_rounds_first_claims_are_counted() -> None:
    votes = [vote("0", 1), vote("1", 2, practice="P2"), vote("1", 2, claim=2, practice="P3", deferred=True)]
    assert sealed_votes(votes, SEAT, 2) == {"P2": {"A": "1"}}
