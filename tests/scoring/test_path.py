"""The path to the established band against brute force over all 3^9 ends (scoring spec 3)."""

import random
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

from app.scoring import Instrument, Practice
from app.scoring.path import cheapest_path
from tests.scoring import make
from tests.support.known import known

ENDS = np.array(list(product(range(3), repeat=9)), dtype=np.int64)


def brute_force(scores: list[int], weights: list[int], feasibility: list[int], target: Fraction) -> list[str]:
    """Look at every end; the shortest, then most feasible, then lexicographically lowest list of practices."""
    moves = ENDS - np.array(scores)
    reached = (moves >= 0).all(axis=1) & (ENDS > 0).all(axis=1)
    reached &= 50 * (ENDS @ np.array(weights)) * target.denominator >= target.numerator * sum(weights)
    moves = moves[reached]
    lengths = moves.sum(axis=1)
    moves = moves[lengths == lengths.min()]
    eases = moves @ np.array(feasibility)
    moves = moves[eases == eases.max()]
    return min([f"P{i + 1}" for i in range(9) for _ in range(count[i])] for count in moves)


def search(
    scores: list[int], weights: list[int], feasibility: list[int], target: Fraction = Fraction(80)
) -> list[str] | None:
    steps = [(f"P{number}", *item) for number, item in enumerate(zip(scores, weights, feasibility, strict=True), 1)]
    path = cheapest_path(steps, target)
    return None if path is None else list(path)


def test_the_path_is_that_of_brute_force() -> None:
    source = random.Random(3)
    kinds = ([1], [1, 2], [0, 1, 3], range(101), [0, 0, 0, 100], [1, 99, 100])
    for round_ in range(400):
        weights = source.choices(kinds[round_ % len(kinds)], k=9)
        if not any(weights):
            continue
        scores = source.choices([0, 1, 2], k=9)
        feasibility = source.choices(range(1, 6), k=9)
        target = source.choice([Fraction(80), Fraction(80), Fraction(100), Fraction(175, 2), Fraction(1, 3)])
        expected = brute_force(scores, weights, feasibility, target)
        assert search(scores, weights, feasibility, target) == expected, (scores, weights, feasibility, target)


def test_a_feasible_choice_that_falls_short_gives_way_to_a_heavier_one() -> None:
    scores, weights, feasibility = [1] * 9, [50, 40, 30, 20, 10, 10, 10, 10, 10], [1, 2, 3, 4, 5, 5, 5, 5, 5]
    expected = brute_force(scores, weights, feasibility, Fraction(80))
    assert search(scores, weights, feasibility) == expected
    most_feasible_first = sorted(range(9), key=lambda i: -feasibility[i])[: len(expected)]
    assert sum(weights[i] for i in most_feasible_first) < sum(weights[int(code[1:]) - 1] for code in expected)


def test_there_is_nothing_to_do_once_there() -> None:
    assert search([2] * 9, [1] * 9, [3] * 9) == []
    assert search([2] * 6 + [1] * 3, [1] * 9, [3] * 9) == []


def test_zeros_are_lifted_even_if_readiness_is_there() -> None:
    assert search([0] + [2] * 8, [1] * 9, [3] * 9) == ["P1"]
    assert search([0] + [2] * 8, [0] + [1] * 8, [3] * 9) == ["P1"]


def test_weights_of_nothing_have_no_path() -> None:
    assert search([1] * 9, [0] * 9, [3] * 9) is None


@pytest.mark.parametrize("seed", range(6))
def test_twenty_practices_are_searched_exactly(seed: int) -> None:
    source = random.Random(seed)
    scores, weights = source.choices([0, 1], k=20), source.choices(range(1, 101), k=20)
    feasibility = source.choices(range(1, 6), k=20)
    path = known(search(scores, weights, feasibility))
    given = [i for i in range(20) if scores[i] == 0]
    ends = [scores[i] + path.count(f"P{i + 1}") for i in range(20)]
    chosen = [i for i in range(20) if ends[i] == 2]
    start = sum(w * max(s, 1) for w, s in zip(weights, scores, strict=True))
    missing = -(-8 * sum(weights) // 5) - start
    assert min(ends) >= 1
    assert len(path) == len(given) + len(chosen)
    assert sum(weights[i] for i in chosen) >= missing
    size = len(chosen)
    assert sum(sorted(weights, reverse=True)[: size - 1]) < missing
    best = (
        min(
            (-sum(feasibility[i] for i in choice), choice)
            for choice in combinations(range(20), size)
            if sum(weights[i] for i in choice) >= missing
        )
        if size <= 6
        else (-sum(feasibility[i] for i in chosen), tuple(chosen))
    )
    assert best == (-sum(feasibility[i] for i in chosen), tuple(chosen))


def test_a_path_waits_for_every_applicable_practice() -> None:
    path = make.assess(levels=[1] * 8)["path_to_established"]
    assert path == {"practices": None, "moves": None, "reason": "unscored"}
    path = make.assess(levels=[1] * 8 + ["not_applicable"])["path_to_established"]
    assert path == {"practices": ["P1", "P2", "P3", "P4", "P5"], "moves": 5, "reason": None}


def test_practices_beyond_nine_are_ordered_by_number_not_by_text() -> None:
    practices = tuple(Practice(f"P{number}", number) for number in range(12, 0, -1))
    instrument = Instrument("wide", "1.0.0", "0" * 64, practices)
    scores = {f"P{number}": 2 for number in range(1, 13)} | {"P2": 0, "P10": 0}
    consensus = {code: (level, None) for code, level in scores.items()}
    result = make.assess(instrument=instrument, consensus=consensus)
    assert [practice["number"] for practice in result["practices"]] == list(range(1, 13))
    assert result["path_to_established"]["practices"] == ["P2", "P10"]
