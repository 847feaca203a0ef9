"""The calendars' routes: feeds are managed with credentials, and a calendar is fetched by its address alone."""

import hashlib
import math
import re
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access.subtrees import visible_paths
from app.action_items.errors import UnknownOwner
from app.errors import NotFound
from app.http.client_address import client_address
from app.http.context import AppState, ContextDep, check_query
from app.http.etags import etag, matches
from app.http.head import header
from app.http.openapi.build import IF_MATCH
from app.http.openapi.headers import refer
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write
from app.integrations.calendars import queries, service
from app.integrations.calendars.errors import (
    CalendarNotFound,
    KeyLimitedToNetworks,
    NoPerson,
    TooManyCalendarFeeds,
    TooManyFetches,
)
from app.integrations.calendars.rendering import render_calendar
from app.integrations.calendars.schemas import (
    CalendarFeedCreate,
    CalendarFeedIssued,
    CalendarFeedQuery,
    CalendarFeedRead,
)
from app.integrations.errors import RightNotStored
from app.schemas import Page

router = APIRouter(prefix="/v1/calendar-feeds", tags=["calendars"])
calendars = APIRouter(prefix="/v1/calendars", tags=["calendars"])

_TOKEN: Final = re.compile(rf"{service.CALENDAR_TOKEN}_([0-9a-f]{{32}})_([A-Za-z0-9_-]{{43}})")
_MEDIA_TYPE: Final = "text/calendar; charset=utf-8"
_CACHE: Final = {"Cache-Control": "private, no-cache"}
_EXAMPLE: Final = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//fa-readiness//Action items//EN\r\nBEGIN:VEVENT\r\n"
    "UID:action-item-0198c6f0-d4e5-7061-9273-84d5e6f70819@fa-readiness\r\nDTSTAMP:20261005T130000Z\r\n"
    "DTSTART;VALUE=DATE:20261012\r\nSUMMARY:Agree on a coaching plan\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
_SENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The calendar (RFC 5545).",
        "headers": {"ETag": refer("ETag")},
        "content": {_MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}
Token = Annotated[str, Path(max_length=200)]


@router.get("", response_model=Page[CalendarFeedRead], responses=problems(NotFound))
async def list_calendar_feeds(context: ContextDep, query: Annotated[CalendarFeedQuery, Query()]) -> Response:
    """List calendar feeds.

    Use it to see which calendars show action items of your organizations, and who created them. Only feeds of
    organizations you can read are listed; their addresses are never shown again. With `subtree` it lists those of one
    organization and everything below it; the answer is 404 if that organization is not visible to you.
    """
    within = await visible_paths(context, context.principal, query.subtree)
    return await page(context, queries.LIST, query, visible=within)


@router.post(
    "",
    status_code=201,
    response_model=CalendarFeedIssued,
    responses=problems(NotFound, RightNotStored, KeyLimitedToNetworks, NoPerson, UnknownOwner, TooManyCalendarFeeds),
)
async def create_calendar_feed(context: ContextDep, body: CalendarFeedCreate) -> Response:
    """Create a calendar feed.

    The answer shows an address, this once. Subscribe to it in a calendar program to see the due dates of the action
    items of the organization and of everything below it, of one owner if you say so. Who knows the address reads the
    calendar without any credential: treat it as a password, and create a feed for each program, so that you can delete
    one alone.

    The calendar shows what you can read when it is fetched. It ends when you lose the role or leave, or when the key
    that you created it with is revoked. So the role must be granted here and not come from a sign-in (403
    `right_not_stored`), and the key must not be limited to networks. The answer is 404 if the organization is not
    visible to you, 422 `unknown_owner` if the owner is not, and 409 if you have 20 feeds. The erasure of an owner
    deletes the feed.
    """
    return await write(context, service.create, body, context.app_state.settings.public_url)


@router.get("/{calendar_feed_id}", response_model=CalendarFeedRead)
async def get_calendar_feed(context: ContextDep, calendar_feed_id: UUID) -> Response:
    """Read one calendar feed.

    Use it to get the `ETag` that a deletion needs. Its address is never shown again. The answer is 404 if it does not
    exist or its organization is not visible to you.
    """
    return show(context, await queries.get_calendar_feed(context, calendar_feed_id))


@router.delete("/{calendar_feed_id}", status_code=204, response_class=Response, openapi_extra=IF_MATCH)
async def delete_calendar_feed(context: ContextDep, calendar_feed_id: UUID) -> Response:
    """Delete a calendar feed.

    Use it to revoke an address: it shows nothing from now on. Calendar programs may go on showing what they fetched
    before. The principal that created the feed may delete it; others need the role. Send the `ETag` you read in
    `If-Match`, or `*`.
    """
    return await write(context, service.remove, calendar_feed_id)


@calendars.get(
    "/{token}.ics",
    response_class=Response,
    responses={**_SENT, **problems(CalendarNotFound, TooManyFetches)},
    dependencies=[Depends(check_query)],
)
async def download_calendar(request: Request, token: Token) -> Response:
    """Read a calendar.

    Calendar programs call it, without a credential, at the address that the creation of a feed showed. The calendar has
    an all-day event for each action item with a due date, from 90 days ago on, at most 2,000 of them, those that are
    due first. A dismissed item is cancelled, and a proposed one is tentative.

    An unknown or malformed token, a deleted feed and one whose creator may not read the items any more all answer 404
    `calendar_not_found`. A calendar may be fetched about once a minute (429, with Retry-After). Send the `ETag` in
    `If-None-Match` to get 304 while nothing has changed.
    """
    state: AppState = request.app.state.app_state
    known = _TOKEN.fullmatch(token)
    address = client_address(request.scope, state.settings)
    if wait := state.calendar_attempts.spend(address):
        raise TooManyFetches(retry_after=math.ceil(wait))
    if known is None:
        raise CalendarNotFound
    tenant_id, now = UUID(known[1]), state.clock()
    token_hash = hashlib.sha256(known[2].encode()).digest()
    calendar = await queries.find_calendar(state.database.reads, tenant_id, token_hash, now)
    if calendar is None:
        raise CalendarNotFound
    state.calendar_attempts.give_back(address)
    wait, _ = state.calendar_fetches.spend(calendar.id)
    if wait:
        raise TooManyFetches(retry_after=math.ceil(wait))
    items = await queries.list_items(state.database.reads, tenant_id, calendar, now.date())
    return _respond(request, calendar.version, render_calendar(calendar.name, items))


def _respond(request: Request, version: int, body: bytes) -> Response:
    tag = etag(version, body)
    sent = header(request.scope, b"if-none-match")
    if sent is not None and matches(sent, tag):
        return Response(status_code=304, headers={"ETag": tag, **_CACHE})
    return Response(body, headers={"Content-Type": _MEDIA_TYPE, "ETag": tag, **_CACHE})
