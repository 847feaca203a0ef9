"""From votes to a practice score (scoring spec 2)."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from app.scoring import DONT_KNOW, NOT_APPLICABLE, Consensus, VoteCounts, consensus_needs_note, count_votes, parse_vote
from app.scoring.votes import score_practice
from tests.scoring import make
from tests.scoring.make import DK, NA, Row, Vote


def counted(votes: Iterable[Vote]) -> VoteCounts:
    return count_votes([parse_vote(vote) for vote in votes])


def outcome(votes: Iterable[Vote], **more: Any) -> tuple[object, ...]:
    result = score_practice(counted(votes), **more)
    return result.status, result.score, result.source, result.reason


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([], ("unscored", None, None, "no_votes")),
        ([NA, NA, 1], ("not_applicable", None, None, "majority_not_applicable")),
        ([NA, 1], ("scored", 1, "provisional", None)),
        ([NA, NA, DK], ("not_applicable", None, None, "majority_not_applicable")),
        ([NA, DK], ("unscored", None, None, "insufficient_knowledge")),
        ([DK, DK, 2], ("unscored", None, None, "insufficient_knowledge")),
        ([DK, 2], ("scored", 2, "provisional", None)),
        ([DK, DK, 2, 2], ("scored", 2, "provisional", None)),
        ([2], ("scored", 2, "provisional", None)),
        ([1, 1], ("scored", 1, "unanimous", None)),
        ([0, 0, 0], ("scored", 0, "unanimous", None)),
        ([2, 2, 2, DK], ("scored", 2, "provisional", None)),
        ([2, 2, 2, NA], ("scored", 2, "provisional", None)),
        ([0, 1], ("scored", 0, "provisional", None)),
        ([1, 2, 2], ("scored", 2, "provisional", None)),
    ],
)
def test_votes_become_a_score_or_a_reason(votes: list[Vote], expected: tuple[object, ...]) -> None:
    assert outcome(votes) == expected


def test_a_consensus_wins_over_any_votes() -> None:
    assert outcome([2, 2, 2], consensus=Consensus(0, "note")) == ("scored", 0, "consensus", None)
    assert outcome([NA, NA], consensus=Consensus(2)) == ("scored", 2, "consensus", None)
    assert outcome([], consensus=Consensus(1)) == ("scored", 1, "consensus", None)
    expected = ("not_applicable", None, "consensus", "consensus_not_applicable")
    assert outcome([2, 2], consensus=Consensus(NOT_APPLICABLE, "note")) == expected


def test_left_unscored_sets_a_score_from_votes_aside_but_no_decision() -> None:
    assert outcome([0, 2], left_unscored=True) == ("unscored", None, None, "left_unscored")
    assert outcome([2, 2], left_unscored=True) == ("unscored", None, None, "left_unscored")
    assert outcome([], left_unscored=True) == ("unscored", None, None, "no_votes")
    assert outcome([DK], left_unscored=True) == ("unscored", None, None, "insufficient_knowledge")
    assert outcome([NA], left_unscored=True)[0] == "not_applicable"
    assert outcome([0, 2], left_unscored=True, consensus=Consensus(1)) == ("scored", 1, "consensus", None)


@pytest.mark.parametrize(
    ("value", "votes", "needed"),
    [
        (1, [], True),
        (NA, [], True),
        (NA, [DK, NA], False),
        (NA, [NA, NA, 1], True),
        (1, [DK, DK], True),
        (1, [NA], True),
        (1, [0, 2], False),
        (0, [0, 2], False),
        (2, [0, 2], False),
        (0, [1, 2], True),
        (2, [0, 1], True),
        (2, [1, 1, DK], True),
        (1, [1, 1, DK], False),
    ],
)
def test_a_consensus_away_from_the_votes_needs_a_note(value: Vote, votes: list[Vote], needed: bool) -> None:
    assert consensus_needs_note(parse_vote(value), counted(votes)) is needed


@pytest.mark.parametrize("vote", [3, -1, "yes", None, 0.5, True, 1.0])
def test_what_is_no_vote_is_refused(vote: Any) -> None:
    with pytest.raises(ValueError, match="a vote must be"):
        parse_vote(vote)


@pytest.mark.parametrize("vote", [-1, 6, "dont_know", None])
def test_only_numbered_votes_are_counted(vote: Any) -> None:
    with pytest.raises(ValueError, match="a vote must be"):
        count_votes([1, vote])


def test_votes_are_numbered() -> None:
    assert [parse_vote(vote) for vote in (0, 1, 2, DK, NA)] == [0, 1, 2, DONT_KNOW, NOT_APPLICABLE]


def test_the_result_says_how_consensus_relates_to_votes() -> None:
    consensus = {
        "P1": (2, " "),
        "P2": (1, None),
        "P3": (NA, "why"),
        "P4": (2, "old form"),
    }
    result = make.assess([[0, 1], [1, 1], [1, 1]], consensus=consensus)
    shown = [practice["consensus"] for practice in result["practices"][:5]]
    assert shown == [
        {"value": 2, "in_range": False, "needs_note": True, "has_note": False},
        {"value": 1, "in_range": True, "needs_note": False, "has_note": False},
        {"value": NA, "in_range": None, "needs_note": True, "has_note": True},
        {"value": 2, "in_range": None, "needs_note": True, "has_note": True},
        None,
    ]
    assert [practice["flags"] for practice in result["practices"][:4]] == [
        ["consensus_needs_note"],
        [],
        [],
        ["low_response"],
    ]


@pytest.mark.parametrize(("seats", "quorum"), [(0, 2), (1, 2), (3, 2), (4, 2), (5, 3), (6, 3), (7, 4), (200, 100)])
def test_the_quorum_is_half_of_the_seats_and_at_least_two(seats: int, quorum: int) -> None:
    assert make.assess(seats=seats)["voting"]["quorum"] == quorum


def test_fewer_voters_than_the_quorum_are_a_low_response() -> None:
    practices = make.assess([[1, 1, DK], [1, NA], [1, 1, 1, 2]], seats=5)["practices"]
    assert [("low_response" in practice["flags"]) for practice in practices[:3]] == [False, True, False]


def test_practices_count_their_votes_by_answer() -> None:
    practice = make.assess([[0, 1, 1, 2, DK, NA]], seats=8)["practices"][0]
    assert practice["votes"] == {
        "not_in_place": 1,
        "partially_in_place": 2,
        "in_place": 1,
        "dont_know": 1,
        "not_applicable": 1,
        "voted": 6,
        "invited": 8,
    }
    assert practice["perception"] == 1.0
    assert practice["vote_range"] == {"low": 0, "high": 2}


def test_perception_stays_beside_the_score() -> None:
    practice = make.assess([[0, 2, 2]], consensus={"P1": (1, None)})["practices"][0]
    assert (practice["score"], practice["perception"]) == (1, 1.333333)


class TestFinality:
    def blockers(self, rows: Sequence[Row] = (), **changes: Any) -> dict[str, list[str]]:
        found = make.assess(rows, **changes)["finality"]
        assert found["can_finalize"] is (not found["blockers"])
        return {item["reason"]: item["practices"] for item in found["blockers"]}

    def test_consensus_on_everything_can_be_final(self) -> None:
        assert self.blockers(levels=[1] * 9, has_administration_record=True) == {}

    def test_unanimous_votes_can_be_final(self) -> None:
        assert self.blockers([[1, 1]] * 9, has_administration_record=True) == {}

    def test_an_administration_record_is_needed(self) -> None:
        assert self.blockers(levels=[1] * 9) == {"no_administration_record": []}

    def test_provisional_scores_never_become_final(self) -> None:
        rows = [[1, 1]] * 8 + [[1, 2]]
        assert self.blockers(rows, has_administration_record=True) == {"provisional_practice": ["P9"]}

    def test_an_unscored_practice_blocks_until_it_is_left_so_with_a_note(self) -> None:
        levels = [1] * 8
        blocked = self.blockers(levels=levels, has_administration_record=True)
        assert blocked == {"unscored_practice": ["P9"]}
        note = {"P9": "nobody here knows"}
        assert self.blockers(levels=levels, has_administration_record=True, left_unscored=note) == {}

    def test_split_votes_may_be_left_unscored_and_then_give_no_score(self) -> None:
        rows = [[1, 1]] * 8 + [[0, 2]]
        note = {"P9": "no agreement"}
        assert self.blockers(rows, has_administration_record=True, left_unscored=note) == {}
        assert make.assess(rows, left_unscored=note)["practices"][8]["score"] is None

    def test_too_little_coverage_blocks_even_with_notes(self) -> None:
        notes = {"P8": "later", "P9": "later"}
        blocked = self.blockers(levels=[1] * 7, has_administration_record=True, left_unscored=notes)
        assert blocked == {"insufficient_coverage": ["P8", "P9"]}

    def test_nothing_applicable_covers_nothing(self) -> None:
        assert self.blockers(levels=[NA] * 9, has_administration_record=True) == {"insufficient_coverage": []}

    def test_a_practice_that_does_not_apply_blocks_nothing(self) -> None:
        rows: list[Row] = [[1, 1]] * 8 + [[NA, NA]]
        assert self.blockers(rows, has_administration_record=True) == {}

    def test_a_departing_consensus_without_a_note_blocks(self) -> None:
        consensus = {"P1": (2, None)}
        blocked = self.blockers([[1, 1]] * 9, has_administration_record=True, consensus=consensus)
        assert blocked == {"consensus_needs_note": ["P1"]}
