"""One log line a minute for each cause of a database failure, however many requests it meets."""

import logging
import time
from collections.abc import Callable

from app.db.errors import Reason, get_cause, get_sqlstate

_log = logging.getLogger("fa.database")
_SECONDS = 60.0
_MESSAGE_LENGTH = 300


class FailureLog:
    """Logs causes for the operator: the kind, the SQLSTATE, what the server said, and where it happened.

    Args:
        clock: a monotonic clock in seconds.

    Attributes:
        counts: how many failures there were, by reason.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: dict[Reason, int] = {}
        self._clock = clock
        self._last: dict[tuple[str, str], tuple[float, int]] = {}

    def record(self, error: BaseException, reason: Reason) -> None:
        """Log a failure, or count it where its cause was logged within the minute."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        cause = get_cause(error)
        key = (type(cause).__name__, get_sqlstate(cause))
        now = self._clock()
        last, skipped = self._last.get(key, (now - _SECONDS, 0))
        if now - last < _SECONDS:
            self._last[key] = (last, skipped + 1)
            return
        self._last[key] = (now, 0)
        # These failures are of the server, not of a row: what the server says names roles, databases and files.
        said = " ".join(str(cause).split())[:_MESSAGE_LENGTH]
        more = f" ({skipped} more since the last line)" if skipped else ""
        level = logging.WARNING if reason is Reason.BUSY else logging.ERROR
        _log.log(level, "%s: %s: %s%s", reason.value, " ".join(filter(None, key)), said, more, exc_info=error)
