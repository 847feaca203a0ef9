"""Keyset lists: which columns, filters and orders a list offers, and the statement for those in use."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, SQLColumnExpression, bindparam, tuple_

from app.db.reads import Read, ReadCache


class Listing:
    """One resource's list.

    Args:
        name: the list's own name; cursors are bound to it.
        statement: selects the columns, joined and limited to the tenant (``:tenant_id``).
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
        return statement.add_columns(column.label("order_value")).order_by(*by).limit(bindparam("row_limit"))
