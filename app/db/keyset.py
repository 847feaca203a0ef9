"""Keyset lists: which columns, filters and orders a list offers, and the statement for those in use."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Integer,
    Select,
    SQLColumnExpression,
    bindparam,
    func,
    literal_column,
    not_,
    select,
    true,
    tuple_,
    union_all,
)

from app.db.statement import Read, ReadCache

_LIMIT = bindparam("row_limit", type_=Integer())
#: The largest page, plus one row that shows whether more rows follow.
_MOST = literal_column("201", Integer())


@dataclass(frozen=True)
class OrganizationScope:
    """The organizations of a list's rows.

    Following the list's order would be slow for a caller who sees one county of a large tenant, because most rows are
    hidden. If the caller sees few organizations, the page is therefore taken from the first rows of each.

    Args:
        column: the column with the id of a row's organization.
        ids: builds a statement for the organization ids in a number of bound subtrees, with a limit for each subtree.
        holds: builds the condition that a column's organization lies in one of a number of bound subtrees. PostgreSQL
            must evaluate it row by row. It underestimates ranges, and would sort all rows instead of following the
            order.
        few: the most organizations whose rows are gathered.
        pinned: filters that leave few rows by themselves. With one of them the list's order is followed.
    """

    column: Any
    ids: Callable[[int, int], Any]
    holds: Callable[[Any, int], Any]
    few: int = 200
    pinned: Collection[str] = ()

    def page(self, rows: Select[Any], subtrees: int, *, column: Any, key: Any, descending: bool) -> Any:
        """Return a statement that takes the first rows of each organization if these are few, else follows the order.

        Args:
            rows: the rows of the list, with ``order_value``.
            column: the column to order by, before the key.
        """
        value = key if column is key else rows.selected_columns.order_value
        seen = self.ids(subtrees, self.few + 1).cte("seen")
        are_few = select(func.count() <= self.few).select_from(seen).scalar_subquery()
        first = rows.with_only_columns(key.label("key"), column.label("order_value")).where(self.column == seen.c.id)
        near = first.order_by(*_by(value, key, descending)).limit(_LIMIT).lateral("near")
        gathered = select(near.c.key, near.c.order_value).select_from(seen.join(near, true())).where(are_few)
        near_value = near.c.key if column is key else near.c.order_value
        page = gathered.order_by(*_by(near_value, near.c.key, descending)).limit(_LIMIT).subquery("gathered")
        met = rows.where(self.holds(self.column, subtrees), not_(are_few)).order_by(*_by(value, key, descending))
        return union_all(rows.where(key == page.c.key), met.limit(_MOST))


class Listing:
    """A list of one resource.

    Args:
        name: the list's unique name; cursors are bound to it.
        statement: selects ``id`` and ``rendered``, or the columns of a row where it is not rendered here, joined and
            limited to the tenant (``:tenant_id``).
        key: the id column, last in every order.
        orders: column by its public name; all not null.
        filters: condition by parameter name; each binds a parameter of that name.
        scope: builds the condition that a row is in one of a number of bound subtrees.
        organization_scope: the organizations of the rows, if they have one.
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
        organization_scope: OrganizationScope | None = None,
    ) -> None:
        self.name = name
        self.orders = orders
        self._is_rendered = "rendered" in statement.selected_columns
        self._statement = statement
        self._key = key
        self._filters = filters
        self._scope = scope
        self._organization_scope = organization_scope
        self._cache = ReadCache(self._build)

    def read(self, *, filters: Iterable[str], order: str, descending: bool, after: bool, subtrees: int) -> Read:
        """Return the compiled statement for these filters and this order.

        Args:
            after: begin behind ``:after_value`` and ``:after_id``.
            subtrees: the number of subtrees the caller sees, bound by the list's scope; 0 means the whole tenant.
        """
        return self._cache.get(tuple(sorted(filters)), order, descending, after, subtrees)

    def _build(self, filters: Sequence[str], order: str, descending: bool, after: bool, subtrees: int) -> Any:
        column, key = self.orders[order], self._key
        statement = self._statement.where(*(self._filters[name] for name in filters))
        if after:
            place = tuple_(bindparam("after_value", type_=column.type), bindparam("after_id", type_=key.type))
            here = tuple_(column, key)
            statement = statement.where(here < place if descending else here > place)
        rows = statement.add_columns(column.label("order_value"))
        if (
            subtrees
            and self._organization_scope is not None
            and not set(self._organization_scope.pinned).intersection(filters)
        ):
            page = self._organization_scope.page(rows, subtrees, column=column, key=key, descending=descending)
        else:
            seen = rows.where(self._scope(subtrees)) if subtrees else rows
            page = seen.order_by(*_by(column, key, descending)).limit(_MOST)
        # With a parameter as the only limit PostgreSQL plans for a tenth of the table. Hence the constant limit.
        page = page.subquery("most")
        row_key = page.c[key.name]
        value = row_key if column is key else page.c.order_value
        columns = (page.c.rendered, *_by(value, row_key)) if self._is_rendered else page.c
        return select(*columns).order_by(*_by(value, row_key, descending)).limit(_LIMIT)


def _by(value: Any, key: Any, descending: bool = False) -> tuple[Any, ...]:
    # An order by the key alone names it once: named twice, it would be sorted anew at every step.
    columns = (key,) if value is key else (value, key)
    return tuple(column.desc() for column in columns) if descending else columns
