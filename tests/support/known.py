"""Values that a type allows to be missing and a test does not."""

from typing import TypeVar

T = TypeVar("T")


def known(value: T | None) -> T:
    """Return the value, which must be there."""
    assert value is not None
    return value
