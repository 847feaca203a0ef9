"""How respondents see readiness, and how far they lie apart (scoring spec 5)."""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from math import lcm, sqrt
from operator import mul
from struct import pack, unpack
from typing import Final, NamedTuple

from app.scoring.profile import ScoringProfile
from app.scoring.readiness import covers
from app.scoring.student_t import two_sided_quantile
from app.scoring.types import Ballot

_LEAST_RESPONDENTS: Final = 3


class OwnReadiness(NamedTuple):
    """One respondent's own readiness as sums, or why it does not count. Never part of a rendered result."""

    weighted_sum: int
    weight: int
    reason: str | None

    @property
    def value(self) -> Fraction | None:
        """Readiness of this respondent's votes, 0 to 100, exact; None with `reason`."""
        return None if self.reason else Fraction(50 * self.weighted_sum, self.weight)


class Interval(NamedTuple):
    """Mean and 95 per cent interval of readiness values; the interval is None for fewer than three."""

    numerator: int
    denominator: int
    ci95: tuple[float, float] | None


def own_readiness(
    ballots: Sequence[Ballot], weights: Sequence[int], seats: int, profile: ScoringProfile
) -> list[OwnReadiness]:
    """Each respondent's own readiness, section 3 on that respondent's numeric votes.

    Args:
        ballots: the ballots of the practices applicable to the assessment, shape (practices,), of as many letters as
            there are seats.
        weights: the practices' weights, in the same order.
        seats: number of respondent seats.
        profile: the least coverage.
    Returns:
        Own readiness in the order of seats. It counts where numeric votes cover enough of the applicable practices
        less those the respondent called not applicable; else the reason is `none_applicable`, `no_votes`,
        `insufficient_coverage` or `nothing_scored`.
    Source:
        scoring spec 5.
    """
    if not ballots:
        return [OwnReadiness(0, 0, "none_applicable")] * seats
    places = [_places(ballot) for ballot in ballots]
    counts = _sums(sum(places), seats)
    weighed = _sums(sum(map(mul, weights, places)), seats)
    practices = len(ballots)
    return [
        OwnReadiness(
            weighted_sum,
            total,
            # Whoever gave every practice a level is asked no more.
            None if numeric == practices and total else _why_not(numeric, practices - gone, voted, total, profile),
        )
        for numeric, gone, voted, total, weighted_sum in zip(
            counts[0::4], counts[1::4], counts[2::4], weighed[0::4], weighed[3::4], strict=True
        )
    ]


# A ballot as one integer with four places of 32 bits for every seat: whether it voted 0 to 2, voted not applicable,
# voted at all, and the level. Adding ballots, or multiples of them, adds the places of all seats at once.
_LETTER_PLACES: Final = {"0": (1, 0, 1, 0), "1": (1, 0, 1, 1), "2": (1, 0, 1, 2), "n": (0, 1, 1, 0), "d": (0, 0, 1, 0)}
_NO_PLACES: Final = (0, 0, 0, 0)


@lru_cache(maxsize=2048)
def _places(ballot: Ballot) -> int:
    of_seats = [_LETTER_PLACES.get(letter, _NO_PLACES) for letter in ballot]
    return int.from_bytes(pack(f"<{4 * len(ballot)}I", *chain.from_iterable(of_seats)), "little")


def _sums(places: int, seats: int) -> tuple[int, ...]:
    return unpack(f"<{4 * seats}I", places.to_bytes(16 * seats, "little"))


def _why_not(numeric: int, applicable: int, voted: int, weight: int, profile: ScoringProfile) -> str | None:
    """Why a seat does not count.

    Args:
        numeric: its votes of 0, 1 or 2.
        applicable: the practices it did not call not applicable.
        voted: its votes of any kind.
        weight: the weight of the practices it gave a level.
    """
    if not applicable:
        return "none_applicable"
    if not voted:
        return "no_votes"
    if not covers(numeric, applicable, profile):
        return "insufficient_coverage"
    return None if weight else "nothing_scored"


def mean_and_interval(values: Sequence[tuple[int, int]]) -> Interval | None:
    """Mean of readiness values and their two-sided 95 per cent Student t interval, clipped to [0, 100].

    Args:
        values: quotients (numerator, denominator > 0), each 0 to 100, shape (k,), in any order.
    Returns:
        The exact mean, and the interval where k >= 3; None for no value. Values that are all alike give an interval
        of no width.
    Source:
        scoring spec 5; tested against `scipy.stats.t.interval`.
    """
    k = len(values)
    if not k:
        return None
    common = lcm(*[denominator for _, denominator in values])
    whole = [numerator * (common // denominator) for numerator, denominator in values]
    total, denominator = sum(whole), k * common
    if k < _LEAST_RESPONDENTS:
        return Interval(total, denominator, None)
    # k (k - 1) times the variance of the integers; dividing integers before the root keeps huge ones exact.
    spread = k * sum([x * x for x in whole]) - total * total
    half = two_sided_quantile(k - 1) * sqrt(spread / (k * k * (k - 1) * common * common))
    mean = total / denominator
    return Interval(total, denominator, (max(0.0, mean - half), min(100.0, mean + half)))
