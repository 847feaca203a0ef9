"""The database's clock, as a process estimates it between two looks at it."""

import time
from datetime import datetime, timedelta

from app.db.connection import Connection

_SECONDS_BETWEEN_READINGS = 10.0


def _elapsed() -> float:
    # Unlike the monotonic clock it goes on while the machine is suspended.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class DatabaseClock:
    """Says what time it is at the database.

    The clocks of several replicas differ, and each may be set back. Instants that are compared with each other are
    therefore taken from the one clock that all replicas share.
    """

    def __init__(self) -> None:
        self._read: tuple[float, datetime] | None = None

    async def follow(self, connection: Connection) -> None:
        """Read the database's clock, if the last reading is too old. Costs a statement every ten seconds."""
        asked_at = _elapsed()
        if self._read is None or asked_at - self._read[0] > _SECONDS_BETWEEN_READINGS:
            # Counted from before the question: the estimate is ahead by at most a round trip, and never behind.
            self._read = asked_at, await connection.raw.fetchval("select clock_timestamp()")

    def now(self, local: datetime) -> datetime:
        """Return the present instant: the database's estimated clock, or the local one where that is ahead."""
        if self._read is None:
            return local
        asked_at, answered = self._read
        return max(local, answered + timedelta(seconds=_elapsed() - asked_at))
