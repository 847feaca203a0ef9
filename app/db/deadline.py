"""Deadlines: of requests, of the use of a connection, and of waiting for one."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

#: The share of a request's time after which its statements end. They end before the request does, so that the error can
#: say that the reply to a commit was lost, and not only that the request took too long.
_SHARE = 0.97
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class Deadlines:
    """Calls each function at its deadline, unless the deadline is cleared before.

    One timer of the event loop serves all deadlines. A timer each costs as much as a statement.
    """

    def __init__(self) -> None:
        self._due: dict[Callable[[], object], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def set(self, expire: Callable[[], object], at: float) -> None:
        """Call a function at an instant on the event loop's clock."""
        self._due[expire] = at
        if self._timer is None or at < self._timer_at:
            self._start_timer(at)

    def clear(self, expire: Callable[[], object]) -> None:
        """Cancel the call of a function."""
        self._due.pop(expire, None)

    def _start_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().call_at(at, self._expire)

    def _expire(self) -> None:
        self._timer = None
        for expire in [expire for expire, at in self._due.items() if at <= self._timer_at]:
            self.clear(expire)
            expire()
        if self._due:
            self._start_timer(min(self._due.values()))


class RequestDeadline:
    """Limits the time of a block: of all its statements together and, shortly after, of everything in it.

    Args:
        seconds: counted from the moment the block is entered.
        deadlines: where the end of the block is watched; None: only the statements are limited.

    Raises:
        TimeoutError: the block did not end in time, and was cancelled.
    """

    __slots__ = ("_cancelling", "_deadlines", "_has_expired", "_seconds", "_task", "_token")
    _token: Token[float | None]
    _task: asyncio.Task[object] | None
    _cancelling: int

    def __init__(self, seconds: float, deadlines: Deadlines | None = None) -> None:
        self._seconds = seconds
        self._deadlines = deadlines
        self._has_expired = False

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._token = _deadline.set(now + self._seconds * _SHARE)
        if self._deadlines is not None:
            self._task = asyncio.current_task(loop)
            self._deadlines.set(self._expire, now + self._seconds)
        return self

    def _expire(self) -> None:
        self._has_expired = True
        if self._task is not None:
            self._cancelling = self._task.cancelling()
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        _deadline.reset(self._token)
        if self._deadlines is not None:
            self._deadlines.clear(self._expire)
        if self._has_expired and self._task is not None:
            # Another cancellation of the task, if there was one, must go on.
            is_ours = self._task.uncancel() <= self._cancelling
            if is_ours and kind is asyncio.CancelledError:
                raise TimeoutError from error


def get_deadline() -> float | None:
    """Return the running request's deadline on the event loop's clock, or None outside of a request."""
    return _deadline.get()
