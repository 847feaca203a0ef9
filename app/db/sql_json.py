"""Rows that PostgreSQL renders as JSON in UTF-8, byte for byte as the response models would.

Rendering a page of fifty rows with twenty fields in Python takes a thousand conversions. PostgreSQL renders it faster.
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
        redact: returns the representation without its secrets, and states a reason; None: it has no secrets.
        created: whether a PUT created the resource.
    """

    body: bytes
    version: int | None = None
    id: UUID | None = None
    redact: Callable[[Any], "Rendered"] | None = None
    created: bool = False


def render(statement: Any, table: Any, model: type[BaseModel], *columns: Any, **computed: Any) -> Any:
    """Return a statement for these columns and ``rendered``, each row as a response model has it.

    Args:
        statement: a select from the table, with its joins.
        columns: further columns of the statement.
        computed: expressions for the fields of the model that are not columns of the table.
    """
    row = _row({name: computed[name] if name in computed else getattr(table, name) for name in model.model_fields})
    rendered = func.convert_to(_as_text(row), _text("UTF8"), type_=LargeBinary())
    return statement.with_only_columns(*columns, rendered.label("rendered")).join(row, true())


def json_array(table: Any, model: type[BaseModel], condition: Any, *order: Any, within: Any) -> ColumnElement[Any]:
    """Return the rows of another table that belong to a row as a JSON array.

    Args:
        within: the table of the row they belong to, which the condition names.
    """
    row = _row({name: getattr(table, name) for name in model.model_fields})
    text = func.string_agg(_as_text(row), aggregate_order_by(_text(","), *order))
    whole = cast(func.concat(_text("["), text, _text("]")), JSON)
    found = select(whole).select_from(table).join(row, true()).where(condition).correlate(within)
    array: ColumnElement[Any] = found.scalar_subquery()
    return array


def json_row(fields: Mapping[str, Any]) -> list[ColumnElement[Any]]:
    """Return columns under these names, each as a response model renders it."""
    return [_value(column).label(name) for name, column in fields.items()]


def json_newest(rows: Any, key: Any, limit: int) -> ColumnElement[Any]:
    """Return the newest rows of a select as a JSON object: ``items``, newest first, and whether it is ``truncated``.

    Args:
        rows: a select with a column ``id``.
        key: the column that orders the rows, and which ``id`` shows.
        limit: the most items.
    """
    newest = rows.order_by(key.desc()).limit(literal_column(str(limit + 1))).subquery("newest")
    items = f"(array_agg(row_to_json(newest) order by newest.id desc))[1:{limit}]"
    whole = f"json_build_object('items', to_json(coalesce({items}, '{{}}')), 'truncated', count(*) > {limit})"
    array: ColumnElement[Any] = select(literal_column(whole, JSON)).select_from(newest).scalar_subquery()
    return array


def _row(fields: Mapping[str, Any]) -> LateralFromClause:
    row = select(*(_value(column).label(name) for name, column in fields.items()))
    return row.correlate(*row.get_final_froms()).lateral("row_in_json")


def _text(constant: str) -> ColumnElement[str]:
    # A constant in the text of the statement need not be sent with every request.
    return literal_column(f"'{constant}'", Text)


def _as_text(row: LateralFromClause) -> ColumnElement[str]:
    return cast(func.row_to_json(literal_column(row.name)), Text)


def json_choice(column: Any, values: Mapping[Any, Any], *, otherwise: Any = None) -> ColumnElement[Any]:
    """Return the JSON value that a mapping gives for the value of a column."""
    branches = [(column == literal_column(f"'{key!s}'", Text), json_constant(value)) for key, value in values.items()]
    return case(*branches, else_=json_constant(otherwise))


def json_if(condition: Any, then: ColumnElement[Any], otherwise: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return one of two JSON expressions."""
    return case((condition, then), else_=otherwise)


def json_constant(value: Any) -> ColumnElement[Any]:
    """Return a JSON value as a constant."""
    text = to_json(value).decode().replace("'", "''")
    return literal_column(f"'{text}'::json", JSON)


def _value(column: Any) -> Any:
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    if not isinstance(kind, DateTime):
        return column
    instant = func.to_char(func.timezone(_text("UTC"), column), _text('YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    return type_coerce(func.replace(instant, _text(".000000Z"), _text("Z")), Text())
