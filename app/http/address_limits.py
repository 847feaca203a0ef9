"""Limits attempts by the address of the client, in this process."""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address


class AddressLimit:
    """A token bucket for each client address, in bounded memory.

    An IPv6 client commands a whole /64 network, so the network shares a bucket.

    Args:
        burst: how many attempts an address may make at once.
        seconds: after how many seconds it may make one more.
        most_addresses: the maximum number of addresses. The least recently used one is dropped first.
    """

    def __init__(
        self,
        *,
        burst: int,
        seconds: float,
        most_addresses: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._seconds = seconds
        self._most = most_addresses
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()
        """When the bucket of an address is full again."""

    def spend(self, address: str) -> float:
        """Take one attempt. Return 0, or the seconds to wait where none is left."""
        now, key = self._clock(), _network(address)
        full_at = max(self._full_at.pop(key, now), now)
        wait = full_at - now - (self._burst - 1) * self._seconds
        self._full_at[key] = full_at if wait > 0 else full_at + self._seconds
        self._drop_full(now)
        return max(wait, 0.0)

    def give_back(self, address: str) -> None:
        """Return an attempt that succeeded."""
        key = _network(address)
        if key in self._full_at:
            self._full_at[key] -= self._seconds

    def __len__(self) -> int:
        return len(self._full_at)

    def _drop_full(self, now: float) -> None:
        # The address unused for longest stands first. Dropping a full bucket loses nothing.
        while self._full_at:
            oldest = next(iter(self._full_at))
            if len(self._full_at) <= self._most and self._full_at[oldest] > now:
                return
            del self._full_at[oldest]


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{int(parsed) >> 64:x}/64"
    return str(parsed)
