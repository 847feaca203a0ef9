"""The instant from which a follower of a list asks for changes next.

A change becomes visible when its transaction commits, but it carries the instant at which that transaction began. So
a follower that asks for what changed since its last request misses a change that was uncommitted then. The mark of a
list therefore lies before the instant of every transaction whose changes the list may lack.

Each transaction that writes publishes when it began, before it takes the instant that it writes. It takes a shared
advisory lock whose key is that time. Nobody waits for the lock, every role may read it in ``pg_locks``, and it ends
with the transaction in every case. Before a list is read, the oldest of these keys is read. If the list lacks the
changes of a transaction, the transaction either had published its key before, or takes its instant after.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.db.statement import Read, Reader

#: A writer's estimate of the database's clock may be this far behind it.
CLOCK_ALLOWANCE: Final = timedelta(seconds=1)
_SECONDS_KEPT = 1.0
_LOCKS: Final = 20_261_005
# Seconds since 2020 fit the key's 32 bits until 2088.
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_SECONDS: Final = f"floor(extract(epoch from clock_timestamp()) - {int(_EPOCH.timestamp())})::int"
#: Run at the beginning of each transaction that writes, before it takes its instant.
PUBLISH_BEGINNING: Final = f"select pg_advisory_xact_lock_shared({_LOCKS}, {_SECONDS})"

# now() is when this statement began, which is before the locks are read; clock_timestamp() might come after it.
_RUNNING = Read(
    text(
        f"""
        select now() as asked_at, min(objid::bigint) as oldest from pg_locks
        where locktype = 'advisory' and classid = {_LOCKS} and objsubid = 2
          and database = (select oid from pg_database where datname = current_database())
        """  # noqa: S608  # constants of this module
    )
)


class SyncMarks:
    """The marks of the lists that a process answers. It asks for the running transactions once a second at most."""

    def __init__(self) -> None:
        self._read_at = float("-inf")
        self._before_writes = _EPOCH

    async def get(self, reader: Reader, tenant_id: UUID, now: datetime) -> datetime:
        """Return the mark of a list that is read after this call. Whole seconds: others' writes do not show in it.

        Args:
            tenant_id: the tenant that asks.
            now: the app's clock. It counts where it is behind the database's, as the sandbox's is.
        """
        begun = time.monotonic()
        if begun - self._read_at > _SECONDS_KEPT:
            row = await reader.fetch_one(_RUNNING, tenant_id=tenant_id)
            assert row is not None  # noqa: S101  # an aggregate has one row
            asked_at: datetime = row["asked_at"]
            oldest = asked_at if row["oldest"] is None else _EPOCH + timedelta(seconds=row["oldest"])
            # Subtract an age and not two clocks: the clock of the app may differ from the clock of the database.
            age = max(asked_at - oldest, timedelta())
            self._before_writes, self._read_at = min(asked_at, now) - age, begun
        return (min(self._before_writes, now) - CLOCK_ALLOWANCE).replace(microsecond=0)
