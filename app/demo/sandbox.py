"""Checks that keep the sandbox apart from real data, and its clock.

The service imports this module at every start, so it imports little.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day

from app.db.base import now
from app.errors import OperatorError
from app.settings import Settings

#: The sandbox's current date, unless FA_DEMO_DATE names another.
DEFAULT_DAY = date(2026, 10, 1)
_NOON = time_of_day(12, tzinfo=UTC)
_REST_OF_THE_DAY = timedelta(hours=12)


def refuse_in_public(settings: Settings) -> None:
    """Refuse to run the sandbox where other machines could call it, because its keys are public.

    Raises:
        OperatorError: The settings look like those of a public service.
    """
    if settings.looks_public:
        raise OperatorError(
            "The sandbox's keys are public: it runs on a loopback address only, without FA_BEHIND_PROXY and "
            "FA_REQUIRE_DATABASE_URL, on a separate database."
        )


def clock_for(settings: Settings) -> Callable[[], datetime]:
    """Return the clock to serve with: the real one, unless FA_DEMO_DATE is set."""
    return now if settings.demo_date is None else demo_clock(settings.demo_date)


def demo_clock(day: date, elapsed: Callable[[], float] = time.monotonic) -> Callable[[], datetime]:
    """Return a clock that begins at noon UTC of a day and never leaves that day.

    The clock advances ever more slowly. A later change has a later instant, and the overdue items stay the same
    however long the service runs.

    Args:
        elapsed: returns the seconds since an arbitrary start.
    """
    start = elapsed()
    noon = noon_of(day)

    def tick() -> datetime:
        passed = timedelta(seconds=elapsed() - start)
        return noon + _REST_OF_THE_DAY * (passed / (passed + _REST_OF_THE_DAY))

    return tick


def noon_of(day: date) -> datetime:
    """Return noon UTC of a day, which is the current instant of the sandbox's data."""
    return datetime.combine(day, _NOON)
