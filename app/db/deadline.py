"""One deadline for all database work of a request."""

import asyncio
from contextvars import ContextVar, Token
from typing import Self

#: The database's deadline ends shortly before the request's. So the caller learns of a lost reply, above all of a lost
#: commit, and not of a request that took too long.
_SHARE = 0.97
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class RequestDeadline:
    """Limits the total time of all statements in a block, including the opening of connections.

    Args:
        seconds: those of the request, counted from the moment the block is entered.
    """

    __slots__ = ("_seconds", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._token: Token[float | None] | None = None

    def __enter__(self) -> Self:
        self._token = _deadline.set(asyncio.get_running_loop().time() + self._seconds * _SHARE)
        return self

    def __exit__(self, *_failure: object) -> None:
        if self._token is not None:
            _deadline.reset(self._token)


def get_deadline() -> float | None:
    """Return the running request's deadline on the event loop's clock, or None outside of a request."""
    return _deadline.get()
