"""What chance decides in one step."""

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any, TypeAlias, TypeVar

Choice = TypeVar("Choice")
#: What some fields may hold.
Fields: TypeAlias = Mapping[str, Sequence[Any]]
#: The id of nothing.
UNKNOWN = "01990000-0000-7000-8000-000000000000"


class Chance:
    """Choices by a seed. Hypothesis draws the seed only: it is the steps that are to be shrunk."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # choices, not secrets

    def below(self, number: int) -> int:
        return self._random.randrange(number)

    def pick(self, choices: Sequence[Choice]) -> Choice:
        return choices[self.below(len(choices))]

    def rarely(self, once_in: int) -> bool:
        return self.below(once_in) == once_in - 1

    def some(self, fields: Fields) -> dict[str, Any]:
        """Choose one or more of these fields, each with one of its values."""
        names = list(fields)
        chosen = {names[self.below(len(names))]} | {name for name in names if self.rarely(4)}
        return {name: self.pick(fields[name]) for name in names if name in chosen}

    def any_of(self, rows: Iterable[str]) -> str:
        """Choose one of these ids, more often a new one. Rarely, or where there is none, choose an unknown id."""
        ids = list(rows)
        if not ids or self.rarely(25):
            return UNKNOWN
        return ids[-1 - min(self.below(len(ids)), self.below(len(ids)))]
