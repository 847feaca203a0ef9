"""Answer a follower of the feed, at once or when there is something."""

import asyncio

from fastapi import Response
from pydantic_core import to_json

from app.db.deadline import RequestDeadline
from app.feed import queries
from app.feed.cursors import open_position, seal_position
from app.feed.queries import FeedPage
from app.feed.schemas import LATEST, EventQuery
from app.http.context import RequestContext
from app.http.delivery import JSONBytes


async def read_feed(context: RequestContext, query: EventQuery) -> Response:
    """Answer with the events behind a place, waiting for one where that was asked for.

    Raises:
        Unauthorized: the credential ended while the request waited.
        Forbidden: the caller reads no organization.
        InvalidCursor: the place is none of this feed.
        EventsExpired: events behind the place are no longer kept.
        TooManyFollowers, Unavailable: too many requests wait already.
    """
    if query.after == LATEST:
        end = await queries.read_end(context, context.principal)
        return _answer(context, FeedPage((), end, has_more=False))
    after = None if query.after is None else open_position(query.after, context.principal.tenant_secret)
    page = await _read(context, query, after)
    if page.rows or page.has_more or not query.wait:
        return _answer(context, page)
    watch, until = context.app_state.feeds, asyncio.get_running_loop().time() + query.wait
    with watch.place(context.tenant_id, context.principal.id):
        while not page.rows and not page.has_more:
            if not await watch.wait(context.tenant_id, page.position, until, lambda: _is_stopping(context)):
                break
            # What the caller may see can have changed while the request waited.
            context.principal = await context.app_state.sign_in(context.scope)
            page = await _read(context, query, page.position)
    return _answer(context, page)


async def _read(context: RequestContext, query: EventQuery, after: int | None) -> FeedPage:
    # The route's own deadline leaves time to wait for events, not for the database.
    with RequestDeadline(context.app_state.settings.request_seconds):
        return await queries.read_page(context, context.principal, after=after, limit=query.limit, types=query.types)


def _is_stopping(context: RequestContext) -> bool:
    state = context.scope.get("state") or {}
    return bool(state.get("draining"))


def _answer(context: RequestContext, page: FeedPage) -> Response:
    cursor = seal_position(page.position, context.principal.tenant_secret)
    items = [queries.present(row) for row in page.rows]
    return JSONBytes(to_json({"items": items, "next_after": cursor, "has_more": page.has_more}))
