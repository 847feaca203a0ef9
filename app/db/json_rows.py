"""Rows that PostgreSQL renders as JSON text, byte for byte as the response models would.

A page of fifty rows of twenty fields costs Python a thousand conversions; the server makes the same text on the way,
and a page comes as one row.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json
from sqlalchemy import (
    JSON,
    Boolean,
    Date,
    DateTime,
    Integer,
    String,
    Text,
    TypeDecorator,
    Uuid,
    case,
    cast,
    func,
    literal_column,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.sql.elements import ColumnElement

_SECONDS = 'YYYY-MM-DD"T"HH24:MI:SS'
_NULL = literal_column("'null'", Text)
_QUOTE = literal_column("'\"'", Text)


def json_object(fields: Mapping[str, Any]) -> ColumnElement[str]:
    """An expression for ``{"name":value,…}`` with these columns as values, in this order.

    Raises:
        TypeError: a column is of a type this cannot render.
    """
    parts: list[ColumnElement[str]] = []
    for name, column in fields.items():
        before = "," if parts else "{"
        parts += [literal_column(f"'{before}\"{name}\":'", Text), func.coalesce(_value(column), _NULL)]
    text: ColumnElement[str] = func.concat(*parts, literal_column("'}'", Text))
    return text


def json_row(table: Any, model: type[BaseModel], **computed: Any) -> ColumnElement[str]:
    """A row of a table as a response model has it; what is no column of the table is computed."""
    return json_object(
        {name: computed[name] if name in computed else getattr(table, name) for name in model.model_fields}
    )


def json_array(text: ColumnElement[str], *order: Any) -> ColumnElement[Any]:
    """An aggregate of rendered rows as one array, empty where there are none."""
    inner = func.string_agg(text, aggregate_order_by(literal_column("','", Text), *order))
    return is_json(func.concat(literal_column("'['", Text), inner, literal_column("']'", Text)))


def is_json(text: Any) -> ColumnElement[Any]:
    """A text that is JSON already."""
    return type_coerce(text, JSON())


def json_choice(column: Any, values: Mapping[Any, Any], *, otherwise: Any = None) -> ColumnElement[Any]:
    """What a column's value stands for: any JSON value each."""
    branches = [(column == literal_column(f"'{key!s}'", Text), _constant(value)) for key, value in values.items()]
    return is_json(case(*branches, else_=_constant(otherwise)))


def json_if(condition: Any, then: Any, otherwise: Any) -> ColumnElement[Any]:
    """One of two JSON expressions."""
    return is_json(case((condition, type_coerce(then, Text())), else_=type_coerce(otherwise, Text())))


def json_constant(value: Any) -> ColumnElement[Any]:
    """Any JSON value."""
    return is_json(_constant(value))


def _constant(value: Any) -> ColumnElement[str]:
    text = to_json(value).decode().replace("'", "''")
    return literal_column(f"'{text}'", Text)


def _value(column: Any) -> Any:
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    if isinstance(kind, JSON):
        return type_coerce(column, Text())
    if isinstance(kind, (Integer, Boolean)):
        return cast(column, Text)
    if isinstance(kind, Uuid):
        return _quoted(cast(column, Text))
    if isinstance(kind, DateTime):
        instant = func.timezone(literal_column("'UTC'"), column)
        whole = func.date_trunc(literal_column("'second'"), instant) == instant
        form = case((whole, literal_column(f"'{_SECONDS}\"Z\"'")), else_=literal_column(f"'{_SECONDS}.US\"Z\"'"))
        return _quoted(func.to_char(instant, form))
    if isinstance(kind, Date):
        return _quoted(func.to_char(column, literal_column("'YYYY-MM-DD'")))
    if isinstance(kind, (String, ARRAY)):
        return cast(func.to_json(column), Text)
    raise TypeError(f"no JSON text for {kind!r}")


def _quoted(text: ColumnElement[Any]) -> ColumnElement[str]:
    # Null stays null: the caller writes it.
    return _QUOTE.concat(text).concat(_QUOTE)
