"""Rounding of exact figures for the wire: half-even to six decimals, by integer division (scoring spec 1.2)."""

from fractions import Fraction
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
    quotient, remainder = divmod(numerator * _SCALE, denominator)
    doubled = 2 * remainder
    if doubled > denominator or (doubled == denominator and quotient & 1):
        quotient += 1
    return quotient / _SCALE


def fraction_to_wire(value: Fraction | None) -> float | None:
    """Round an exact fraction half-even to six decimals; None stays None (scoring spec 1.2)."""
    return None if value is None else to_wire(value.numerator, value.denominator)
