"""Translate SCIM filters to SQL. What cannot be translated is refused: no filter is evaluated in Python.

SCIM has two truth values where SQL has three. A comparison may be null here, which a WHERE clause takes for false; a
negation makes it false first. So a plain comparison stays one that an index serves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from unicodedata import normalize

from scim2_models import InvalidFilterException, ScimFilter
from scim2_models.path import (
    AttributeBinding,
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
    coerce_value,
)
from sqlalchemy import Boolean, ColumnElement, Text, and_, false, func, or_, select, true

from app.text import fold_case

#: The schemas whose attributes are named without them.
_CORE: Final = ("urn:ietf:params:scim:schemas:core:2.0:user:", "urn:ietf:params:scim:schemas:core:2.0:group:")
_COMPARISONS: Final[Mapping[CompareOperator, Callable[[Any, Any], ColumnElement[bool]]]] = {
    CompareOperator.eq: lambda column, value: column == value,
    CompareOperator.ne: lambda column, value: column.is_distinct_from(value),
    CompareOperator.gt: lambda column, value: column > value,
    CompareOperator.ge: lambda column, value: column >= value,
    CompareOperator.lt: lambda column, value: column < value,
    CompareOperator.le: lambda column, value: column <= value,
    CompareOperator.co: lambda column, value: func.strpos(column, value) > 0,
    CompareOperator.sw: lambda column, value: func.starts_with(column, value, type_=Boolean()),
    CompareOperator.ew: lambda column, value: func.right(column, len(value)) == value,
}
_ORDERED: Final = frozenset({CompareOperator.gt, CompareOperator.ge, CompareOperator.lt, CompareOperator.le})
_OF_TEXT: Final = frozenset({CompareOperator.co, CompareOperator.sw, CompareOperator.ew})


@dataclass(frozen=True, slots=True)
class Column:
    """How an attribute is stored.

    Attributes:
        expression: its value in SQL.
        kind: `str`, `bool` or `datetime`.
        is_folded: the expression is in lower case, as the other side of a comparison must be.
    """

    expression: Any
    kind: type
    is_folded: bool = False


@dataclass(frozen=True, slots=True)
class Entries:
    """How an attribute with several entries is stored.

    Attributes:
        open: returns the entries of a row as rows, with a column for each sub-attribute.
        columns: by sub-attribute, of the rows that `open` returns.
    """

    open: Callable[[], Any]
    columns: Callable[[Any], Mapping[str, Column]]


def text_column(column: Any) -> Column:
    """Return a text that is compared without case."""
    return Column(func.lower(column, type_=Text()), str, is_folded=True)


class SqlFilter(FilterVisitor[ColumnElement[bool]]):
    """Translates a filter on one type of resources.

    Args:
        scim_filter: bound to the model of the resource.
        columns: by attribute, as ``schema:attribute.sub`` in lower case, without the resource's own schema.
        entries: the attributes with several entries, named alike.
        is_one_of_many: several types are searched, so that an attribute which this one lacks matches nothing.
    """

    def __init__(
        self,
        scim_filter: ScimFilter[Any],
        columns: Mapping[str, Column],
        entries: Mapping[str, Entries],
        *,
        is_one_of_many: bool = False,
    ) -> None:
        self._is_one_of_many = is_one_of_many
        self._filter = scim_filter
        self._columns = columns
        self._entries = entries

    def translate(self) -> ColumnElement[bool]:
        """Return the condition.

        Raises:
            InvalidFilterException: an attribute or an operator is not supported.
        """
        return self.visit(self._filter.ast)

    def visit_not(self, node: Not) -> ColumnElement[bool]:
        """Translate a negation."""
        return ~func.coalesce(self.visit(node.expr), false(), type_=Boolean())

    def visit_logical_expr(self, node: LogicalExpr) -> ColumnElement[bool]:
        """Translate a conjunction or a disjunction."""
        terms = [self.visit(term) for term in node.terms]
        return and_(*terms) if node.op == LogicalOperator.and_ else or_(*terms)

    def visit_present(self, node: Present) -> ColumnElement[bool]:
        """Translate a test for a value."""
        binding = self._filter.resolve(node.attr_path, strict=not self._is_one_of_many)
        if binding is None:
            return false()
        name, sub = _name(binding)
        if name in self._entries:
            entries = self._entries[name]
            rows = entries.open()
            columns = entries.columns(rows)
            tested = columns.values() if sub is None else [_of(columns, sub)]
            return select(true()).select_from(rows).where(or_(*map(_is_present, tested))).exists()
        full = name if sub is None else f"{name}.{sub}"
        parts = [column for key, column in self._columns.items() if key == full or key.startswith(full + ".")]
        if not parts:
            raise _unsupported()
        return or_(*map(_is_present, parts))

    def visit_comparison(self, node: Comparison) -> ColumnElement[bool]:
        """Translate a comparison."""
        binding = self._filter.resolve_comparison(node.attr_path, strict=not self._is_one_of_many)
        if binding is None:
            return false()
        value = coerce_value(binding, node.value, node.op)
        name, sub = _name(binding)
        if name in self._entries:
            entries = self._entries[name]
            rows = entries.open()
            column = _of(entries.columns(rows), sub)
            if value is None:
                raise _unsupported()
            is_negated = node.op == CompareOperator.ne
            operator = CompareOperator.eq if is_negated else node.op
            found = select(true()).select_from(rows).where(compare(column, operator, value)).exists()
            return ~found if is_negated else found
        return compare(_of(self._columns, name if sub is None else f"{name}.{sub}"), node.op, value)

    def visit_value_path(self, node: ValuePath) -> ColumnElement[bool]:
        """Translate a condition on one entry."""
        binding = self._filter.resolve(node.attr_path, strict=not self._is_one_of_many)
        if binding is None:
            return false()
        name, _ = _name(binding)
        if name not in self._entries:
            raise _unsupported()
        entries = self._entries[name]
        rows = entries.open()
        inner = _EntryFilter(entries.columns(rows)).visit(node.val_filter)
        return select(true()).select_from(rows).where(inner).exists()


class _EntryFilter(FilterVisitor[ColumnElement[bool]]):
    """Translates the filter of a value selection, whose attributes are those of an entry."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = columns

    def visit_not(self, node: Not) -> ColumnElement[bool]:
        return ~func.coalesce(self.visit(node.expr), false(), type_=Boolean())

    def visit_logical_expr(self, node: LogicalExpr) -> ColumnElement[bool]:
        terms = [self.visit(term) for term in node.terms]
        return and_(*terms) if node.op == LogicalOperator.and_ else or_(*terms)

    def visit_present(self, node: Present) -> ColumnElement[bool]:
        return _is_present(_of(self._columns, _plain(node.attr_path)))

    def visit_comparison(self, node: Comparison) -> ColumnElement[bool]:
        return compare(_of(self._columns, _plain(node.attr_path)), node.op, node.value)

    def visit_value_path(self, node: FilterNode) -> ColumnElement[bool]:
        raise _unsupported()


def compare(column: Column, operator: CompareOperator, value: Any) -> ColumnElement[bool]:
    """Return a comparison as SCIM defines it.

    Raises:
        InvalidFilterException: the operator does not fit the attribute, or the value cannot be stored.
    """
    if value is None:
        if operator == CompareOperator.eq:
            return _is_null(column)
        return ~_is_null(column) if operator == CompareOperator.ne else false()
    compared = _COMPARISONS.get(operator)
    if (operator in _OF_TEXT and column.kind is not str) or (operator in _ORDERED and column.kind is bool):
        raise _unsupported()
    if compared is None or not isinstance(value, column.kind):
        raise _unsupported()
    ordered = operator in _ORDERED and column.kind is str
    return compared(column.expression.collate("C") if ordered else column.expression, _operand(column, value))


def _operand(column: Column, value: Any) -> Any:
    """Return the value of a filter as it is compared.

    Raises:
        InvalidFilterException: no stored text can hold it.
    """
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    if not isinstance(value, str):
        return value
    if "\x00" in value or any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        raise _unsupported()
    return fold_case(value) if column.is_folded else normalize("NFC", value)


def _is_null(column: Column) -> ColumnElement[bool]:
    is_null: ColumnElement[bool] = column.expression.is_(None)
    return is_null


def _is_present(column: Column) -> ColumnElement[bool]:
    present = ~_is_null(column)
    return and_(present, column.expression != "") if column.kind is str else present


def _name(binding: AttributeBinding) -> tuple[str, str | None]:
    """Return the name of an attribute as `SqlFilter` takes it, and its sub-attribute."""
    urn = binding.urn.casefold()
    for core in _CORE:
        urn = urn.removeprefix(core)
    head, _, tail = urn.rpartition(":")
    name, _, sub = tail.partition(".")
    return f"{head}:{name}" if head else name, sub or None


def _plain(path: AttrPath) -> str:
    if path.uri or path.sub_attr:
        raise _unsupported()
    return path.attr.casefold()


def _of(columns: Mapping[str, Column], name: str | None) -> Column:
    column = None if name is None else columns.get(name)
    if column is None:
        raise _unsupported()
    return column


def _unsupported() -> InvalidFilterException:
    return InvalidFilterException(detail="The filter uses an attribute or an operator that is not supported.")
