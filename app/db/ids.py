"""UUIDv7 keys, made by the app: PostgreSQL 15 has no function for them."""

import os
import time
from uuid import UUID

_VERSION_AND_VARIANT = (7 << 76) | (0b10 << 62)
_RANDOM_BITS = (0xFFF << 64) | ((1 << 62) - 1)


def uuid7() -> UUID:
    """A new time-ordered key (RFC 9562, section 5.7): 48 bits of milliseconds, 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10)) & _RANDOM_BITS
    return UUID(int=(milliseconds << 80) | _VERSION_AND_VARIANT | random)
