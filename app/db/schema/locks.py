"""Report which transaction a waiting migration waits for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

NOTICE_SECONDS = 2.0
_POLL_SECONDS = 1.0

# Never the text of a query: it can carry what people typed.
_BLOCKERS = """
select distinct a.pid, a.application_name, a.usename, a.state,
       extract(epoch from clock_timestamp() - a.xact_start)::int as seconds
from unnest($1::int[]) as waiting(pid), unnest(pg_blocking_pids(waiting.pid)) as blocking(pid)
     join pg_stat_activity a on a.pid = blocking.pid
where not a.pid = any($1::int[])
order by a.pid
"""

Connect = Callable[[], Awaitable[Any]]
Notify = Callable[[str], None]


class LockWatch:
    """What the watched sessions wait for.

    Attributes:
        blockers: the transactions that were last seen in the way; empty if none was.
    """

    def __init__(self) -> None:
        self.blockers = ""

    async def run(self, connect: Connect, pids: Collection[int], notify: Notify) -> None:
        """Look once a second until cancelled. Nothing is opened for a migration that ends quickly."""
        await asyncio.sleep(NOTICE_SECONDS)
        connection, reported = await connect(), set[int]()
        try:
            while True:
                rows = await connection.fetch(_BLOCKERS, list(pids))
                if rows:
                    self.blockers = ", ".join(map(_described, rows))
                    if reported != {row["pid"] for row in rows}:
                        reported = {row["pid"] for row in rows}
                        notify(f"Waiting for a lock held by {self.blockers}.")
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            await connection.close()


@asynccontextmanager
async def watch_locks(connect: Connect, pids: Collection[int], notify: Notify) -> AsyncIterator[LockWatch]:
    """Report what sessions wait for, as long as the context lasts.

    Args:
        connect: opens another connection to the same server.
        pids: the sessions' backend processes; may grow.
        notify: takes one line for the operator.
    """
    watch = LockWatch()
    task = asyncio.create_task(watch.run(connect, pids, notify))
    try:
        yield watch
    finally:
        task.cancel()
        # The watch only explains a wait, so its own failure must not stop the migration.
        with suppress(asyncio.CancelledError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await task


def _described(row: Any) -> str:
    application = "".join(filter(str.isprintable, row["application_name"] or "")) or "no application name"
    age = "" if row["seconds"] is None else f" for {row['seconds']} s"
    return f"process {row['pid']} ({application}, role {row['usename']}, {row['state'] or 'state unknown'}{age})"
