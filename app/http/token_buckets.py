"""Token buckets in bounded memory."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable


class TokenBuckets:
    """A bucket for each key.

    Args:
        burst: how many tokens a full bucket holds.
        seconds: after how many seconds there is one more.
        most: the maximum number of buckets. The least recently used one is dropped first.
    """

    def __init__(
        self, *, burst: int, seconds: float, most: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()
        """When the bucket of a key is full again."""

    def spend(self, key: Hashable) -> tuple[float, float]:
        """Take a token.

        Returns:
            The seconds until there is a token, 0 if one was taken; and the seconds until the bucket is full again.
        """
        now, buckets = self._clock(), self._full_at
        full_at = buckets.get(key)
        if full_at is None:
            self._make_room(now)
            full_at = now
        else:
            buckets.move_to_end(key)
            full_at = max(full_at, now)
        wait = full_at - now - (self._burst - 1) * self._seconds
        if wait > 0:
            return wait, full_at - now
        full_at += self._seconds
        buckets[key] = full_at
        return 0.0, full_at - now

    def remaining(self, seconds_until_full: float) -> int:
        """Return how many tokens a bucket holds."""
        return max(int(self._burst - seconds_until_full / self._seconds + 1e-6), 0)

    def give_back(self, key: Hashable) -> None:
        """Return a token."""
        if key in self._full_at:
            self._full_at[key] -= self._seconds

    def __len__(self) -> int:
        return len(self._full_at)

    def _make_room(self, now: float) -> None:
        # The bucket unused for longest stands first. Dropping a full bucket loses nothing.
        buckets = self._full_at
        while buckets:
            oldest = next(iter(buckets))
            if len(buckets) < self._most and buckets[oldest] > now:
                return
            del buckets[oldest]
