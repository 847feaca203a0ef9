"""Which practice to take up first (scoring spec 7)."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
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


def importance_of(code: str, given: Mapping[str, int], expected: int | None, profile: ScoringProfile) -> Rating:
    """Importance of a practice: as given, or else higher where the stage expects level 2, or else the default."""
    if code in given:
        return Rating(given[code], "given")
    return Rating(profile.importance_expected_two, "stage") if expected == 2 else Rating(profile.importance, "default")


def feasibility_of(code: str, given: Mapping[str, int], profile: ScoringProfile) -> Rating:
    """Feasibility of a practice: as given, or else the default."""
    return Rating(given[code], "given") if code in given else Rating(profile.feasibility, "default")


def rank_priorities(
    results: Iterable[PracticeResult], importance: Mapping[str, Rating], feasibility: Mapping[str, Rating]
) -> list[Priority]:
    """The applicable practices by priority.

    Args:
        results: the practices' results, in any order.
        importance: importance by practice code.
        feasibility: feasibility by practice code.
    Returns:
        Highest priority first; ties by lower score (an unscored practice counts as 0), higher importance, lower
        number. Practices with nothing left to gain come last, with priority 0.
    Source:
        scoring spec 7.
    """
    ranked = [
        Priority(
            result.code,
            result.number,
            result.score,
            importance[result.code],
            feasibility[result.code],
            priority(result.score, importance[result.code].value, feasibility[result.code].value),
        )
        for result in results
        if result.status != "not_applicable"
    ]
    ranked.sort(key=lambda item: (-item.value, item.score or 0, -item.importance.value, item.number))
    return ranked
