"""The order in which to take up practices (scoring spec 7)."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final, Literal

from msgspec import Struct

from app.scoring.profile import ScoringProfile

RatingSource = Literal["given", "stage", "default"]


class Rating(Struct, frozen=True, gc=False):
    """Importance or feasibility, 1 to 5: given by the team, raised by the stage, or the profile's default."""

    value: int
    source: RatingSource


class Priority(Struct, frozen=True, gc=False):
    """The priority of one applicable practice, 0 to 100, with what it is computed from."""

    value: int
    code: str
    score: int | None
    importance: int
    feasibility: int

    @property
    def missing_levels(self) -> int:
        """How many levels are missing to level 2. An unscored practice counts as level 0."""
        return 2 - (self.score or 0)

    @property
    def gap_unknown(self) -> bool:
        """Whether the practice is unscored, so that its gap is an assumption."""
        return self.score is None

    @property
    def rank(self) -> tuple[int, int, int]:
        """Sort key: highest priority first, then lower score, then higher importance."""
        return -self.value, self.score or 0, -self.importance


def compute_priority(code: str, score: int | None, importance: int, feasibility: int) -> Priority:
    """Compute the priority of a practice, which is always a whole number.

    Args:
        code: practice code.
        score: 0, 1, 2, or None while unscored, which counts as 0.
        importance: 1 to 5.
        feasibility: 1 to 5.
    Returns:
        100 x (importance / 5) x (missing levels / 2) x (feasibility / 5).
    Source:
        scoring spec 7.
    """
    return Priority(2 * importance * (2 - (score or 0)) * feasibility, code, score, importance, feasibility)


def rate_importance(
    given: Sequence[int | None], expected: Sequence[int | None], profile: ScoringProfile
) -> list[Rating]:
    """Rate the importance of practices: the rating of the team, or a default that is higher where level 2 is expected.

    Args:
        given: ratings of the team, 1 to 5, or None, shape (practices,).
        expected: the level that the stage expects, or None, shape (practices,).
        profile: holds the defaults.
    """
    default, raised = Rating(profile.importance, "default"), Rating(profile.importance_expected_two, "stage")
    return [
        Rating(own, "given") if own is not None else raised if level == 2 else default
        for own, level in zip(given, expected, strict=True)
    ]


_RANK: Final = attrgetter("rank")


def rank_priorities(priorities: Iterable[Priority]) -> list[Priority]:
    """Order practices by priority.

    Args:
        priorities: of the applicable practices, in order of number.
    Returns:
        Highest priority first. Ties go to the lower score (an unscored practice counts as 0), then to the higher
        importance, then to the lower number. Practices at level 2 come last, with priority 0.
    Source:
        scoring spec 7.
    """
    return sorted(priorities, key=_RANK)
