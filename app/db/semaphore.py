"""A semaphore that shares its permits between holders, so that one holder cannot starve the others."""

import asyncio
from collections import deque
from collections.abc import Hashable

from app.db.deadline import Deadlines


class FairSemaphore:
    """Permits for the connections of a pool, each held in the name of a holder (a tenant).

    Two rules keep holders apart. The last free permit goes only to a holder that has none, so one holder never takes
    all of them. A released permit goes to the waiting holder that has the fewest, and in turn among equals.

    Args:
        size: the number of permits.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        #: The holder of each permit that is taken. There are few, so that a search costs less than a count of each.
        self._holders: list[Hashable] = []
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}
        self._deadlines = Deadlines()

    @property
    def free(self) -> int:
        """Return the permits that nobody holds."""
        return self._size - len(self._holders)

    def try_acquire(self, holder: Hashable) -> bool:
        """Take a permit if one is free for this holder. Return whether it was."""
        free = self._size - len(self._holders)
        if free < 1 or (free == 1 and holder in self._holders):
            return False
        self._holders.append(holder)
        return True

    async def acquire(self, holder: Hashable, deadline: float) -> None:
        """Take a permit, waiting for one if necessary.

        Args:
            deadline: the instant to give up, on the event loop's clock.

        Raises:
            TimeoutError: no permit became free before the deadline.
        """
        if self.try_acquire(holder):
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(holder, deque()).append(granted)

        def give_up() -> None:
            if not granted.done():
                granted.set_exception(TimeoutError("every connection was in use"))

        self._deadlines.set(give_up, deadline)
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled() and granted.exception() is None:
                # The permit arrived at the moment of the cancellation.
                self.release(holder)
            raise
        finally:
            self._deadlines.clear(give_up)

    def release(self, holder: Hashable) -> None:
        """Return a permit and pass it on."""
        self._holders.remove(holder)
        if self._waiting:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            is_alone = len(self._waiting) == 1
            holder = next(iter(self._waiting)) if is_alone else min(self._waiting, key=self._holders.count)
            queue = self._waiting[holder]
            if queue[0].done():
                queue.popleft()
            elif self.try_acquire(holder):
                queue.popleft().set_result(None)
                if not is_alone:
                    # The holder moves to the end, behind the others that have as few permits.
                    self._waiting[holder] = self._waiting.pop(holder)
            else:
                return
            if not queue:
                del self._waiting[holder]
