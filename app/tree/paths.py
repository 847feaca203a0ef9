"""Paths in the organization tree: pure text, one segment a level."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, Uuid, and_, any_, bindparam, or_, select, union_all
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

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
    return or_(*map(_between, range(count)))


def _between(i: int) -> ColumnElement[bool]:
    path = col(Organization.path)
    return and_(path >= bindparam(f"from_{i}", type_=Text()), path < bindparam(f"to_{i}", type_=Text()))


def ids_within(count: int, most: int) -> Any:
    """A statement for the ids of the tenant's organizations in ``count`` bound subtrees, at most ``most`` of each."""
    organization, tenant = col(Organization.id), bindparam("tenant_id", type_=Uuid())
    ids = [
        select(organization).where(col(Organization.tenant_id) == tenant, _between(i)).limit(most) for i in range(count)
    ]
    return union_all(*ids) if count > 1 else ids[0]


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
