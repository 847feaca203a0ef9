"""Reads of calendar feeds, and of the items that a calendar shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Boolean, Date, DateTime, LargeBinary, Uuid, and_, bindparam, func, or_, select, true
from sqlmodel import col

from app.access.credential_kinds import HOLDER
from app.access.models import ApiKey, PrincipalRecord
from app.access.policy import may, require
from app.action_items.models import ActionItem
from app.db.keyset import Listing
from app.db.pool import Pool
from app.db.sql_json import Rendered, render
from app.db.statement import Read, Reader, Row
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.integrations.calendars.models import CalendarFeed
from app.integrations.calendars.schemas import CalendarFeedRead
from app.integrations.creators import load_creator
from app.people.models import Person
from app.tree.models import Organization, OrganizationPlace
from app.tree.paths import below_any, in_ranges

#: The items that a calendar shows: those that are due first, from some time ago on.
MOST_ITEMS: Final = 2_000
PAST: Final = timedelta(days=90)

_TENANT, _ID = bindparam("tenant_id", type_=Uuid()), bindparam("id", type_=Uuid())
_FEEDS = (
    select(col(CalendarFeed.id))
    .select_from(CalendarFeed)
    .join(
        OrganizationPlace,
        and_(
            col(OrganizationPlace.tenant_id) == col(CalendarFeed.tenant_id),
            col(OrganizationPlace.organization_id) == col(CalendarFeed.organization_id),
        ),
    )
    .where(col(CalendarFeed.tenant_id) == _TENANT)
)
_RENDERED = render(
    _FEEDS,
    CalendarFeed,
    CalendarFeedRead,
    col(CalendarFeed.id),
    col(CalendarFeed.version),
    col(OrganizationPlace.path),
    created_by=col(CalendarFeed.principal_id),
)
_BY_ID = Read(_RENDERED.where(col(CalendarFeed.id) == _ID))
LIST: Final = Listing(
    "calendar-feeds",
    _RENDERED,
    key=col(CalendarFeed.id),
    orders={"id": col(CalendarFeed.id), "updated_at": col(CalendarFeed.updated_at)},
    filters={
        "organization_id": col(CalendarFeed.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `access.subtrees.visible_paths`
        "owner_id": col(CalendarFeed.owner_id) == bindparam("owner_id", type_=Uuid()),
        "created_by": col(CalendarFeed.principal_id) == bindparam("created_by", type_=Uuid()),
        "updated_since": col(CalendarFeed.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
    scope=lambda count: in_ranges(col(OrganizationPlace.path), count),
)
_BY_TOKEN = Read(
    _FEEDS.with_only_columns(
        col(CalendarFeed.id),
        col(CalendarFeed.version),
        col(CalendarFeed.name),
        col(CalendarFeed.own_only),
        col(CalendarFeed.principal_id),
        col(CalendarFeed.key_id),
        col(OrganizationPlace.path),
        col(PrincipalRecord.person_id),
        # What a record owned that was merged belongs to the other one now.
        func.coalesce(col(Person.merged_into_id), col(CalendarFeed.owner_id)).label("owner_id"),
        func.coalesce(func.cardinality(col(ApiKey.allowed_networks)), 0).label("networks"),
    )
    .join(
        PrincipalRecord,
        and_(
            col(PrincipalRecord.tenant_id) == col(CalendarFeed.tenant_id),
            col(PrincipalRecord.id) == col(CalendarFeed.principal_id),
        ),
    )
    .outerjoin(
        ApiKey,
        and_(col(ApiKey.tenant_id) == col(CalendarFeed.tenant_id), col(ApiKey.id) == col(CalendarFeed.key_id)),
    )
    .outerjoin(
        Person,
        and_(col(Person.tenant_id) == col(CalendarFeed.tenant_id), col(Person.id) == col(CalendarFeed.owner_id)),
    )
    .where(col(CalendarFeed.token_hash) == bindparam("token_hash", type_=LargeBinary()))
)
_ITEMS = Read(
    select(
        col(ActionItem.id),
        col(ActionItem.version),
        col(ActionItem.created_at),
        col(ActionItem.updated_at),
        col(ActionItem.title),
        col(ActionItem.description),
        col(ActionItem.practices),
        col(ActionItem.status),
        col(ActionItem.due_on),
        col(Organization.name).label("organization"),
    )
    .join(
        Organization,
        and_(
            col(Organization.tenant_id) == col(ActionItem.tenant_id),
            col(Organization.id) == col(ActionItem.organization_id),
        ),
    )
    .where(
        col(ActionItem.tenant_id) == _TENANT,
        col(ActionItem.due_on).is_not(None),
        col(ActionItem.due_sort) >= bindparam("since", type_=Date()),
        below_any("paths"),
        or_(
            bindparam("all_owners", type_=Boolean()),
            col(ActionItem.owner_id) == bindparam("owner_id", type_=Uuid()),
        ),
    )
    .order_by(col(ActionItem.due_sort), col(ActionItem.id))
    .limit(MOST_ITEMS)
)


@dataclass(frozen=True, slots=True)
class OpenCalendar:
    """A calendar that may be shown now.

    Attributes:
        path: of the organization whose subtree it shows.
        owner_id: only items of this person; None: all items.
    """

    id: UUID
    version: int
    name: str
    path: str
    owner_id: UUID | None


async def get_calendar_feed(reader: CallerReader, feed_id: UUID) -> Rendered:
    """Return one calendar feed.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
    """
    row = await reader.fetch_one(_BY_ID, tenant_id=reader.principal.tenant_id, id=feed_id)
    if row is None:
        raise NotFound
    require(reader.principal, "getCalendarFeed", row["path"])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


async def find_calendar(reader: Pool, tenant_id: UUID, token_hash: bytes, now: datetime) -> OpenCalendar | None:
    """Return the calendar of a token; None: there is none, or its creator may not read its items any more."""
    row = await reader.fetch_one(_BY_TOKEN, holder=HOLDER, tenant_id=tenant_id, token_hash=token_hash)
    if row is None or row["networks"] or (row["own_only"] and row["person_id"] is None):
        return None
    creator = await load_creator(reader, tenant_id, row["principal_id"], row["key_id"], now)
    if creator is None or not may(creator, "listActionItems", row["path"]):
        return None
    owner_id = row["person_id"] if row["own_only"] else row["owner_id"]
    return OpenCalendar(row["id"], row["version"], row["name"], row["path"], owner_id)


async def list_items(reader: Reader, tenant_id: UUID, calendar: OpenCalendar, today: date) -> Sequence[Row]:
    """Return the items that a calendar shows, those that are due first before the others."""
    return await reader.fetch(
        _ITEMS,
        tenant_id=tenant_id,
        since=today - PAST,
        paths=[calendar.path],
        all_owners=calendar.owner_id is None,
        owner_id=calendar.owner_id,
    )
