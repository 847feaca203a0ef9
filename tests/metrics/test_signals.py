"""Which figure of a metric its reader sees."""

from datetime import date

import pytest

from app.metrics.signals import ReportedFigure, group_figures, to_coverages
from app.scoring import Coverage

START, END = date(2025, 1, 1), date(2025, 3, 31)


def figure(id_: str, numerator: int, denominator: int) -> ReportedFigure:
    return ReportedFigure(id_, "policy_currency", numerator, denominator, START, END)


@pytest.mark.parametrize(("first", "second"), [((1, 4), (3, 4)), ((3, 4), (1, 4)), ((0, 3), (0, 3)), ((2, 4), (9, 10))])
def test_what_is_withheld_does_not_say_which_small_figure_is_lower(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    chosen = group_figures([figure("b", *second), figure("a", *first)])
    assert to_coverages(chosen, is_own=False) == {"policy_currency": Coverage(None, None, START, END, "a")}
    lowest = to_coverages(chosen, is_own=True)["policy_currency"]
    assert (lowest.numerator, lowest.denominator) == min(first, second, key=lambda one: one[0] / one[1])
