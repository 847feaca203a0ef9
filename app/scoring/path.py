"""The shortest way to the established band, in moves of one practice by one level (scoring spec 3)."""

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple

#: One applicable practice: its code, its score, its weight (0 to 100) and its feasibility (1 to 5).
Step = tuple[str, int, int, int]


class Path(NamedTuple):
    """The moves, one entry per level lifted, in order of practice number; None with a reason."""

    practices: tuple[str, ...] | None
    reason: str | None


#: Position among the steps, weight, feasibility.
_Move = tuple[int, int, int]
_FEASIBILITY = itemgetter(2)


def cheapest_path(steps: Sequence[Step], target: Fraction) -> tuple[str, ...] | None:
    """Find the fewest one-level moves that bring readiness to a target with no practice left at 0.

    Every practice at 0 must be lifted once, whatever the gates of the profile: these moves are required. After them
    each practice has at most one further move. Of these, choose the fewest whose weights add up to the missing sum; the
    heaviest moves determine how many are needed. Of all choices of that size the most feasible one wins, and then the
    one whose practices come first.

    Args:
        steps: the applicable practices, all scored, in order of practice number.
        target: readiness to reach, 0 to 100.
    Returns:
        Codes of the practices to lift, one per move and so up to twice each, in the order given; None where the
        weights sum to 0 and readiness is undefined.
    Source:
        scoring spec 3, `path_to_established`; tested against a search of all 3^9 combinations of scores.
    """
    total = reached = 0
    required: list[int] = []
    open_moves: list[_Move] = []
    for position, (_, score, weight, feasibility) in enumerate(steps):
        level = score
        if score == 0:
            required.append(position)
            level = 1
        total += weight
        reached += weight * level
        if level < 2:
            open_moves.append((position, weight, feasibility))
    if not total:
        return None
    missing = -(-total * target.numerator // (50 * target.denominator)) - reached
    chosen = _choose(open_moves, missing)
    return tuple([steps[position][0] for position in sorted(required + chosen)])


def _choose(moves: Sequence[_Move], missing: int) -> list[int]:
    """Choose the fewest moves whose weights reach the missing sum: the most feasible, then the first."""
    if missing <= 0:
        return []
    size = _fewest(moves, missing)
    easiest = sorted(moves, key=_FEASIBILITY, reverse=True)[:size]
    if sum([weight for _, weight, _ in easiest]) >= missing:
        return [position for position, _, _ in easiest]
    return _choose_by_weight(moves, size, missing)


def _fewest(moves: Sequence[_Move], missing: int) -> int:
    heaviest_first = sorted([weight for _, weight, _ in moves], reverse=True)
    return 1 + bisect_left(list(accumulate(heaviest_first)), missing)


def _choose_by_weight(moves: Sequence[_Move], size: int, missing: int) -> list[int]:
    """Choose by dynamic programming, if the most feasible moves do not reach the missing sum.

    `heaviest[i][(c, f)]` is the largest sum of weights of c moves from position i on whose feasibilities add up to f.
    For 20 practices it has a few thousand entries, where there are hundreds of thousands of choices.
    """
    heaviest: list[dict[tuple[int, int], int]] = [{(0, 0): 0}]
    for _, move_weight, move_feasibility in reversed(moves):
        later = heaviest[-1]
        here = dict(later)
        for (count, feasibility), weight in later.items():
            key = (count + 1, feasibility + move_feasibility)
            if count < size and here.get(key, -1) < weight + move_weight:
                here[key] = weight + move_weight
        heaviest.append(here)
    heaviest.reverse()
    feasibility = max(f for (count, f), weight in heaviest[0].items() if count == size and weight >= missing)
    chosen: list[int] = []
    for number, (position, weight, own) in enumerate(moves, 1):
        later = heaviest[number]
        rest = (size - 1, feasibility - own)
        if rest in later and later[rest] >= missing - weight:
            chosen.append(position)
            size, feasibility, missing = size - 1, feasibility - own, missing - weight
    return chosen
