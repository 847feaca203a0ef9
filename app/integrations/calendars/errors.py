"""Errors of calendar feeds."""

from app.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests


class CalendarNotFound(NotFound):
    code = "calendar_not_found"
    title = "There is no calendar at this address, or it has ended"


class TooManyFetches(TooManyRequests):
    code = "too_many_fetches"
    title = "This calendar, or another one from this address, was fetched too often"


class TooManyCalendarFeeds(Conflict):
    code = "too_many_calendar_feeds"
    title = "The caller has as many calendar feeds as are allowed"


class KeyLimitedToNetworks(Forbidden):
    code = "key_limited_to_networks"
    title = "A calendar can be fetched from anywhere, and this key only from its networks"


class NoPerson(Invalid):
    code = "no_person"
    title = "The caller stands for no person, so there are no own items"
