"""Rows that PostgreSQL renders as JSON text, byte for byte as the response models would.

A page of fifty rows of twenty fields costs Python a thousand conversions; the server makes the same text on the way.
The text of an object is left open, without its last brace, so that the fields that depend on the caller can follow.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
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
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement

_SECONDS = 'YYYY-MM-DD"T"HH24:MI:SS'
_NULL = literal_column("'null'", Text)
_QUOTE = literal_column("'\"'", Text)


def open_object(fields: Mapping[str, ColumnElement[Any]]) -> ColumnElement[str]:
    """An expression for ``{"name":value,…`` with these columns as values, in this order.

    Raises:
        TypeError: a column is of a type this cannot render.
    """
    parts: list[ColumnElement[str]] = []
    for name, column in fields.items():
        before = "," if parts else "{"
        parts += [literal_column(f"'{before}\"{name}\":'", Text), func.coalesce(_value(column), _NULL)]
    text: ColumnElement[str] = func.concat(*parts)
    return text


def _value(column: Any) -> ColumnElement[str]:
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
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
