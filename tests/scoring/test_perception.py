"""Perception and its interval (scoring spec 5), with scipy as the oracle."""

import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from scipy import stats

from app.scoring import respondent_readiness
from app.scoring.perception import mean_and_interval
from app.scoring.rounding import fraction_to_wire
from app.scoring.student_t import two_sided_quantile
from tests.scoring import make
from tests.scoring.make import DK, NA, Row
from tests.support.known import known


@pytest.mark.parametrize("df", [*range(1, 221), 500, 999, 1000])
def test_t_quantiles_have_twelve_digits(df: int) -> None:
    assert two_sided_quantile(df) == pytest.approx(stats.t.ppf(0.975, df), rel=1e-12)


def test_other_shares_than_95_percent_work_too() -> None:
    assert two_sided_quantile(7, 90) == pytest.approx(stats.t.ppf(0.95, 7), rel=1e-12)


@pytest.mark.parametrize(("df", "percent"), [(0, 95), (3, 0), (3, 100)])
def test_quantiles_out_of_range_are_refused(df: int, percent: int) -> None:
    with pytest.raises(ValueError, match="df >= 1"):
        two_sided_quantile(df, percent)


def test_intervals_are_those_of_scipy_clipped() -> None:
    source = random.Random(5)
    clipped = 0
    for _ in range(3000):
        k = source.choice([3, 4, 5, 8, 20])
        values = [(50 * source.randint(0, 2 * whole), whole) for whole in source.choices(range(1, 30), k=k)]
        floats = [numerator / denominator for numerator, denominator in values]
        interval = known(mean_and_interval(values))
        low_shown, high_shown = known(interval.ci95)
        assert Fraction(interval.numerator, interval.denominator) == sum(Fraction(*value) for value in values) / k
        spread = stats.sem(floats)
        if spread < 1e-9:
            assert low_shown == high_shown
            continue
        low, high = stats.t.interval(0.95, k - 1, loc=sum(floats) / k, scale=spread)
        clipped += low < 0 or high > 100
        assert (low_shown, high_shown) == pytest.approx((max(0, low), min(100, high)), abs=1e-8)
    assert clipped > 100


def test_values_alike_give_an_interval_of_no_width() -> None:
    assert known(mean_and_interval([(50, 1)] * 3)).ci95 == (50.0, 50.0)


def test_two_respondents_have_a_mean_and_no_interval() -> None:
    perception = make.assess([[0, 1]] * 9)["perception"]
    assert (perception["mean"], perception["reason"]) == (25.0, None)
    assert (perception["ci95"], perception["ci95_reason"], perception["respondents"]) == (
        None,
        "too_few_respondents",
        2,
    )


def test_no_respondent_has_no_perception() -> None:
    perception = make.assess(levels=[1] * 9)["perception"]
    assert (perception["mean"], perception["reason"]) == (None, "no_counting_respondents")
    assert (perception["ci95"], perception["ci95_reason"], perception["respondents"]) == (
        None,
        "too_few_respondents",
        0,
    )
    assert mean_and_interval([]) is None


def test_huge_denominators_stay_exact() -> None:
    values = [(50 * whole, whole + 1) for whole in range(1, 400)]
    low, high = known(known(mean_and_interval(values)).ci95)
    assert 0 < low < high < 50


def own(columns: Sequence[Row], **changes: Any) -> list[float | None]:
    """Own readiness on the wire's scale, from one list of votes per respondent."""
    rows: list[Row] = [list(row) for row in zip(*columns, strict=True)]
    values = respondent_readiness(make.inputs(rows, **changes)).values()
    return [fraction_to_wire(value) for value in values]


def test_a_respondent_counts_from_four_fifths_of_what_applies_to_them() -> None:
    full = [1] * 9
    assert own([full, [2] * 8 + [DK], [2] * 7 + [DK, DK]]) == [50.0, 100.0, None]
    # Three practices called not applicable leave six, of which five are more than four fifths, and four are less.
    assert own([full] * 9 + [[2] * 5 + [DK, NA, NA, NA]])[-1] == 100.0
    assert own([full] * 9 + [[2] * 4 + [DK, DK, NA, NA, NA]])[-1] is None


def test_respondents_who_do_not_count_are_numbers_with_reasons() -> None:
    columns = [[1] * 9, [NA] * 9, [None] * 9, [1] * 3 + [DK] * 6]
    rows: list[Row] = [list(row) for row in zip(*columns, strict=True)]
    result = make.assess(rows, levels=[1] * 9, seats=4)
    assert result["perception"]["excluded"] == [
        {"reason": "insufficient_coverage", "respondents": 1},
        {"reason": "no_votes", "respondents": 1},
        {"reason": "none_applicable", "respondents": 1},
    ]
    assert (result["perception"]["respondents"], result["perception"]["mean"]) == (1, 50.0)


def test_votes_on_practices_that_do_not_apply_do_not_enter() -> None:
    columns: list[Row] = [[2] * 8 + [0], [1] * 8 + [NA], [1] * 8 + [NA]]
    assert own(columns) == [100.0, 50.0, 50.0]


def test_weights_enter_a_respondents_own_readiness() -> None:
    columns = [[2] + [1] * 8] * 3
    assert own(columns, profile=make.weighted({"P1": 8})) == [75.0] * 3
    nothing = make.assess([[1, 1]] * 9, profile=make.weighted({}, default=0))["perception"]
    assert nothing["excluded"] == [{"reason": "nothing_scored", "respondents": 2}]


def test_the_interval_comes_with_what_it_means() -> None:
    assert "spread between respondents" in make.assess()["perception"]["statement"]
