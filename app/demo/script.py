"""The script the sandbox is made by: instants of a story, and keys and secrets that follow from its names alone."""

import hashlib
from base64 import urlsafe_b64decode
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from app.db.ids import compose_uuid7
from app.demo.sandbox import noon_of

#: Keys are told by a calendar of their own, whatever the sandbox's today: they stay the same when it moves, and sort
#: before everything that is made in the sandbox later.
_CALENDAR_OF_KEYS = datetime(2020, 1, 1, 12, tzinfo=UTC)
_SEED = "fa-readiness demo"
#: Every secret of the sandbox begins with this text.
PUBLIC_MARK = "public-demo-"


class DemoScript:
    """Keys and secrets of a scene follow from the scene's name and their order in it, and from nothing else.

    Args:
        today: the day on which the story ends.
    """

    def __init__(self, today: date) -> None:
        self._noon = noon_of(today)
        self._scene = ""
        self._at = timedelta()
        self._keys = 0
        self._secrets = 0

    def enter(self, scene: str, at: timedelta) -> None:
        """Begin a scene.

        Args:
            scene: its name; no other has it.
            at: its instant, from noon UTC of today; negative in the past.
        """
        self._scene, self._at, self._keys, self._secrets = scene, at, 0, 0

    def now(self) -> datetime:
        """The scene's instant, UTC."""
        return self._noon + self._at

    def uuid7(self) -> UUID:
        """The scene's next key; within a scene keys sort as they were made."""
        self._keys += 1
        chance = self._bytes("key", self._keys, 8)
        milliseconds = round((_CALENDAR_OF_KEYS + self._at).timestamp() * 1000)
        return compose_uuid7(milliseconds, self._keys.to_bytes(2) + chance)

    def random_bytes(self, count: int) -> bytes:
        """The scene's next secret: as text, it begins with the public mark."""
        self._secrets += 1
        mark = urlsafe_b64decode(PUBLIC_MARK)
        return (mark + self._bytes("secret", self._secrets, count))[:count]

    def request_id(self) -> str:
        """The scene's request; nothing in it tells who did what."""
        return self._bytes("request", 1, 8).hex()

    def _bytes(self, kind: str, number: int, count: int) -> bytes:
        return hashlib.shake_256(f"{_SEED}/{self._scene}/{kind}/{number}".encode()).digest(count)
