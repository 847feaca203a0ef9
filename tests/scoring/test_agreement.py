"""Agreement per practice and across practices (scoring spec 4), against independent implementations."""

import random
import statistics
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scoring import count_votes
from app.scoring.agreement import ordinal_alpha, pairwise_exact, r_star_wg_j, within_group_agreement
from app.scoring.votes import lower_median
from tests.scoring import make
from tests.scoring.make import DK, NA, Row
from tests.support.known import known

LEVELS = st.lists(st.integers(0, 2), min_size=1, max_size=12)


def vote_sets(count: int, seed: int) -> Iterator[list[list[int | None]]]:
    """Yield seeded sets of votes: practices by raters, None where a rater gave no level."""
    source = random.Random(seed)
    for _ in range(count):
        raters, practices = source.randint(1, 8), source.randint(1, 9)
        weights = [source.random() + 0.05 for _ in range(4)]
        yield [source.choices([0, 1, 2, None], weights, k=raters) for _ in range(practices)]


def r_wg(votes: list[int]) -> Fraction | None:
    return within_group_agreement(count_votes(votes)).value


def levels(row: Sequence[int | None]) -> list[int]:
    return [vote for vote in row if vote is not None]


def test_alpha_is_that_of_the_krippendorff_package() -> None:
    compared = undefined = 0
    for rows in vote_sets(4000, seed=4):
        alpha = ordinal_alpha([count_votes(levels(row)) for row in rows])
        pairable = [levels(row) for row in rows if len(levels(row)) >= 2]
        distinct = {vote for row in pairable for vote in row}
        assert alpha.units == len(pairable)
        if len(distinct) < 2:
            assert (alpha.value, alpha.reason) == (None, "no_variation" if pairable else "too_few_votes")
            undefined += 1
            continue
        data = np.array([[np.nan if vote is None else vote for vote in row] for row in rows], dtype=float).T
        oracle = krippendorff.alpha(reliability_data=data, level_of_measurement="ordinal", value_domain=[0.0, 1.0, 2.0])
        assert float(known(alpha.value)) == pytest.approx(oracle, abs=1e-9)
        assert alpha.reason is None
        compared += 1
    assert compared > 3000
    assert undefined > 50


def test_r_wg_r_star_and_pairs_are_those_of_the_definitions() -> None:
    for rows in vote_sets(3000, seed=5):
        rated = [levels(row) for row in rows]
        variances = [statistics.variance([Fraction(v) for v in row]) for row in rated if len(row) >= 3]
        for row in rated:
            expected = max(Fraction(0), 1 - 3 * statistics.variance(map(Fraction, row)) / 2) if len(row) >= 3 else None
            assert r_wg(row) == expected
        counts = [count_votes(row) for row in rated]
        star = r_star_wg_j(counts)
        assert star.value == (1 - statistics.mean(variances) / Fraction(2, 3) if variances else None)
        assert (star.units, star.reason) == (len(variances), None if variances else "too_few_votes")
        pairs = [pair for row in rated for pair in combinations(row, 2)]
        exact = pairwise_exact(counts)
        if pairs:
            assert (exact.numerator, exact.denominator) == (sum(a == b for a, b in pairs), len(pairs))
        else:
            assert (exact.value, exact.reason) == (None, "too_few_votes")


@given(LEVELS)
def test_the_lower_median_is_that_of_the_standard_library(votes: list[int]) -> None:
    assert lower_median(count_votes(votes)) == statistics.median_low(votes)


@given(LEVELS)
def test_another_vote_at_the_lower_median_never_lowers_r_wg(votes: list[int]) -> None:
    before = r_wg(votes)
    after = r_wg([*votes, statistics.median_low(votes)])
    assert before is None or known(after) >= before


def test_a_median_of_no_votes_is_none() -> None:
    assert lower_median(count_votes([])) is None


def test_r_star_is_not_clipped() -> None:
    assert r_star_wg_j([count_votes([0, 0, 2, 2])]).value == -1
    assert r_wg([0, 0, 2, 2]) == 0


def test_labels_begin_at_their_cuts_exactly() -> None:
    rows: list[Row] = [[2, 2, 2, 2, 1], [2, 2, 2, 1], [2, 2, 2, 1, 1], [1, 1], [2, 2, 2, 2, 0], [1, 1, 1]]
    shown = [practice["r_wg"] for practice in make.assess(rows)["practices"][:6]]
    assert [(r_wg["value"], r_wg["label"], r_wg["reason"]) for r_wg in shown] == [
        (0.7, "acceptable", None),
        (0.625, "moderate", None),
        (0.55, "low", None),
        (None, None, "too_few_votes"),
        (0.0, "low", None),
        (1.0, "acceptable", None),
    ]
    cuts = [{"key": "low", "from": 0}, {"key": "enough", "from": "5/8"}]
    practices = make.assess(rows, profile=make.profile(agreement_labels=cuts))["practices"]
    assert [practice["r_wg"]["label"] for practice in practices[:3]] == ["enough", "enough", "low"]


def test_agreement_without_votes_has_reasons_and_no_figures() -> None:
    agreement = make.assess(levels=[1] * 9)["agreement"]
    nothing = {"value": None, "reason": "too_few_votes", "units": 0}
    assert agreement["r_star_wg_j"] == agreement["alpha_ordinal"] == nothing
    assert agreement["pairwise_exact"] == {**nothing, "agreeing_pairs": None, "pairs": None}


def test_votes_all_alike_have_no_alpha_and_full_agreement() -> None:
    agreement = make.assess([[1, 1, 1]] * 9)["agreement"]
    assert agreement["alpha_ordinal"] == {"value": None, "reason": "no_variation", "units": 9}
    assert (agreement["r_star_wg_j"]["value"], agreement["pairwise_exact"]["value"]) == (1.0, 1.0)


def test_practices_that_do_not_apply_are_no_units() -> None:
    rows: list[Row] = [[0, 1, 2, NA, NA, NA, NA], [1, 1, 2]]
    assert make.assess(rows)["agreement"]["r_star_wg_j"] == {"value": 0.5, "reason": None, "units": 1}


def test_discussion_begins_with_what_is_not_known_and_then_the_least_agreement() -> None:
    rows: list[Row] = [
        [1, 1, 1, 1, 1],
        [0, 2],
        [2, 2, 1],
        [DK, DK, DK, 2, 2],
        [1, 2],
        [0, 0, 2, 2, 2],
        [1],
        [NA, NA],
        [2, DK, DK],
    ]
    # P2 and P6 tie at no agreement and a range of 2; P3 and P5 at one half and a range of 1.
    order = make.assess(rows, seats=5)["agreement"]["discuss_first"]
    assert order == ["P4", "P9", "P2", "P6", "P3", "P5", "P1", "P7"]


def test_the_wider_range_is_discussed_first_among_equals() -> None:
    rows = [[1, 2], [0, 1, 1, 2, 1, 1, 1]]
    assert r_wg(rows[1]) == Fraction(1, 2)
    assert make.assess(rows)["agreement"]["discuss_first"][:2] == ["P2", "P1"]


def test_a_consensus_makes_a_practice_known() -> None:
    rows: list[Row] = [[1, 1, 1], [DK, DK, 1]]
    assert make.assess(rows)["agreement"]["discuss_first"][0] == "P2"
    assert make.assess(rows, levels=[None, 1])["agreement"]["discuss_first"][0] == "P1"


def test_a_practice_that_does_not_apply_has_no_agreement() -> None:
    practice = make.assess([[1, 1, 1, NA, NA, NA, NA]])["practices"][0]
    assert practice["r_wg"] == {"value": None, "label": None, "reason": "not_applicable"}
    agreed = make.assess([[1, 1, 1]], levels=[NA])["practices"][0]
    assert agreed["r_wg"] == {"value": None, "label": None, "reason": "not_applicable"}
