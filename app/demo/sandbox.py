"""What keeps the sandbox apart from real data, and its clock. Light: the service imports it at every start."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day

from app.db.base import now
from app.errors import OperatorError
from app.settings import Settings

#: The sandbox's today unless FA_DEMO_DATE says another.
DEFAULT_DAY = date(2026, 10, 1)
_NOON = time_of_day(12, tzinfo=UTC)
_REST_OF_THE_DAY = timedelta(hours=12)


def refuse_in_public(settings: Settings) -> None:
    """Keep the sandbox, whose keys everybody knows, where only this machine's users can call.

    Raises:
        OperatorError: the settings look like those of a service that others call.
    """
    if settings.looks_public:
        raise OperatorError(
            "The sandbox's keys are public: it runs on a loopback address only, without FA_BEHIND_PROXY and "
            "FA_REQUIRE_DATABASE_URL, on a database of its own."
        )


def clock_of(settings: Settings) -> Callable[[], datetime]:
    """The clock to serve with: the real one, unless FA_DEMO_DATE is set."""
    return now if settings.demo_date is None else demo_clock(settings.demo_date)


def demo_clock(day: date, elapsed: Callable[[], float] = time.monotonic) -> Callable[[], datetime]:
    """A clock that begins at noon UTC of a day and never leaves it.

    It ticks as time passes, ever slower: what changes later has a later instant, and what is overdue stays the same
    however long the service runs.

    Args:
        elapsed: seconds since some beginning.
    """
    start = elapsed()
    noon = noon_of(day)

    def tell() -> datetime:
        passed = timedelta(seconds=elapsed() - start)
        return noon + _REST_OF_THE_DAY * (passed / (passed + _REST_OF_THE_DAY))

    return tell


def noon_of(day: date) -> datetime:
    """Noon UTC: the present instant of the sandbox's data."""
    return datetime.combine(day, _NOON)
