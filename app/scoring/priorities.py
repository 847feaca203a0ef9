"""Which practice to take up first (scoring spec 7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from operator import attrgetter
from typing import Final, Literal, NamedTuple

from app.scoring.profile import ScoringProfile

Origin = Literal["given", "stage", "default"]


class Rating(NamedTuple):
    """Importance or feasibility, 1 to 5, and whether it was given, follows from the stage, or is the default."""

    value: int
    origin: Origin


@dataclass(frozen=True, slots=True, eq=False)
class Priority:
    """The priority of one applicable practice, 0 to 100, with all that went into it.

    Compared by identity: `priority_of` mostly gives the same one for the same, which makes it a cheap key.
    """

    code: str
    score: int | None
    importance: Rating
    feasibility: Rating
    value: int
    order: tuple[int, int, int]
    """What practices are ranked by, before their numbers."""

    @property
    def gap(self) -> Fraction:
        """Distance from level 2 as a share of the scale: 0, 1/2 or 1; 1 where the practice is unscored."""
        return Fraction(2 - (self.score or 0), 2)

    @property
    def gap_unknown(self) -> bool:
        """Whether the gap is assumed because the practice is unscored."""
        return self.score is None


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
    return 2 * importance * (2 - (score or 0)) * feasibility


def default_importance(expected: int | None, profile: ScoringProfile) -> Rating:
    """Importance of a practice that nobody rated: higher where the stage expects level 2."""
    return Rating(profile.importance_expected_two, "stage") if expected == 2 else Rating(profile.importance, "default")


def default_feasibility(profile: ScoringProfile) -> Rating:
    """Feasibility of a practice that nobody rated."""
    return Rating(profile.feasibility, "default")


@lru_cache(maxsize=8)
def given_rating(value: int) -> Rating:
    """A rating the team gave, 1 to 5."""
    return Rating(value, "given")


@lru_cache(maxsize=4096)
def priority_of(code: str, score: int | None, importance: Rating, feasibility: Rating) -> Priority:
    """The priority of one practice with this score and these ratings."""
    value = priority(score, importance.value, feasibility.value)
    return Priority(code, score, importance, feasibility, value, (-value, score or 0, -importance.value))


def rank_priorities(priorities: Iterable[Priority]) -> list[Priority]:
    """Practices by priority.

    Args:
        priorities: of the applicable practices, in order of number.
    Returns:
        Highest priority first; ties by lower score (an unscored practice counts as 0), higher importance, lower
        number. Practices with nothing left to gain come last, with priority 0.
    Source:
        scoring spec 7.
    """
    return sorted(priorities, key=_ORDER)


_ORDER: Final = attrgetter("order")
