"""From exact numbers to the wire: rounding half-even to six decimals, by integer division."""

from fractions import Fraction
from functools import lru_cache
from typing import Final

_SCALE: Final = 1_000_000


def to_wire(numerator: int, denominator: int) -> float:
    """Round an exact quotient half-even to six decimals.

    Args:
        numerator: any integer.
        denominator: a positive integer.
    Returns:
        The float nearest to the rounded decimal, so that its shortest text has at most six decimals.
    Source:
        scoring spec 1.2.
    """
    quotient, rest = divmod(numerator * _SCALE, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient / _SCALE


@lru_cache(maxsize=4096)
def number_text(numerator: int | None, denominator: int) -> str:
    """`to_wire` as the text of a JSON number; null without a numerator."""
    return "null" if numerator is None else repr(to_wire(numerator, denominator))


def fraction_to_wire(value: Fraction | None) -> float | None:
    """Round an exact fraction half-even to six decimals; None stays None (scoring spec 1.2)."""
    return None if value is None else to_wire(value.numerator, value.denominator)
