"""Reads of the event feed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, BindParameter, Boolean, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.access.policy import visible_ranges
from app.db.statement import Read, Reader, Row, from_json
from app.events.types import EVENT_TYPES, Audience
from app.feed.errors import EventsExpired
from app.principal import Principal, Role
from app.tree.paths import ancestors, is_root

#: How much of the feed a statement looks through, of which the caller may see little.
_WINDOW = 2_000
_MOST_WINDOWS = 4

_VISIBLE = """
o.type = any(:types) and (
    o.type = any(:public_types)
    or (o.type = any(:reader_types) and (:reads_all or p.path ^@ any(:reader_paths)))
    or (o.type = any(:offered_types) and p.path = any(:paths_above))
    or (o.type = any(:admin_types) and (:manages_all or p.path ^@ any(:admin_paths)))
)
"""
_RIGHTS: tuple[BindParameter[Any], ...] = (
    *(bindparam(name, type_=Boolean()) for name in ("reads_all", "manages_all")),
    *(
        bindparam(name, type_=ARRAY(Text()))
        for name in ("types", "public_types", "reader_types", "offered_types", "admin_types")
    ),
    *(bindparam(name, type_=ARRAY(Text())) for name in ("reader_paths", "paths_above", "admin_paths")),
)
# One snapshot: what is removed from the beginning of the feed meanwhile cannot be skipped unnoticed.
_PAGE = Read(
    text(
        f"""
        select f.position as last_position, f.purged, e.*
        from event_feeds f left join lateral (
            select o.id, o.type, o.created_at, o.subject_type, o.subject_id, o.organization_id, o.data, o.position
            from outbox_events o left join organization_places p
                on p.tenant_id = o.tenant_id and p.organization_id = o.organization_id
            where o.tenant_id = :tenant_id
              and o.position > coalesce(:after, f.purged) and o.position <= coalesce(:after, f.purged) + :window
              and {_VISIBLE}
            order by o.position limit :most
        ) e on true
        where f.tenant_id = :tenant_id
        order by e.position
        """  # noqa: S608  # a constant of this module
    ).bindparams(*(bindparam(name, type_=BigInteger()) for name in ("after", "window", "most")), *_RIGHTS)
)
_EVENTS = Read(
    text(
        f"""
        select o.id, o.type, o.created_at, o.subject_type, o.subject_id, o.organization_id, o.data, o.position
        from outbox_events o left join organization_places p
            on p.tenant_id = o.tenant_id and p.organization_id = o.organization_id
        where o.tenant_id = :tenant_id and o.position = any(:positions) and {_VISIBLE}
        """  # noqa: S608  # a constant of this module
    ).bindparams(bindparam("positions", type_=ARRAY(BigInteger())), *_RIGHTS)
)
_SHOWN = ("id", "type", "created_at", "subject_type", "subject_id", "organization_id")


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A part of the feed.

    Attributes:
        rows: the events of it that the caller may see.
        position: up to where the feed was looked through.
        has_more: whether it goes on behind that.
    """

    rows: Sequence[Row]
    position: int
    has_more: bool


def _types_of(audience: Audience) -> list[str]:
    return [one.name for one in EVENT_TYPES.values() if one.audience is audience]


_TYPES: dict[str, Any] = {
    "public_types": _types_of(Audience.EVERYONE),
    "reader_types": _types_of(Audience.READERS),
    "offered_types": [one.name for one in EVENT_TYPES.values() if one.is_offered_below],
    "admin_types": _types_of(Audience.ADMINS),
}


def _rights(principal: Principal, within: str | None = None) -> dict[str, Any]:
    """Return the parameters that say which events the caller may see.

    Args:
        within: the path of a subtree that the caller can read; only events that concern it.

    Raises:
        Forbidden: the caller reads no organization.
    """
    paths = list(principal.visible_paths) if within is None else [within]
    managed = [grant.path for grant in principal.grants if grant.role is Role.ADMIN]
    if within is not None:
        managed = [max(path, within, key=len) for path in managed if path.startswith(within) or within.startswith(path)]
    return {
        "reads_all": not visible_ranges(principal) if within is None else is_root(within),
        "reader_paths": paths,
        "paths_above": ancestors(paths),
        "manages_all": any(map(is_root, managed)),
        "admin_paths": managed,
    }


async def read_page(
    reader: Reader,
    principal: Principal,
    *,
    after: int | None,
    limit: int,
    types: Collection[str] | None,
    within: str | None = None,
) -> FeedPage:
    """Return the events behind a position that the caller may see.

    Args:
        after: the position; None: the beginning of what is kept.
        types: only these; None: all.
        within: the path of a subtree that the caller can read: only what a reader of it would get.

    Raises:
        Forbidden: the caller reads no organization.
        EventsExpired: events behind the position were removed, or there is no such position.
    """
    values = {**_TYPES, **_rights(principal, within), "types": list(EVENT_TYPES) if types is None else list(types)}
    for _ in range(_MOST_WINDOWS):
        page = await _read_window(reader, principal, after, limit, values)
        if page.rows or not page.has_more:
            break
        after = page.position
    return page


async def _read_window(
    reader: Reader, principal: Principal, after: int | None, limit: int, values: dict[str, Any]
) -> FeedPage:
    rows = await reader.fetch(_PAGE, tenant_id=principal.tenant_id, after=after, window=_WINDOW, most=limit, **values)
    last, purged = (rows[0]["last_position"], rows[0]["purged"]) if rows else (0, 0)
    begin = purged if after is None else after
    if not purged <= begin <= last:
        raise EventsExpired("Read the lists anew, then follow the feed from `after=latest`.")
    events = [row for row in rows if row["id"] is not None]
    position = events[-1]["position"] if len(events) == limit else min(begin + _WINDOW, last)
    return FeedPage(events, position, has_more=position < last)


async def read_end(reader: Reader, principal: Principal) -> int:
    """Return the position of the last event.

    Raises:
        Forbidden: the caller reads no organization.
    """
    rows = await reader.fetch(
        _PAGE,
        tenant_id=principal.tenant_id,
        after=None,
        window=0,
        most=0,
        types=[],
        **_TYPES,
        **_rights(principal),
    )
    return rows[0]["last_position"] if rows else 0


async def read_events(
    reader: Reader, principal: Principal, positions: Collection[int], *, within: str
) -> Mapping[int, Row]:
    """Return those events at these positions that are kept and that the caller may see now, by position.

    Args:
        within: the path of a subtree that the caller can read: only what a reader of it would get.
    """
    values = {**_TYPES, **_rights(principal, within), "types": list(EVENT_TYPES)}
    rows = await reader.fetch(_EVENTS, tenant_id=principal.tenant_id, positions=list(positions), **values)
    return {row["position"]: row for row in rows}


def present(row: Row) -> dict[str, object]:
    """Return an event as followers get it."""
    values = {name: row[name] for name in _SHOWN}
    values["occurred_at"] = values.pop("created_at")
    return {**values, "data": from_json(row["data"])}
