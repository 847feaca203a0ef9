"""The columns of a table made of a list's items: from the model of the items, so that they do not depend on the rows.

A nested object has a column for each of its fields, named ``outer.inner``. An array of plain values is one cell, joined
by ``; ``. Other arrays and open objects are one cell of JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel

from app.text import neutralize

Cell = str | int | float | bool | None
SEPARATOR: Final = "; "


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its header, and where an item has its value."""

    header: str
    path: tuple[str, ...]

    def value_of(self, item: Mapping[str, Any]) -> Cell:
        """Return the cell of an item."""
        value: Any = item
        for name in self.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return to_cell(value)


@cache
def columns_of(model: type[BaseModel]) -> tuple[Column, ...]:
    """Return the columns of a list whose items are of this model, in the order of its fields."""
    return tuple(Column(".".join(path), path) for path in _paths(model, ()))


def _paths(model: type[BaseModel], outer: tuple[str, ...]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, field in model.model_fields.items():
        path = (*outer, field.serialization_alias or name)
        inner = _get_model(field.annotation)
        # A model that holds itself has no end of columns.
        found += [path] if inner is None or inner is model else _paths(inner, path)
    return found


def _get_model(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a nested object, also of one that may be null; None: it is something else."""
    if get_origin(annotation) is Annotated:
        return _get_model(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        parts = [part for part in get_args(annotation) if part is not NoneType]
        return _get_model(parts[0]) if len(parts) == 1 else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def to_cell(value: Any) -> Cell:
    """Return a JSON value as a cell. Texts are neutralized."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return neutralize(value)
    if isinstance(value, Sequence) and not any(isinstance(part, (Mapping, list)) for part in value):
        return neutralize(SEPARATOR.join(part if isinstance(part, str) else _to_json(part) for part in value))
    return _to_json(value)


def _to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
