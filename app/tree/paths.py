"""Paths in the organization tree: pure text, one segment a level."""

from collections.abc import Callable, Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, Uuid, and_, any_, bindparam, or_, select, true, union_all
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.db.keyset import OrganizationScope
from app.tree.models import Organization, OrganizationPlace

#: The deepest level below the root; keeps a path well inside what a B-tree entry may hold.
MAXIMUM_DEPTH = 64
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WIDTH = 22


def segment(organization_id: UUID) -> str:
    """Return the segment of an organization in a path: its id as 22 letters and digits, which sort as the ids do."""
    rest, letters = organization_id.int, []
    for _ in range(_WIDTH):
        rest, digit = divmod(rest, 62)
        letters.append(_ALPHABET[digit])
    return "".join(reversed(letters)) + "."


def is_root(path: str) -> bool:
    """Return whether this is the path of the tenant's root."""
    return len(path) == _WIDTH + 1


def after(path: str) -> str:
    """Return the lowest text that sorts after every path in the subtree of ``path``: a slash sorts after a dot."""
    return path[:-1] + "/"


def ancestors(paths: Iterable[str]) -> list[str]:
    """Return the paths of every organization above these, each once, in order."""
    return sorted({path[: end + 1] for path in paths for end, step in enumerate(path[:-1]) if step == "."})


def within(count: int) -> ColumnElement[bool]:
    """Return the condition that an organization lies in one of ``count`` subtrees, as bound ranges (see `ranges`)."""
    place = aliased(OrganizationPlace, name="place_within")
    of_organization = (
        col(place.tenant_id) == col(Organization.tenant_id),
        col(place.organization_id) == col(Organization.id),
    )
    return select(true()).where(*of_organization, in_ranges(place.path, count)).correlate(Organization).exists()


def in_ranges(path: Any, count: int) -> ColumnElement[bool]:
    """Return the condition that a path lies in one of ``count`` bound ranges (see `ranges`)."""
    return or_(*(_between(path, i) for i in range(count)))


def _between(path: Any, i: int) -> ColumnElement[bool]:
    return and_(path >= bindparam(f"from_{i}", type_=Text()), path < bindparam(f"to_{i}", type_=Text()))


def organization_scope(column: Any, *, pinned: Collection[str]) -> OrganizationScope:
    """Return the scope that a list of rows in organizations needs."""
    return OrganizationScope(column, ids=_ids_within, holds=_holds, pinned=pinned)


def _ids_within(count: int, most: int) -> Any:
    path, tenant = col(OrganizationPlace.path), bindparam("tenant_id", type_=Uuid())
    ids: list[Any] = [
        select(col(OrganizationPlace.organization_id).label("id"))
        .where(col(OrganizationPlace.tenant_id) == tenant, _between(path, i))
        .limit(most)
        for i in range(count)
    ]
    return union_all(*ids) if count > 1 else ids[0]


def _holds(column: Any, count: int) -> ColumnElement[bool]:
    return _home_within(column, count).scalar_subquery()


def lives_within(column: Any) -> Callable[[int], ColumnElement[bool]]:
    """Return `within` for a statement that has only a column with the organization's id."""
    return lambda count: _home_within(column, count).exists()


def _home_within(column: Any, count: int) -> Select[bool]:
    home = aliased(OrganizationPlace, name="home")
    of_home = (col(home.tenant_id) == bindparam("tenant_id", type_=Uuid()), col(home.organization_id) == column)
    return select(true()).where(*of_home, in_ranges(home.path, count))


def below_any(parameter: str, path: Any = Organization.path) -> ColumnElement[bool]:
    """Return the condition that an organization lies on or below one of the bound paths; no index serves it.

    Args:
        path: the organization's, where a statement joins its place.
    """
    return col(path).bool_op("^@")(any_(bindparam(parameter, type_=ARRAY(Text()))))


def ranges(paths: Iterable[str]) -> dict[str, Any]:
    """Return the parameters of `within` for these subtrees."""
    values: dict[str, Any] = {}
    for i, path in enumerate(paths):
        values[f"from_{i}"] = path
        values[f"to_{i}"] = after(path)
    return values
