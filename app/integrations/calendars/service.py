"""Make and delete calendar feeds."""

from typing import Final
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from app.access.credentials import issue
from app.access.models import PrincipalRecord
from app.access.policy import is_visible, load_organization_for
from app.action_items.errors import UnknownOwner, error_at
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.events.record import record_event
from app.integrations.calendars import queries
from app.integrations.calendars.errors import KeyLimitedToNetworks, NoPerson, TooManyCalendarFeeds
from app.integrations.calendars.models import CalendarFeed
from app.integrations.calendars.schemas import CalendarFeedCreate, CalendarFeedIssued, CalendarFeedRead
from app.integrations.creators import require_stored_right
from app.integrations.owned import load_owned
from app.people.models import Person

#: The prefix of the tokens of calendars.
CALENDAR_TOKEN: Final = "fc"  # noqa: S105  # a prefix, not a secret
#: The feeds that a principal may have.
MOST_FEEDS: Final = 20


async def create(tx: Tx, body: CalendarFeedCreate, public_url: str | None) -> CalendarFeedIssued:
    """Add a calendar feed. Return it with its address, which is shown once.

    Args:
        public_url: where people reach the service; None: the address is a path.

    Raises:
        NotFound: The organization does not exist, or the caller cannot see it.
        Forbidden: the caller may not read its action items.
        RightNotStored: the caller's role is not stored, so that it could not be checked when the feed is fetched.
        KeyLimitedToNetworks: the caller's key is limited to networks, and a feed is not.
        NoPerson: only own items are wanted, and the caller stands for no person.
        UnknownOwner: the owner does not exist, was merged or erased, or the caller cannot see them.
        TooManyCalendarFeeds: the caller has as many as are allowed.
    """
    organization = await load_organization_for(tx, body.organization_id, "createCalendarFeed")
    key = tx.principal.key
    if key is not None and key.networks:
        raise KeyLimitedToNetworks
    creator = await require_stored_right(tx, "createCalendarFeed", organization.path)
    of_creator = (col(PrincipalRecord.tenant_id) == tx.tenant_id, col(PrincipalRecord.id) == creator.id)
    # The lock keeps two requests from passing the limit together.
    person = await tx.session.scalar(select(PrincipalRecord.person_id).where(*of_creator).with_for_update())
    if body.own_only and person is None:
        raise NoPerson
    await _check_owner(tx, body.owner_id)
    count = (
        select(func.count())
        .select_from(CalendarFeed)
        .where(col(CalendarFeed.tenant_id) == tx.tenant_id, col(CalendarFeed.principal_id) == creator.id)
    )
    if (await tx.session.scalar(count) or 0) >= MOST_FEEDS:
        raise TooManyCalendarFeeds(f"Delete one of your {MOST_FEEDS} calendar feeds first.")
    token, token_hash = issue(CALENDAR_TOKEN, tx.tenant_id)
    made = CalendarFeed(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        created_at=tx.now,
        updated_at=tx.now,
        principal_id=creator.id,
        key_id=key.id if key else None,
        token_hash=token_hash,
        **body.model_dump(),
    )
    tx.session.add(made)
    record_event(tx, "calendar_feed.created", made.id, organization_id=organization.id)
    await tx.flush()
    stored = CalendarFeedRead.model_validate_json((await queries.get_calendar_feed(tx, made.id)).body)
    url = f"{(public_url or '').rstrip('/')}/v1/calendars/{token}.ics"
    return CalendarFeedIssued(**stored.model_dump(), url=url, url_reason=None)


async def _check_owner(tx: Tx, owner_id: UUID | None) -> None:
    """Check that the caller may see the owner of the items, and keep the person from being erased meanwhile."""
    if owner_id is None:
        return
    seen = select(Person.id).where(
        col(Person.tenant_id) == tx.tenant_id,
        col(Person.id) == owner_id,
        col(Person.merged_into_id).is_(None),
        col(Person.erased_at).is_(None),
        is_visible(tx.principal, Person.organization_id),
    )
    if await tx.session.scalar(seen.with_for_update(read=True)) is None:
        raise error_at(UnknownOwner, "owner_id")


async def remove(tx: Tx, feed_id: UUID) -> None:
    """Delete a calendar feed. Its address shows nothing from now on.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there and did not create it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
    """
    feed = await load_owned(tx, CalendarFeed, feed_id, "deleteCalendarFeed", create="createCalendarFeed")
    tx.expect(feed)
    await tx.session.delete(feed)
    record_event(tx, "calendar_feed.deleted", feed.id, organization_id=feed.organization_id)
