"""Reproducible instants, ids and secrets for the sandbox, derived from the names of its steps."""

import hashlib
from base64 import urlsafe_b64decode
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from app.db.ids import compose_uuid7
from app.demo.sandbox import noon_of

#: Ids encode instants of this fixed date, whatever the sandbox's current date is. So they stay the same when that date
#: moves, and they sort before all ids that clients create later.
_CALENDAR_OF_KEYS = datetime(2020, 1, 1, 12, tzinfo=UTC)
_SEED = "fa-readiness demo"
#: Every secret of the sandbox begins with this text.
PUBLIC_MARK = "public-demo-"


class DemoScript:
    """A source of ids and secrets that depend only on the step's name and on their order in the step.

    Args:
        today: the sandbox's current date.
    """

    def __init__(self, today: date) -> None:
        self._noon = noon_of(today)
        self._step = ""
        self._offset = timedelta()
        self._key_count = 0
        self._secret_count = 0

    def begin_step(self, step: str, at: timedelta) -> None:
        """Begin a step.

        Args:
            step: its name, unique among the steps.
            at: its instant, relative to noon UTC of today; negative in the past.
        """
        self._step, self._offset, self._key_count, self._secret_count = step, at, 0, 0

    def now(self) -> datetime:
        """Return the step's instant, UTC."""
        return self._noon + self._offset

    def uuid7(self) -> UUID:
        """Return the step's next id. Within a step ids sort in the order of their creation."""
        self._key_count += 1
        chance = self._bytes("key", self._key_count, 8)
        milliseconds = round((_CALENDAR_OF_KEYS + self._offset).timestamp() * 1000)
        return compose_uuid7(milliseconds, self._key_count.to_bytes(2) + chance)

    def random_bytes(self, count: int) -> bytes:
        """Return the step's next secret. As text, it begins with the public mark."""
        self._secret_count += 1
        mark = urlsafe_b64decode(PUBLIC_MARK)
        return (mark + self._bytes("secret", self._secret_count, count))[:count]

    def request_id(self) -> str:
        """Return the step's request id, which does not reveal the caller."""
        return self._bytes("request", 1, 8).hex()

    def _bytes(self, kind: str, number: int, count: int) -> bytes:
        return hashlib.shake_256(f"{_SEED}/{self._step}/{kind}/{number}".encode()).digest(count)
