"""The order in which the organizations of a file are written: each one after its parent."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowOrder:
    """An order of names.

    Attributes:
        names: each after its parent, as far as the parent is among them.
        circular: those that would lie below themselves.
    """

    names: list[str]
    circular: list[str]


def order_rows(parents: Mapping[str, str | None]) -> RowOrder:
    """Order names by their parents; a parent that is not among the names is there already."""
    depths: dict[str, int] = {}
    circular: set[str] = set()
    for first in parents:
        walked: dict[str, None] = {}
        at: str | None = first
        while at is not None and at in parents and at not in depths and at not in walked:
            walked[at] = None
            at = parents[at]
        if at is not None and at in walked:
            names = list(walked)
            circular.update(names[names.index(at) :])
        depth = depths.get(at, -1) + 1 if at is not None else 0
        for name in reversed(walked):
            depths[name] = depth
            depth += 1
    return RowOrder(sorted(parents, key=depths.__getitem__), sorted(circular))
