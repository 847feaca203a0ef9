"""What is deleted when it is old enough: the job that does it, and the deletion of finished jobs."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.jobs.context import WorkContext
from app.jobs.enqueue import enqueue
from app.jobs.kinds import JobLost, Kind, RunningJob
from app.settings import Settings

_log = logging.getLogger("fa.jobs")
#: The service's own jobs come every hour; those that went well are of no use after a day.
_OWN_RETENTION: Final = timedelta(days=1)
_BATCH = 1_000

_TENANTS = Read(text("select list_tenant_ids() as id"))
_EXPIRED = """
tenant_id = :tenant_id and finished_at < :own_expired
and (finished_at < :expired or (created_by is null and state = 'done'))
"""
_HAS_EXPIRED = Read(text(f"select true from jobs where {_EXPIRED} limit 1"))  # noqa: S608  # a constant of this module
_DELETE = Read(
    text(
        f"""
        delete from jobs where tenant_id = :tenant_id and id in (
            select id from jobs where {_EXPIRED} limit :most for update skip locked
        )
        returning true
        """  # noqa: S608  # a constant of this module
    )
)


@dataclass(frozen=True, slots=True)
class Purge:
    """Rows of a tenant that are deleted when they are old enough.

    Attributes:
        name: what they are; the job counts them under this name.
        has_expired: returns whether any row is old enough.
        delete: deletes some of them and returns how many, 0 when none is left.
    """

    name: str
    has_expired: Callable[[Tx, Settings], Awaitable[bool]]
    delete: Callable[[Tx, Settings], Awaitable[int]]


async def enqueue_purges(kind: Kind, purges: Sequence[Purge], work: WorkContext) -> None:
    """Enqueue a job in each tenant that has something to delete.

    Raises:
        Exception: what went wrong in one tenant. The others have their jobs.
    """
    failures = []
    for tenant in await work.database.jobs.fetch(_TENANTS):
        try:
            async with work.transaction(tenant["id"], "enqueue-purges") as tx:
                if any([await purge.has_expired(tx, work.settings) for purge in purges]):
                    await enqueue(tx, kind, dedupe_key=kind.name)
        except Exception as error:
            _log.warning("no purge enqueued", exc_info=error, extra={"tenant": str(tenant["id"])})
            failures.append(error)
    if failures:
        raise failures[0]


async def run_purges(purges: Sequence[Purge], job: RunningJob) -> Mapping[str, int]:
    """Delete what is old enough, in short transactions. Return how many rows of what.

    Rows of a kind that cannot be deleted do not keep the others: the job fails after those are gone.
    """
    counts: Counter[str] = Counter({purge.name: 0 for purge in purges})
    failures = []
    for purge in purges:
        try:
            await _run_purge(purge, job, counts)
        except JobLost:
            raise
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return counts


async def _run_purge(purge: Purge, job: RunningJob, counts: Counter[str]) -> None:
    while True:
        async with job.transaction() as tx:
            deleted = await purge.delete(tx, job.work.settings)
        if not deleted:
            return
        counts[purge.name] += deleted
        await job.report_progress(counts.total())


async def has_expired_jobs(tx: Tx, settings: Settings) -> bool:
    """Return whether the tenant has finished jobs that are kept no longer."""
    return await tx.fetch_one(_HAS_EXPIRED, **_limits(tx, settings)) is not None


async def delete_jobs(tx: Tx, settings: Settings) -> int:
    """Delete some of the tenant's finished jobs that are kept no longer. Return how many, 0 when none is left."""
    return len(await tx.fetch(_DELETE, **_limits(tx, settings), most=_BATCH))


def _limits(tx: Tx, settings: Settings) -> dict[str, object]:
    return {
        "tenant_id": tx.tenant_id,
        "own_expired": tx.now - _OWN_RETENTION,
        "expired": tx.now - timedelta(days=settings.job_retention_days),
    }
