"""A semaphore that shares its permits between holders, so that one holder cannot starve the others."""

import asyncio
from collections import deque
from collections.abc import Hashable

_Waiter = tuple[float, asyncio.Future[None]]


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
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    @property
    def free(self) -> int:
        """Return the permits that nobody holds."""
        return self._free

    def try_acquire(self, holder: Hashable) -> bool:
        """Take a permit if one is free for this holder. Return whether it was."""
        held = self._held.get(holder, 0)
        if self._free <= (1 if held else 0):
            return False
        self._free -= 1
        self._held[holder] = held + 1
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
        granted = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(holder, deque()).append((deadline, granted))
        if self._timer is None or deadline < self._timer_at:
            self._set_timer(deadline)
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled() and granted.exception() is None:
                # The permit arrived at the moment of the cancellation.
                self.release(holder)
            raise

    def release(self, holder: Hashable) -> None:
        """Return a permit and pass it on."""
        left = self._held.pop(holder) - 1
        if left:
            self._held[holder] = left
        self._free += 1
        if self._waiting:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            is_alone = len(self._waiting) == 1
            holder = next(iter(self._waiting)) if is_alone else min(self._waiting, key=self._count_held)
            queue = self._waiting[holder]
            if queue[0][1].done():
                queue.popleft()
            elif self.try_acquire(holder):
                queue.popleft()[1].set_result(None)
                if not is_alone:
                    # The holder moves to the end, behind the others that have as few permits.
                    self._waiting[holder] = self._waiting.pop(holder)
            else:
                return
            if not queue:
                del self._waiting[holder]

    def _count_held(self, holder: Hashable) -> int:
        return self._held.get(holder, 0)

    def _set_timer(self, at: float) -> None:
        """Give up at this instant for all who wait: a timer each would cost as much as a statement."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().call_at(at, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        waiting = [one for queue in self._waiting.values() for one in queue if not one[1].done()]
        for deadline, granted in waiting:
            if deadline <= self._timer_at:
                granted.set_exception(TimeoutError("every connection was in use"))
        later = [deadline for deadline, _ in waiting if deadline > self._timer_at]
        if later:
            self._set_timer(min(later))
