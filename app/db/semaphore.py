"""A semaphore that shares its permits between holders, so that one holder cannot starve the others."""

import asyncio
from collections import deque
from collections.abc import Hashable

_Waiter = asyncio.Future[None]


class FairSemaphore:
    """Permits for the connections of a pool, each held in the name of a holder (a tenant).

    Two rules keep holders apart. The last free permit goes only to a holder that has none, so one holder never takes
    all of them. A released permit goes to the waiting holder that has the fewest, and in turn among equals.

    Args:
        size: the number of permits.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._held: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[_Waiter]] = {}

    @property
    def free(self) -> int:
        """The permits that nobody holds."""
        return self._free

    async def acquire(self, holder: Hashable, deadline: float) -> None:
        """Take a permit, waiting for one if necessary.

        Args:
            deadline: the instant to give up, on the event loop's clock.

        Raises:
            TimeoutError: no permit became free before the deadline.
        """
        if self._may_take(holder):
            self._take(holder)
            return
        loop = asyncio.get_running_loop()
        waiter: _Waiter = loop.create_future()
        self._waiting.setdefault(holder, deque()).append(waiter)
        timer = loop.call_at(deadline, self._give_up, waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # The permit arrived at the moment of the cancellation.
                self.release(holder)
            raise
        finally:
            timer.cancel()

    def release(self, holder: Hashable) -> None:
        """Return a permit and pass it on."""
        left = self._held[holder] - 1
        if left:
            self._held[holder] = left
        else:
            del self._held[holder]
        self._free += 1
        if self._waiting:
            self._wake()

    def _may_take(self, holder: Hashable) -> bool:
        return self._free > (1 if holder in self._held else 0)

    def _take(self, holder: Hashable) -> None:
        self._free -= 1
        self._held[holder] = self._held.get(holder, 0) + 1

    def _wake(self) -> None:
        while self._waiting:
            holder = min(self._waiting, key=lambda one: self._held.get(one, 0))
            if not self._may_take(holder):
                return
            # The holder moves to the end of the queue, where the others with as few permits come before it.
            queue = self._waiting.pop(holder)
            waiter = queue.popleft()
            if queue:
                self._waiting[holder] = queue
            if not waiter.done():
                self._take(holder)
                waiter.set_result(None)

    @staticmethod
    def _give_up(waiter: _Waiter) -> None:
        # Its place in the queue is dropped when its turn comes.
        if not waiter.done():
            waiter.set_exception(TimeoutError("no permit became free in time"))
