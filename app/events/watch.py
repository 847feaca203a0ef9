"""Waiting for a feed to grow, without holding a connection to the database.

A process learns at once of what it seals itself. What other processes seal it finds by asking, twice a second for each
tenant that somebody waits for, however many wait.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from sqlalchemy import text

from app.db.pool import Pool
from app.db.statement import Read
from app.errors import TooManyRequests, Unavailable

_POLL_SECONDS = 0.5
_MOST_WAITING = 500
_MOST_WAITING_OF_TENANT = 100
_MOST_WAITING_OF_CALLER = 10
_SECONDS_TO_RETRY = 5

_POSITION = Read(text("select position from event_feeds where tenant_id = :tenant_id"))


class TooManyFollowers(TooManyRequests):
    code = "too_many_followers"
    title = "Too many requests of yours wait for events"


class _Feed:
    """What this process knows of the feed of a tenant that somebody waits for."""

    def __init__(self) -> None:
        self.grown = asyncio.Event()
        self.asking = asyncio.Lock()
        self.position = 0
        self.known_until = 0.0
        self.waiting = 0


class FeedWatch:
    """Lets requests wait for events, a bounded number of them.

    Args:
        reads: the pool that is asked for positions.
    """

    def __init__(self, reads: Pool) -> None:
        self._reads = reads
        self._feeds: dict[UUID, _Feed] = {}
        self._waiting_of_caller: Counter[UUID] = Counter()
        self._waiting_of_tenant: Counter[UUID] = Counter()

    def notify(self, tenant_id: UUID) -> None:
        """Wake those who wait for a tenant's feed, because it has grown."""
        feed = self._feeds.get(tenant_id)
        if feed is not None:
            feed.known_until = 0.0
            feed.grown.set()
            feed.grown = asyncio.Event()

    def count(self, tenant_id: UUID) -> int:
        """Return how many requests wait for a tenant's feed."""
        return self._waiting_of_tenant[tenant_id]

    @contextmanager
    def place(self, tenant_id: UUID, principal_id: UUID) -> Iterator[None]:
        """Take a place among those who wait.

        Raises:
            TooManyFollowers: as many requests as may wait of this caller, or of this tenant, wait already.
            Unavailable: as many as may wait of all do.
        """
        callers, tenants = self._waiting_of_caller, self._waiting_of_tenant
        if callers[principal_id] >= _MOST_WAITING_OF_CALLER:
            raise TooManyFollowers(
                f"At most {_MOST_WAITING_OF_CALLER} of a caller wait.", retry_after=_SECONDS_TO_RETRY
            )
        if tenants[tenant_id] >= _MOST_WAITING_OF_TENANT:
            raise TooManyFollowers(
                f"At most {_MOST_WAITING_OF_TENANT} of a tenant wait.", retry_after=_SECONDS_TO_RETRY
            )
        if tenants.total() >= _MOST_WAITING:
            raise Unavailable("Too many requests wait for events.", retry_after=_SECONDS_TO_RETRY)
        callers[principal_id] += 1
        tenants[tenant_id] += 1
        try:
            yield
        finally:
            for counts, key in ((callers, principal_id), (tenants, tenant_id)):
                counts[key] -= 1
                if not counts[key]:
                    del counts[key]

    async def wait(self, tenant_id: UUID, beyond: int, until: float, is_stopping: Callable[[], bool]) -> bool:
        """Wait until the feed has events beyond a position.

        Args:
            until: when to give up, on the event loop's clock.
            is_stopping: whether the process is about to stop, so that nobody should wait any longer.

        Returns:
            Whether it has.
        """
        clock = asyncio.get_running_loop().time
        feed = self._feeds.setdefault(tenant_id, _Feed())
        feed.waiting += 1
        try:
            while True:
                grown = feed.grown
                if await self._get_position(tenant_id, feed) > beyond:
                    return True
                rest = min(_POLL_SECONDS, until - clock())
                if rest <= 0 or is_stopping():
                    return False
                with suppress(TimeoutError):
                    async with asyncio.timeout(rest):
                        await grown.wait()
        finally:
            feed.waiting -= 1
            if not feed.waiting:
                self._feeds.pop(tenant_id, None)

    async def _get_position(self, tenant_id: UUID, feed: _Feed) -> int:
        clock = asyncio.get_running_loop().time
        async with feed.asking:
            if clock() >= feed.known_until:
                feed.known_until = clock() + _POLL_SECONDS * 0.9
                row = await self._reads.fetch_one(_POSITION, tenant_id=tenant_id)
                feed.position = 0 if row is None else row["position"]
            return feed.position
