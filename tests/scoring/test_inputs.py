"""What an input may not hold, and its canonical form (scoring spec 1.3, 1.4 and 10)."""

import json
from datetime import date
from hashlib import sha256
from typing import Any

import pytest

from app.scoring import Instrument, Practice, Seat, canonical_input, canonical_json
from tests.scoring import make

#: As untyped JSON may bring it.
FRACTIONAL: Any = 1.5
SEATS = (Seat("s0", "manager"), Seat("s1"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": "later"}, "unknown stage 'later'"),
        ({"votes": {"P10": {}}}, "votes of unknown practice 'P10'"),
        ({"consensus": {"Q": (1, None)}}, "consensus of unknown practice 'Q'"),
        ({"left_unscored": {"Q": "note"}}, "left_unscored of unknown practice 'Q'"),
        ({"importance": {"Q": 3}}, "importance of unknown practice 'Q'"),
        ({"feasibility": {"Q": 3}}, "feasibility of unknown practice 'Q'"),
        ({"seats": (Seat("s0"), Seat("s0", "hr"))}, "seat ids must differ"),
        ({"seats": (Seat("s0", "boss"),)}, "unknown perspective 'boss'"),
        ({"votes": {"P1": {"s9": 1}}}, "vote on P1 from unknown seat 's9'"),
        ({"votes": {"P1": {"s0": 3}}}, "a vote on P1 must be"),
        ({"votes": {"P1": {"s0": True}}}, "a vote on P1 must be"),
        ({"votes": {"P1": {"s0": 1.0}}}, "a vote on P1 must be"),
        ({"votes": {"P1": {"s0": None}}}, "a vote on P1 must be"),
        ({"votes": {"P1": {"s0": "unsure"}}}, "a vote on P1 must be"),
        ({"consensus": {"P1": ("dont_know", None)}}, "the consensus on P1 must be"),
        ({"consensus": {"P1": (True, None)}}, "the consensus on P1 must be"),
        ({"left_unscored": {"P1": " \n"}}, "leaving P1 unscored needs a note"),
        ({"importance": {"P1": 0}}, "importance of P1 must be an integer from 1 to 5"),
        ({"importance": {"P1": 6}}, "importance of P1"),
        ({"feasibility": {"P1": True}}, "feasibility of P1"),
    ],
)
def test_a_wrong_input_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make.inputs(**{"seats": SEATS, "votes": {}, **changes})


@pytest.mark.parametrize(
    ("practices", "message"),
    [
        ((), "at least one practice"),
        ((Practice("P1", 1), Practice("P1", 2)), "codes must differ"),
        ((Practice("P1", 1), Practice("P2", 1)), "numbers must differ"),
        ((Practice("P1", FRACTIONAL),), "numbers must be integers"),
    ],
)
def test_an_instrument_needs_distinct_practices(practices: tuple[Practice, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Instrument("i", "1.0.0", "0", practices)


def test_the_canonical_input_is_readable_and_sorted() -> None:
    given = make.inputs(
        seats=(Seat("s1"), Seat("s0", "manager")),
        votes={"P2": {"s1": "dont_know"}, "P1": {"s1": 2, "s0": 1}, "P3": {}},
        consensus={"P1": (1, " "), "P2": ("not_applicable", "why")},
        left_unscored={"P9": "x", "P8": "y"},
        importance={"P1": 4},
        as_of=date(2026, 3, 1),
        stage="installation",
    )
    canonical = canonical_input(given)
    document = json.loads(canonical)
    assert canonical == canonical_json(document)
    assert document["seats"] == [["s0", "manager"], ["s1", None]]
    assert document["votes"][:4] == [[1, 2], [None, "dont_know"], [None, None], [None, None]]
    assert document["consensus"] == [[1, False], ["not_applicable", True]] + [None] * 7
    assert document["left_unscored"] == [False] * 7 + [True] * 2
    assert (document["stage"], document["as_of"], document["sealed"]) == ("installation", "2026-03-01", False)
    assert document["importance"] == [4] + [None] * 8
    assert document["profile"][2] == make.DEFAULT_PROFILE.content_hash
    assert document["practices"][0] == ["P1", 1]


def test_a_lone_surrogate_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        canonical_input(make.inputs(seats=(Seat("\ud800"),)))


def test_a_sealed_canonical_input_holds_no_vote_and_no_decision() -> None:
    given = make.inputs([[1, 2]], levels=[1], left_unscored={"P9": "x"}, sealed=True)
    document = json.loads(canonical_input(given))
    assert (document["votes"], document["consensus"], document["left_unscored"]) == (None, None, None)


def test_everything_that_decides_the_result_is_in_the_hash() -> None:
    base: dict[str, Any] = {"rows": [[1, 2, 2]] * 9, "stage": "installation"}
    changes: list[dict[str, Any]] = [
        {},
        {"rows": [[1, 2, 2]] * 8 + [[1, 1, 2]]},
        {"rows": [[1, 2, None]] * 9, "seats": 3},
        {"seats": 4},
        {"stage": None},
        {"as_of": date(2026, 3, 1)},
        {"levels": [1]},
        {"left_unscored": {"P1": "note"}},
        {"importance": {"P1": 3}},
        {"feasibility": {"P1": 3}},
        {"has_administration_record": True},
        {"sealed": True},
        {"profile": make.weighted({"P1": 2})},
        {"instrument": Instrument("fa9", "1.0.1", "0" * 64, make.INSTRUMENT.practices)},
    ]
    hashes = {make.assess(**{**base, **change})["input_hash"] for change in changes}
    assert len(hashes) == len(changes)


def test_a_keyed_digest_depends_on_the_key_and_the_input() -> None:
    given: dict[str, Any] = {"seats": SEATS, "votes": {"P1": {"s0": 1}}}
    plain, keyed, other = (make.assess(**given, digest_key=key)["input_hash"] for key in (None, b"k" * 32, b"o" * 32))
    assert plain == sha256(canonical_input(make.inputs(**given))).hexdigest()
    assert keyed == make.assess(**given, digest_key=b"k" * 32)["input_hash"]
    assert len({plain, keyed, other}) == 3
    assert len(keyed) == len(plain)
    voted_otherwise = {**given, "votes": {"P1": {"s0": 2}}}
    assert make.assess(**voted_otherwise, digest_key=b"k" * 32)["input_hash"] != keyed
