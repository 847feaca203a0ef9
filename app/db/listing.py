"""Keyset lists: which columns, filters and orders a list offers, and the statement for those in use."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Integer, Select, SQLColumnExpression, bindparam, func, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from app.db.reads import Read, ReadCache


class Listing:
    """One resource's list.

    Args:
        name: the list's own name; cursors are bound to it.
        statement: selects the columns, joined and limited to the tenant (``:tenant_id``). Where one of them is called
            ``rendered``, they are rendered by the server and a page is one row: ``items``, the JSON of the first
            ``:shown`` with commas between; ``found``, how many there are of ``:row_limit``; ``last_value`` and
            ``last_id``, the place of the last one shown.
        key: the id column, last in every order.
        orders: column by its public name; all not null.
        filters: condition by parameter name; each binds a parameter of that name.
    """

    def __init__(
        self,
        name: str,
        statement: Select[*tuple[Any, ...]],
        *,
        key: Any,
        orders: Mapping[str, Any],
        filters: Mapping[str, SQLColumnExpression[bool]],
        scope: Any = None,
    ) -> None:
        self.name = name
        self.orders = orders
        self.is_rendered = "rendered" in statement.selected_columns
        self._statement = statement
        self._key = key
        self._filters = filters
        self._scope = scope
        self._cache = ReadCache(self._build)

    def read(self, *, filters: Iterable[str], order: str, descending: bool, after: bool, scopes: int) -> Read:
        """The compiled statement for these filters and this order.

        Args:
            after: begin behind ``:after_value`` and ``:after_id``.
            scopes: how many subtrees the caller sees, bound by the list's scope; 0: all of the tenant.
        """
        return self._cache.get(tuple(sorted(filters)), order, descending, after, scopes)

    def _build(
        self, filters: Sequence[str], order: str, descending: bool, after: bool, scopes: int
    ) -> Select[*tuple[Any, ...]]:
        column, key = self.orders[order], self._key
        statement = self._statement.where(*(self._filters[name] for name in filters))
        if scopes:
            statement = statement.where(self._scope(scopes))
        if after:
            place = tuple_(bindparam("after_value", type_=column.type), bindparam("after_id", type_=key.type))
            here = tuple_(column, key)
            statement = statement.where(here < place if descending else here > place)
        by = (column.desc(), key.desc()) if descending else (column, key)
        rows = statement.add_columns(column.label("order_value")).order_by(*by).limit(bindparam("row_limit"))
        return _as_one_row(rows, key.name, descending) if self.is_rendered else rows


def _as_one_row(rows: Select[*tuple[Any, ...]], key: str, descending: bool) -> Select[*tuple[Any, ...]]:
    page = rows.subquery("page")
    value, row_key = page.c.order_value, page.c[key]
    by = (value.desc(), row_key.desc()) if descending else (value, row_key)
    shown = bindparam("shown", type_=Integer())

    def of_page(column: Any) -> Any:
        return func.array_agg(aggregate_order_by(column, *by), type_=ARRAY(column.type))

    return select(
        func.array_to_string(of_page(page.c.rendered)[1:shown], ",").label("items"),
        func.count().label("found"),
        of_page(value)[shown].label("last_value"),
        of_page(row_key)[shown].label("last_id"),
    )
