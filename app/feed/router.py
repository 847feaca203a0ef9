"""The route of the event feed."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.errors import InvalidCursor
from app.events.watch import TooManyFollowers
from app.feed.errors import EventsExpired
from app.feed.following import read_feed
from app.feed.schemas import LONGEST_WAIT, EventPage, EventQuery
from app.http.context import ContextDep
from app.http.needs import Needs, needs
from app.http.problems import problems

router = APIRouter(prefix="/v1/events", tags=["events"])


@router.get("", response_model=EventPage, responses=problems(InvalidCursor, EventsExpired, TooManyFollowers))
@needs(Needs(seconds=LONGEST_WAIT + 10.0))
async def list_events(context: ContextDep, query: Annotated[EventQuery, Query()]) -> Response:
    """Read what happened, in order and without gaps.

    Use it to keep another system in step, deletions included. Begin with `after=latest`, read the lists you need, then
    ask with `after` set to the last `next_after`, again and again. Each committed change is in the feed once, less
    than a second after it was answered. The feed can be read again from any place that is still kept.

    With `wait` the answer comes as soon as there is an event for you, or empty after that many seconds, or at once
    when the service stops. At most ten of your requests and 100 of your tenant may wait: one more that would have to is
    refused with 429. Your rights are checked again before events are sent.

    Events belong to organizations: you get those of the organizations that you can read now. Votes and comments are in
    no event, and no event says that somebody voted. The answer is 410 if events behind `after` are no longer kept:
    read the lists anew.
    """
    return await read_feed(context, query)
