"""Limits attempts by the address of the client, in this process."""

import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from app.http.token_buckets import TokenBuckets


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
        self.buckets = TokenBuckets(burst=burst, seconds=seconds, most=most_addresses, clock=clock)

    def spend(self, address: str) -> float:
        """Take one attempt. Return 0, or the seconds to wait where none is left."""
        return self.take(address)[0]

    def take(self, address: str) -> tuple[float, float]:
        """Take one attempt, as `TokenBuckets.spend` takes a token."""
        return self.buckets.spend(_network(address))

    def give_back(self, address: str) -> None:
        """Return an attempt that succeeded."""
        self.buckets.give_back(_network(address))

    def __len__(self) -> int:
        return len(self.buckets)


@lru_cache(maxsize=4_096)
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
