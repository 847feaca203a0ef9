"""Rows that PostgreSQL renders as JSON in UTF-8, byte for byte as the response models would.

A page of fifty rows of twenty fields costs Python a thousand conversions; the server makes the same on the way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_json
from sqlalchemy import (
    JSON,
    DateTime,
    LargeBinary,
    Text,
    TypeDecorator,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import LateralFromClause


@dataclass(slots=True)
class Rendered:
    """A representation as PostgreSQL rendered it.

    Args:
        body: UTF-8 JSON.
        version: of the row behind it, the first part of the ETag; None where it has no ETag.
        id: of the row behind it, the last part of its address; None where it has no address.
        redact: makes the same representation without its secrets, for a reason; None where it has none.
        created: a PUT has created the resource.
    """

    body: bytes
    version: int | None = None
    id: UUID | None = None
    redact: Callable[[Any], "Rendered"] | None = None
    created: bool = False


def render(statement: Any, table: Any, model: type[BaseModel], *columns: Any, **computed: Any) -> Any:
    """Return a statement for these columns and ``rendered``, each row as a response model has it.

    Args:
        statement: selects from the table, joined and limited as it will be.
        computed: expressions for the model's fields that are no columns of the table.
    """
    row = _row({name: computed[name] if name in computed else getattr(table, name) for name in model.model_fields})
    rendered = func.convert_to(_as_text(row), _text("UTF8"), type_=LargeBinary())
    return statement.with_only_columns(*columns, rendered.label("rendered")).join(row, true())


def json_array(table: Any, model: type[BaseModel], condition: Any, *order: Any, within: Any) -> ColumnElement[Any]:
    """Return the rows of another table that belong to a row, as one array, empty where there are none.

    Args:
        within: the table of the row they belong to, which the condition names.
    """
    row = _row({name: getattr(table, name) for name in model.model_fields})
    text = func.string_agg(_as_text(row), aggregate_order_by(_text(","), *order))
    whole = cast(func.concat(_text("["), text, _text("]")), JSON)
    found = select(whole).select_from(table).join(row, true()).where(condition).correlate(within)
    array: ColumnElement[Any] = found.scalar_subquery()
    return array


def _row(fields: Mapping[str, Any]) -> LateralFromClause:
    row = select(*(_value(column).label(name) for name, column in fields.items()))
    return row.correlate(*row.get_final_froms()).lateral("row_in_json")


def _text(constant: str) -> ColumnElement[str]:
    # Written out: a constant that is bound is sent with every request.
    return literal_column(f"'{constant}'", Text)


def _as_text(row: LateralFromClause) -> ColumnElement[str]:
    return cast(func.row_to_json(literal_column(row.name)), Text)


def json_choice(column: Any, values: Mapping[Any, Any], *, otherwise: Any = None) -> ColumnElement[Any]:
    """Return what a column's value stands for: any JSON value each."""
    branches = [(column == literal_column(f"'{key!s}'", Text), json_constant(value)) for key, value in values.items()]
    return case(*branches, else_=json_constant(otherwise))


def json_if(condition: Any, then: ColumnElement[Any], otherwise: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return one of two JSON expressions."""
    return case((condition, then), else_=otherwise)


def json_constant(value: Any) -> ColumnElement[Any]:
    """Make a constant of any JSON value."""
    text = to_json(value).decode().replace("'", "''")
    return literal_column(f"'{text}'::json", JSON)


def _value(column: Any) -> Any:
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    if not isinstance(kind, DateTime):
        return column
    instant = func.to_char(func.timezone(_text("UTC"), column), _text('YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    return type_coerce(func.replace(instant, _text(".000000Z"), _text("Z")), Text())
