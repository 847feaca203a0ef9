"""Maintenance of the stored places, which hold what an organization inherits (`OrganizationPlace`).

A large subtree takes seconds to rewrite. Nobody waits for that: places are in a separate table, which other writes
only read, and a reader sees all of a change or nothing of it, since one transaction makes it. The order is:

1. `lock_places` lets one such change of the tenant run at a time.
2. `rewrite` changes the subtree, in batches, while others write.
3. `lock_tree` stops additions to the tree; the caller checks again what it checked before.
4. `rewrite` once more changes what was added meanwhile, usually nothing.

A process that dies on the way leaves the old tree, because nothing was committed.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, case, func, literal, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from app.db.transaction import Tx
from app.errors import Conflict, NotFound
from app.tree.models import Organization, OrganizationPlace
from app.tree.organizations import lock_tree
from app.tree.paths import after, segment

BATCH = 5_000
_LOCK_NOT_AVAILABLE = "55P03"


class TreeBusy(Conflict):
    code = "tree_busy"
    title = "Another large change of the tree is under way; try again"

    def __init__(self) -> None:
        super().__init__("Send the request again in a few seconds.", headers={"Retry-After": "2"})


@dataclass(frozen=True, slots=True)
class PlaceChange:
    """A change of a subtree's places. ``archived`` and ``zone`` are the inherited values, before and after."""

    path: str
    new_path: str
    archived: tuple[UUID | None, UUID | None]
    zone: tuple[UUID, UUID]

    @property
    def is_empty(self) -> bool:
        """Return whether nothing changes."""
        return (self.path, self.archived[0], self.zone[0]) == (self.new_path, self.archived[1], self.zone[1])


async def lock_places(tx: Tx) -> None:
    """Lock the tenant's places against other rewrites until the commit. Wait at most a second.

    Raises:
        TreeBusy: it takes longer.
    """
    root = select(col(Organization.id)).where(
        col(Organization.tenant_id) == tx.tenant_id, col(Organization.parent_id).is_(None)
    )
    await _lock_soon(tx, col(OrganizationPlace.organization_id) == root.scalar_subquery())


async def lock_place(tx: Tx, organization_id: UUID) -> None:
    """Wait at most a second for a rewrite that includes this organization.

    Raises:
        TreeBusy: it takes longer.
    """
    await _lock_soon(tx, col(OrganizationPlace.organization_id) == organization_id)


async def _lock_soon(tx: Tx, condition: Any) -> None:
    query = select(col(OrganizationPlace.organization_id)).where(
        col(OrganizationPlace.tenant_id) == tx.tenant_id, condition
    )
    usual = await tx.session.scalar(select(func.current_setting("lock_timeout")))
    try:
        async with tx.savepoint():
            await tx.session.execute(select(func.set_config("lock_timeout", "1s", True)))
            await tx.session.execute(query.with_for_update())
    except DBAPIError as refused:
        if getattr(refused.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise TreeBusy from None
        raise
    await tx.session.execute(select(func.set_config("lock_timeout", usual, True)))


async def add_place(tx: Tx, organization: Organization, parent: OrganizationPlace | None) -> OrganizationPlace:
    """Store the place of a new organization.

    Args:
        parent: the place it is below, in a tree that is locked; None for the root.
    """
    step = segment(organization.id)
    place = OrganizationPlace(
        tenant_id=organization.tenant_id,
        organization_id=organization.id,
        path=step if parent is None else parent.path + step,
        depth=0 if parent is None else parent.depth + 1,
        archived_by_id=None if parent is None else parent.archived_by_id,
        timezone_from_id=organization.id if parent is None or organization.timezone else parent.timezone_from_id,
    )
    tx.session.add(place)
    await tx.session.flush()
    return place


async def place_of(tx: Tx, organization_id: UUID) -> OrganizationPlace:
    """Return an organization's place as it is now.

    Raises:
        NotFound: the organization is gone.
    """
    query = (
        select(OrganizationPlace)
        .where(
            col(OrganizationPlace.tenant_id) == tx.tenant_id,
            col(OrganizationPlace.organization_id) == organization_id,
        )
        .execution_options(populate_existing=True)
    )
    found = (await tx.session.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


async def change_places(tx: Tx, change: PlaceChange) -> int:
    """Change a subtree's places, including those added meanwhile. Return how many changed.

    The tree is locked afterwards, so the caller loads again what it decides by.
    """
    changed = await rewrite(tx, change)
    await lock_tree(tx, lock="update")
    return changed + await rewrite(tx, change)


async def rewrite(tx: Tx, change: PlaceChange) -> int:
    """Change every place of a subtree that is not changed yet. Return how many changed."""
    total, behind = 0, change.path[:-1]
    while True:
        row = (await tx.session.execute(_batch(tx, change, behind))).one()
        total += int(row.seen)
        if row.seen < BATCH:
            return total
        behind = row.last


def _batch(tx: Tx, change: PlaceChange, behind: str) -> Any:
    place = OrganizationPlace
    archived, zone = col(place.archived_by_id), col(place.timezone_from_id)
    inherits_archived, inherits_zone = archived.is_not_distinct_from(change.archived[0]), zone == change.zone[0]
    part = (
        select(col(place.organization_id), col(place.path))
        .where(col(place.tenant_id) == tx.tenant_id, col(place.path) > behind, col(place.path) < after(change.path))
        .order_by(col(place.path))
        .limit(BATCH)
    )
    if change.path == change.new_path:
        concerned = []
        if change.archived[0] != change.archived[1]:
            concerned.append(inherits_archived)
        if change.zone[0] != change.zone[1]:
            concerned.append(inherits_zone)
        part = part.where(or_(*concerned))
    rows = part.cte("part")
    deeper = (len(change.new_path) - len(change.path)) // len(segment(UUID(int=0)))
    done = (
        update(place)
        .where(col(place.tenant_id) == tx.tenant_id, col(place.organization_id) == rows.c.organization_id)
        .values(
            path=literal(change.new_path, Text()) + func.substr(col(place.path), len(change.path) + 1),
            depth=col(place.depth) + deeper,
            archived_by_id=case((inherits_archived, literal(change.archived[1], Uuid())), else_=archived),
            timezone_from_id=case((inherits_zone, literal(change.zone[1], Uuid())), else_=zone),
        )
        .returning(rows.c.path)
        .cte("done")
    )
    return select(func.count().label("seen"), func.max(done.c.path).label("last")).select_from(done)
