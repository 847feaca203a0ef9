"""UUIDv7 keys, made by the app (PostgreSQL 15 has no function for them), and what secrets are made from."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Protocol
from uuid import UUID

_VERSION_AND_VARIANT = (7 << 76) | (0b10 << 62)
_RANDOM_BITS = (0xFFF << 64) | ((1 << 62) - 1)


class Script(Protocol):
    """Stands in for the clock and for chance where the very same rows are to be made again."""

    def now(self) -> datetime:
        """The scripted instant, UTC."""

    def uuid7(self) -> UUID:
        """The next key."""

    def random_bytes(self, count: int) -> bytes:
        """The next bytes: whoever knows the script knows them."""


_followed: ContextVar[Script | None] = ContextVar("followed_script", default=None)


@contextmanager
def following(script: Script) -> Iterator[None]:
    """Take keys, secrets and default instants from a script, in this context only. Nothing but the sandbox does."""
    before = _followed.set(script)
    try:
        yield
    finally:
        _followed.reset(before)


def followed_script() -> Script | None:
    """The script of this context, if there is one."""
    return _followed.get()


def uuid7() -> UUID:
    """A new time-ordered key (RFC 9562, section 5.7): 48 bits of milliseconds, 74 random bits."""
    script = _followed.get()
    if script is not None:
        return script.uuid7()
    return compose_uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def compose_uuid7(milliseconds: int, random: bytes) -> UUID:
    """A key of this instant and these ten bytes, of which 74 bits are used."""
    return UUID(int=(milliseconds << 80) | _VERSION_AND_VARIANT | int.from_bytes(random) & _RANDOM_BITS)


def random_bytes(count: int) -> bytes:
    """Bytes for a secret."""
    script = _followed.get()
    return os.urandom(count) if script is None else script.random_bytes(count)
