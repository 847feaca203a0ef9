"""Paths in the organization tree: pure text, one segment a level."""

from collections.abc import Callable, Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, Uuid, and_, any_, bindparam, or_, select, true, union_all
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.db.keyset import OrganizationScope
from app.tree.models import Organization

#: The deepest level below the root; keeps a path well inside what a B-tree entry may hold.
MAXIMUM_DEPTH = 64
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WIDTH = 22


def segment(organization_id: UUID) -> str:
    """An organization's own step of a path: its id in 22 letters and digits, in the ids' order."""
    rest, letters = organization_id.int, []
    for _ in range(_WIDTH):
        rest, digit = divmod(rest, 62)
        letters.append(_ALPHABET[digit])
    return "".join(reversed(letters)) + "."


def is_root(path: str) -> bool:
    """Whether this is the path of the tenant's root."""
    return len(path) == _WIDTH + 1


def after(path: str) -> str:
    """The least text behind the whole subtree of ``path``: every segment sorts before a slash ends it."""
    return path[:-1] + "/"


def within(count: int) -> ColumnElement[bool]:
    """The condition that an organization lies in one of ``count`` subtrees, as bound ranges (see `ranges`)."""
    return _in_any(Organization, count)


def _in_any(organization: Any, count: int) -> ColumnElement[bool]:
    return or_(*(_between(organization.path, i) for i in range(count)))


def _between(path: Any, i: int) -> ColumnElement[bool]:
    return and_(path >= bindparam(f"from_{i}", type_=Text()), path < bindparam(f"to_{i}", type_=Text()))


def organization_scope(column: Any, *, pinned: Collection[str]) -> OrganizationScope:
    """What a list of rows that live in organizations needs to know of them."""
    return OrganizationScope(column, ids=_ids_within, holds=_holds, pinned=pinned)


def _ids_within(count: int, most: int) -> Any:
    path, tenant = col(Organization.path), bindparam("tenant_id", type_=Uuid())
    ids = [
        select(col(Organization.id)).where(col(Organization.tenant_id) == tenant, _between(path, i)).limit(most)
        for i in range(count)
    ]
    return union_all(*ids) if count > 1 else ids[0]


def _holds(column: Any, count: int) -> ColumnElement[bool]:
    return _home_within(column, count).scalar_subquery()


def lives_within(column: Any) -> Callable[[int], ColumnElement[bool]]:
    """`within` for a statement without organizations, of the column that names a row's."""
    return lambda count: _home_within(column, count).exists()


def _home_within(column: Any, count: int) -> Select[bool]:
    home = aliased(Organization, name="home")
    found = select(true()).where(col(home.tenant_id) == bindparam("tenant_id", type_=Uuid()), col(home.id) == column)
    return found.where(_in_any(home, count))


def below_any(parameter: str) -> ColumnElement[bool]:
    """The condition that an organization lies on or below one of the bound paths; no index serves it."""
    return col(Organization.path).bool_op("^@")(any_(bindparam(parameter, type_=ARRAY(Text()))))


def ranges(paths: Iterable[str]) -> dict[str, Any]:
    """The parameters of `within` for these subtrees."""
    values: dict[str, Any] = {}
    for i, path in enumerate(paths):
        values[f"from_{i}"] = path
        values[f"to_{i}"] = after(path)
    return values
