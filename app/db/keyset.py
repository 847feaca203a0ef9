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
#: The largest page, and the row that tells that more follow.
_MOST = literal_column("201", Integer())


@dataclass(frozen=True)
class OrganizationScope:
    """The organizations that rows live in.

    A caller who sees a county of a large tenant would wait while the list's order is followed past everybody else's
    rows. Where it sees few organizations, the first rows of each are gathered instead and the page taken from these.

    Args:
        column: the one that names a row's organization.
        ids: a statement for the ids of the organizations in so many bound subtrees, at most so many of each.
        holds: the condition, of a column that names one, that an organization lies in one of so many bound subtrees, in
            a form in which PostgreSQL asks row by row: it takes any range to hold very little, and would rather sort
            all of what it thinks is little than meet the first rows along the order.
        few: the most organizations whose rows are gathered.
        pinned: filters that leave few rows by themselves; with one of them nothing needs gathering.
    """

    column: Any
    ids: Callable[[int, int], Any]
    holds: Callable[[Any, int], Any]
    few: int = 200
    pinned: Collection[str] = ()

    def page(self, rows: Select[Any], scopes: int, *, column: Any, key: Any, descending: bool) -> Any:
        """The first rows of each home where there are few, else those met along the order; only one of them is run.

        Args:
            rows: what a page is made of, with ``order_value``.
            column: what they are ordered by, the key last.
        """
        value = key if column is key else rows.selected_columns.order_value
        seen = self.ids(scopes, self.few + 1).cte("seen")
        are_few = select(func.count() <= self.few).select_from(seen).scalar_subquery()
        first = rows.with_only_columns(key.label("key"), column.label("order_value")).where(self.column == seen.c.id)
        near = first.order_by(*_by(value, key, descending)).limit(_LIMIT).lateral("near")
        gathered = select(near.c.key, near.c.order_value).select_from(seen.join(near, true())).where(are_few)
        near_value = near.c.key if column is key else near.c.order_value
        page = gathered.order_by(*_by(near_value, near.c.key, descending)).limit(_LIMIT).subquery("gathered")
        met = rows.where(self.holds(self.column, scopes), not_(are_few)).order_by(*_by(value, key, descending))
        return union_all(rows.where(key == page.c.key), met.limit(_MOST))


class Listing:
    """One resource's list.

    Args:
        name: the list's own name; cursors are bound to it.
        statement: selects the columns, joined and limited to the tenant (``:tenant_id``). Where one of them is called
            ``rendered``, it comes first, and of the others only those that tell a row's place: ``id`` and, where that
            is another, ``order_value``.
        key: the id column, last in every order.
        orders: column by its public name; all not null.
        filters: condition by parameter name; each binds a parameter of that name.
        scope: the condition that a row is in one of so many bound subtrees.
        homes: where rows live in organizations.
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
        self._homes = organization_scope
        self._cache = ReadCache(self._build)

    def read(self, *, filters: Iterable[str], order: str, descending: bool, after: bool, scopes: int) -> Read:
        """The compiled statement for these filters and this order.

        Args:
            after: begin behind ``:after_value`` and ``:after_id``.
            scopes: how many subtrees the caller sees, bound by the list's scope; 0: all of the tenant.
        """
        return self._cache.get(tuple(sorted(filters)), order, descending, after, scopes)

    def _build(self, filters: Sequence[str], order: str, descending: bool, after: bool, scopes: int) -> Any:
        column, key = self.orders[order], self._key
        statement = self._statement.where(*(self._filters[name] for name in filters))
        if after:
            place = tuple_(bindparam("after_value", type_=column.type), bindparam("after_id", type_=key.type))
            here = tuple_(column, key)
            statement = statement.where(here < place if descending else here > place)
        rows = statement.add_columns(column.label("order_value"))
        if scopes and self._homes is not None and not set(self._homes.pinned).intersection(filters):
            page = self._homes.page(rows, scopes, column=column, key=key, descending=descending)
        else:
            seen = rows.where(self._scope(scopes)) if scopes else rows
            page = seen.order_by(*_by(column, key, descending)).limit(_MOST)
        # With a parameter as its only limit PostgreSQL plans for a tenth of the table, so the largest page is told too.
        page = page.subquery("most")
        row_key = page.c[key.name]
        value = row_key if column is key else page.c.order_value
        columns = (page.c.rendered, *_by(value, row_key)) if self._is_rendered else page.c
        return select(*columns).order_by(*_by(value, row_key, descending)).limit(_LIMIT)


def _by(value: Any, key: Any, descending: bool = False) -> tuple[Any, ...]:
    # An order by the key alone names it once: named twice, it would be sorted anew at every step.
    columns = (key,) if value is key else (value, key)
    return tuple(column.desc() for column in columns) if descending else columns
