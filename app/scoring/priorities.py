"""Which practice to take up first (scoring spec 7)."""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

from app.scoring.profile import ScoringProfile
from app.scoring.votes import PracticeResult

Origin = Literal["given", "stage", "default"]


class Rating(NamedTuple):
    """Importance or feasibility, 1 to 5, and whether it was given, follows from the stage, or is the default."""

    value: int
    origin: Origin


class Priority(NamedTuple):
    """The priority of one applicable practice, 0 to 100, with all that went into it."""

    code: str
    number: int
    score: int | None
    importance: Rating
    feasibility: Rating
    value: int

    @property
    def gap(self) -> Fraction:
        """Distance from level 2 as a share of the scale: 0, 1/2 or 1; 1 where the practice is unscored."""
        return Fraction(levels_missing(self.score), 2)

    @property
    def gap_unknown(self) -> bool:
        """Whether the gap is assumed because the practice is unscored."""
        return self.score is None


def levels_missing(score: int | None) -> int:
    """Levels from a score to level 2; both of them where there is no score."""
    return 2 if score is None else 2 - score


def priority(score: int | None, importance: int, feasibility: int) -> int:
    """Priority of a practice: importance x gap x feasibility on a scale of 0 to 100, which is always whole.

    Args:
        score: 0, 1, 2, or None while unscored (the gap is then taken as whole).
        importance: 1 to 5.
        feasibility: 1 to 5.
    Returns:
        100 x (importance / 5) x (levels missing / 2) x (feasibility / 5).
    Source:
        scoring spec 7.
    """
    return 2 * importance * levels_missing(score) * feasibility


@lru_cache(maxsize=256)
def default_importance(expected: int | None, profile: ScoringProfile) -> Rating:
    """Importance of a practice that nobody rated: higher where the stage expects level 2."""
    return Rating(profile.importance_expected_two, "stage") if expected == 2 else Rating(profile.importance, "default")


@lru_cache(maxsize=256)
def default_feasibility(profile: ScoringProfile) -> Rating:
    """Feasibility of a practice that nobody rated."""
    return Rating(profile.feasibility, "default")


@lru_cache(maxsize=8)
def given_rating(value: int) -> Rating:
    """A rating the team gave, 1 to 5."""
    return Rating(value, "given")


def rank_priorities(
    results: Sequence[PracticeResult], importance: Sequence[Rating], feasibility: Sequence[Rating]
) -> list[Priority]:
    """The applicable practices by priority.

    Args:
        results: the practices' results, in any order, shape (practices,).
        importance: their importance in the same order, likewise feasibility.
    Returns:
        Highest priority first; ties by lower score (an unscored practice counts as 0), higher importance, lower
        number. Practices with nothing left to gain come last, with priority 0.
    Source:
        scoring spec 7.
    """
    ranked = []
    for result, important, feasible in zip(results, importance, feasibility, strict=True):
        if result.status != "not_applicable":
            value = priority(result.score, important.value, feasible.value)
            item = Priority(result.code, result.number, result.score, important, feasible, value)
            ranked.append((-value, result.score or 0, -important.value, result.number, item))
    ranked.sort()
    return [item for *_, item in ranked]
