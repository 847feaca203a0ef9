"""What is deleted when it is old enough: the job that does it, and the deletion of finished jobs."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.jobs.context import WorkContext
from app.jobs.enqueue import enqueue
from app.jobs.kinds import Kind, RunningJob
from app.settings import Settings

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
    """Enqueue a job in each tenant that has something to delete."""
    for tenant in await work.database.jobs.fetch(_TENANTS):
        async with work.transaction(tenant["id"], "enqueue-purges") as tx:
            if any([await purge.has_expired(tx, work.settings) for purge in purges]):
                await enqueue(tx, kind, dedupe_key=kind.name)


async def run_purges(purges: Sequence[Purge], job: RunningJob) -> Mapping[str, int]:
    """Delete what is old enough, in short transactions. Return how many rows of what."""
    counts = {purge.name: 0 for purge in purges}
    for purge in purges:
        while True:
            async with job.transaction() as tx:
                deleted = await purge.delete(tx, job.work.settings)
            if not deleted:
                break
            counts[purge.name] += deleted
            await job.report_progress(sum(counts.values()))
    return counts


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
