"""The tree on a past day, derived from the present tree and the recorded moves.

On a day an organization was below the parent of its last move up to that day. Before its first move it was where that
move took it from; one that never moved is where it always was. A day counts at its end. The days of all organizations
follow one clock, the root's. With a clock each, two nodes could not be swapped while their days differ.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Date, SQLColumnExpression, Uuid, bindparam, exists, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.db.statement import Read, Reader
from app.tree.clock import day_in, sql_day_in
from app.tree.models import Organization, OrganizationMove

_TENANT = bindparam("tenant_id", type_=Uuid())
_DAY = bindparam("day", type_=Date())
_ID = bindparam("id", type_=Uuid())
_OF_THIS = (
    col(OrganizationMove.tenant_id) == col(Organization.tenant_id),
    col(OrganizationMove.organization_id) == col(Organization.id),
)
_ORDER = (col(OrganizationMove.moved_on), col(OrganizationMove.id))


def _parent_on(day: SQLColumnExpression[date], *outer: Any) -> SQLColumnExpression[UUID | None]:
    """Return the parent of the statement's organization at the end of a day."""
    until = (
        select(col(OrganizationMove.to_parent_id))
        .where(*_OF_THIS, col(OrganizationMove.moved_on) <= day)
        .order_by(*(column.desc() for column in _ORDER))
        .limit(1)
        .correlate(Organization, *outer)
    )
    first = (
        select(col(OrganizationMove.from_parent_id))
        .where(*_OF_THIS)
        .order_by(*_ORDER)
        .limit(1)
        .correlate(Organization, *outer)
    )
    return func.coalesce(until.scalar_subquery(), first.scalar_subquery(), col(Organization.parent_id))


def _root_zone() -> Any:
    root = aliased(Organization, name="root")
    found = select(func.coalesce(col(root.timezone), "UTC")).where(
        col(root.tenant_id) == _TENANT, col(root.parent_id).is_(None)
    )
    return found.correlate_except(root).scalar_subquery()


def _subtree_on() -> Read:
    first_move = select(func.min(col(OrganizationMove.moved_on))).where(*_OF_THIS).correlate(Organization)
    made = sql_day_in(_root_zone(), col(Organization.created_at))
    placed = (
        select(col(Organization.id), _parent_on(_DAY).label("parent_id"))
        .where(col(Organization.tenant_id) == _TENANT, func.least(made, first_move.scalar_subquery()) <= _DAY)
        .cte("placed")
    )
    found = select(placed.c.id).where(placed.c.id == _ID).cte("found", recursive=True)
    found = found.union_all(select(placed.c.id).join(found, placed.c.parent_id == found.c.id))
    return Read(select(found.c.id))


def _was_above() -> Read:
    # The tree changes on days of moves only, so between two of them one look is enough.
    later: Any = select(col(OrganizationMove.moved_on).label("day")).where(
        col(OrganizationMove.tenant_id) == _TENANT, col(OrganizationMove.moved_on) > _DAY
    )
    days = select(_DAY.label("day")).union(later).cte("days")
    above = select(days.c.day, bindparam("below", type_=Uuid()).label("id")).cte("above", recursive=True)
    above = above.union_all(
        select(above.c.day, _parent_on(above.c.day, above)).join_from(
            above, Organization, (col(Organization.tenant_id) == _TENANT) & (col(Organization.id) == above.c.id)
        )
    )
    return Read(select(exists().where(above.c.id == _ID).label("found")))


_ROOT_ZONE = Read(
    select(func.coalesce(col(Organization.timezone), "UTC").label("timezone")).where(
        col(Organization.tenant_id) == _TENANT, col(Organization.parent_id).is_(None)
    )
)
_SUBTREE_ON = _subtree_on()
_WAS_ABOVE = _was_above()


async def subtree_on(reader: Reader, tenant_id: UUID, organization_id: UUID, day: date) -> Sequence[UUID]:
    """Return the ids of an organization and of everything that was below it on a day, in no order.

    An organization counts from the day it was made, or from its first move if that was entered for an earlier day.
    """
    rows = await reader.fetch(_SUBTREE_ON, tenant_id=tenant_id, id=organization_id, day=day)
    return [UUID(int=row["id"].int) for row in rows]


async def was_above(reader: Reader, tenant_id: UUID, organization_id: UUID, below: UUID, *, since: date) -> bool:
    """Return whether on that day or any later one ``below`` was, or lay below, the organization."""
    row = await reader.fetch_one(_WAS_ABOVE, tenant_id=tenant_id, id=organization_id, below=below, day=since)
    return row is not None and bool(row["found"])


async def tree_day(reader: Reader, tenant_id: UUID, instant: datetime) -> date:
    """Return the day on which a move at this instant counts: the root's day."""
    row = await reader.fetch_one(_ROOT_ZONE, tenant_id=tenant_id)
    return day_in(row["timezone"] if row is not None else "UTC", instant)
