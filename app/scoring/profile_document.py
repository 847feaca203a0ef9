"""Readers for the parts of a scoring profile's document; each names the place it refuses."""

import re
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, NamedTuple

# Bounded on purpose: Fraction("1e999999999") would be built digit by digit.
_EXACT: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}|/[1-9][0-9]{0,5})?", re.ASCII)


class Cut(NamedTuple):
    """A named class that begins at a lower cut (inclusive) and ends where the next one begins."""

    key: str
    numerator: int
    denominator: int

    @property
    def lower(self) -> Fraction:
        """The lower cut, exact."""
        return Fraction(self.numerator, self.denominator)


def read_object(value: Any, where: str, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """Read an object with exactly the required keys and any of the optional ones."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be an object")
    missing = [key for key in required if key not in value]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    unknown = [str(key) for key in value if key not in required and key not in optional]
    if unknown:
        raise ValueError(f"{where} has unknown keys: {', '.join(sorted(unknown))}")
    return value


def read_text(value: Any, where: str) -> str:
    """Read text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where} must be text")
    return value


def read_integer(value: Any, where: str, low: int, high: int) -> int:
    """Read an integer from low to high. A boolean is not an integer."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{where} must be an integer from {low} to {high}")
    return value


def read_exact(value: Any, where: str, high: int) -> Fraction:
    """Read an exact number from 0 to high: an integer, or text such as "4/5" or "0.8"."""
    if (type(value) is int and value >= 0) or (isinstance(value, str) and _EXACT.fullmatch(value)):
        number = Fraction(value)
        if number <= high:
            return number
    raise ValueError(f'{where} must be a number from 0 to {high}, as an integer or as text such as "4/5"')


def read_levels(value: Any, where: str, high: int) -> dict[str, int]:
    """Read a mapping from practice codes to integers from 0 to high."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be an object")
    return {read_text(code, where): read_integer(level, f"{where}.{code}", 0, high) for code, level in value.items()}


def read_cuts(value: Any, where: str, high: int, least: int) -> tuple[Cut, ...]:
    """Read at least `least` named classes whose lower cuts begin at 0 and ascend."""
    if not isinstance(value, list) or len(value) < least:
        raise ValueError(f"{where} must be a list of at least {least}")
    cuts = tuple(_read_cut(item, f"{where}[{index}]", high) for index, item in enumerate(value))
    if cuts[0].lower != 0 or any(low.lower >= up.lower for low, up in pairwise(cuts)):
        raise ValueError(f"{where} must begin at 0 and ascend")
    if len({cut.key for cut in cuts}) != len(cuts):
        raise ValueError(f"{where} must have distinct keys")
    return cuts


def _read_cut(value: Any, where: str, high: int) -> Cut:
    item = read_object(value, where, ("key", "from"), ("title",))
    lower = read_exact(item["from"], f"{where}.from", high)
    return Cut(read_text(item["key"], f"{where}.key"), lower.numerator, lower.denominator)
