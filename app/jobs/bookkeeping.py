"""What a worker writes about jobs: claims, beats and ends, each a short transaction of one tenant.

The transactions are READ COMMITTED whatever the database's default is: two workers that look for work at the same time
do not contradict each other. They do not wait for the disk, as a crash merely repeats a job. Every beat and every end
is fenced with the holder and the attempt, so an attempt that has lost its job changes nothing of it.
"""

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.db.connection import Connection
from app.db.errors import AlreadyExists
from app.db.statement import Read, Row
from app.jobs.context import WorkContext
from app.jobs.endings import Ending
from app.jobs.kinds import Kind, RunningJob

#: How often more than the kind allows a job may be taken up again after its worker died: it may be what kills it.
_MOST_LOSSES = 4
_SETTINGS: Final = ("transaction_isolation = 'read committed'", "synchronous_commit = off")
_KINDS = bindparam("kinds", type_=ARRAY(Text()))
_CHANGED = "version = j.version + 1, updated_at = greatest(:now, j.updated_at + interval '1 microsecond')"

_TENANTS = Read(text("select tenant_id, has_lost from job_tenants(:kinds)").bindparams(_KINDS))
_REQUEUE = Read(
    text(
        f"""
        update jobs j
        set state = case when j.cancel_requested then 'canceled' when j.attempt >= k.most then 'failed'
                    else 'waiting' end,
            finished_at = case when j.cancel_requested or j.attempt >= k.most then cast(:now as timestamptz) end,
            outcome = case when j.cancel_requested then j.outcome else cast(:outcome as jsonb) end,
            held_by = null, held_until = null, due_at = now(), {_CHANGED}
        from unnest(:kinds, cast(:most as int[])) as k(kind, most)
        where j.tenant_id = :tenant_id and j.state = 'running' and j.held_until < now() and j.kind = k.kind
        returning j.id
        """  # noqa: S608  # constants of this module
    ).bindparams(_KINDS)
)
_CLAIM = Read(
    text(
        f"""
        with due as (
            select j.id from jobs j
            where j.tenant_id = :tenant_id and j.state = 'waiting' and j.due_at <= now() and j.kind = any (:kinds)
              and not exists (
                  select from jobs r
                  where r.tenant_id = j.tenant_id and r.kind = j.kind and r.key = j.key and r.state = 'running')
              and not exists (
                  select from jobs w
                  where w.tenant_id = j.tenant_id and w.kind = j.kind and w.key = j.key and w.state = 'waiting'
                    and w.id < j.id)
            order by j.due_at, j.id limit :most for update of j skip locked
        )
        update jobs j
        set state = 'running', held_by = :holder, held_until = now() + make_interval(secs => :lease),
            attempt = j.attempt + 1, dedupe_key = null, {_CHANGED}
        from due
        where j.tenant_id = :tenant_id and j.id = due.id
        returning j.id, j.kind, j.arguments, j.attempt, j.organization_id, j.done, j.total,
                  j.key is not null as has_key
        """  # noqa: S608  # constants of this module
    ).bindparams(_KINDS)
)
# Progress counts as a change, the renewal of a lease does not.
_BEAT = Read(
    text(
        """
        update jobs j
        set held_until = now() + make_interval(secs => :lease), done = b.done, total = b.total,
            version = j.version + (case when b.moved then 1 else 0 end),
            updated_at = case when b.moved then greatest(:now, j.updated_at + interval '1 microsecond')
                         else j.updated_at end
        from (
            select u.id, u.attempt, u.done, u.total, (o.done, o.total) is distinct from (u.done, u.total) as moved
            from unnest(
                cast(:ids as uuid[]), cast(:attempts as int[]), cast(:dones as bigint[]), cast(:totals as bigint[])
            ) as u(id, attempt, done, total)
            join jobs o on o.tenant_id = :tenant_id and o.id = u.id
        ) b
        where j.tenant_id = :tenant_id and j.id = b.id and j.attempt = b.attempt and j.held_by = :holder
          and j.state = 'running'
        returning j.id, j.attempt, j.cancel_requested
        """
    )
)
# A job that would wait again is canceled instead, where that was asked for.
_END = Read(
    text(
        f"""
        update jobs j
        set state = case when e.state = 'waiting' and j.cancel_requested then 'canceled' else e.state end,
            finished_at = case when e.state <> 'waiting' or j.cancel_requested then cast(:now as timestamptz) end,
            held_by = null, held_until = null, due_at = now() + make_interval(secs => e.wait),
            attempt = j.attempt - e.uncounted, done = e.done, total = e.total,
            outcome = cast(e.outcome as jsonb), {_CHANGED}
        from unnest(
            cast(:ids as uuid[]), cast(:attempts as int[]), cast(:states as text[]), cast(:waits as float8[]),
            cast(:uncounted as int[]), cast(:dones as bigint[]), cast(:totals as bigint[]), cast(:outcomes as text[])
        ) as e(id, attempt, state, wait, uncounted, done, total, outcome)
        where j.tenant_id = :tenant_id and j.id = e.id and j.attempt = e.attempt and j.held_by = :holder
          and j.state = 'running'
        returning j.id
        """  # noqa: S608  # constants of this module
    )
)


class Bookkeeping:
    """The writes of one worker.

    Args:
        holder: names the worker in the rows that it holds.
        lease: seconds that a job belongs to it after a claim or a beat.
    """

    def __init__(self, work: WorkContext, kinds: Collection[Kind], *, holder: UUID, lease: float) -> None:
        self._work = work
        self._kinds = {kind.name: kind for kind in kinds}
        self._names = list(self._kinds)
        self._holder = holder
        self._lease = lease

    async def find_tenants(self) -> Sequence[Row]:
        """Return the tenants that have due jobs of the known kinds, or lost ones (``has_lost``)."""
        return await self._work.database.jobs.fetch(_TENANTS, kinds=self._names)

    async def requeue_lost(self, tenant_id: UUID) -> None:
        """Let the jobs of a tenant whose worker was lost run again, or fail where that happened too often."""
        async with self._transaction(tenant_id) as (connection, now):
            await _fetch(
                connection,
                _REQUEUE,
                tenant_id=tenant_id,
                kinds=self._names,
                most=[len(kind.retry_waits) + 1 + _MOST_LOSSES for kind in self._kinds.values()],
                outcome=_outcome(failure=("worker_lost", "The process that ran the job ended without a word.")),
                now=now,
            )

    async def claim(self, tenant_id: UUID, most: int) -> list[RunningJob]:
        """Claim due jobs of a tenant: of each key the oldest, and none where one of the key is running."""
        try:
            async with self._transaction(tenant_id) as (connection, now):
                rows = await _fetch(
                    connection,
                    _CLAIM,
                    tenant_id=tenant_id,
                    kinds=self._names,
                    holder=self._holder,
                    lease=self._lease,
                    most=most,
                    now=now,
                )
        except AlreadyExists:
            # Another worker was quicker with a job of the same key. The next look sees it.
            return []
        return [self._to_job(tenant_id, row) for row in rows]

    async def beat(self, tenant_id: UUID, jobs: Sequence[RunningJob]) -> dict[tuple[UUID, int], bool]:
        """Renew the leases of jobs and store their progress.

        Returns:
            By id and attempt, for each job that still belongs to this worker: whether its cancellation was requested.
        """
        async with self._transaction(tenant_id) as (connection, now):
            rows = await _fetch(
                connection,
                _BEAT,
                tenant_id=tenant_id,
                ids=[job.id for job in jobs],
                attempts=[job.attempt for job in jobs],
                dones=[job.done for job in jobs],
                totals=[job.total for job in jobs],
                holder=self._holder,
                lease=self._lease,
                now=now,
            )
        return {(row["id"], row["attempt"]): row["cancel_requested"] for row in rows}

    async def end(self, tenant_id: UUID, ended: Sequence[tuple[RunningJob, Ending]]) -> None:
        """Store how attempts at jobs of a tenant ended, where the jobs still belong to this worker."""
        async with self._transaction(tenant_id) as (connection, now):
            await _fetch(
                connection,
                _END,
                tenant_id=tenant_id,
                ids=[job.id for job, _ in ended],
                attempts=[job.attempt for job, _ in ended],
                holder=self._holder,
                states=[ending.state.value for _, ending in ended],
                waits=[ending.wait for _, ending in ended],
                uncounted=[0 if ending.is_counted else 1 for _, ending in ended],
                dones=[job.done for job, _ in ended],
                totals=[job.total for job, _ in ended],
                outcomes=[_outcome(job, ending.counts, ending.failure) for job, ending in ended],
                now=now,
            )

    @asynccontextmanager
    async def _transaction(self, tenant_id: UUID) -> AsyncIterator[tuple[Connection, datetime]]:
        database = self._work.database
        async with database.jobs.transaction(tenant_id, *_SETTINGS) as connection:
            yield connection, await database.take_instant(connection, self._work.clock)
            await connection.commit()

    def _to_job(self, tenant_id: UUID, row: Row) -> RunningJob:
        return RunningJob(
            tenant_id=tenant_id,
            id=row["id"],
            kind=self._kinds[row["kind"]],
            arguments=json.loads(row["arguments"]),
            attempt=row["attempt"],
            held_by=self._holder,
            organization_id=row["organization_id"],
            has_key=row["has_key"],
            work=self._work,
            done=row["done"],
            total=row["total"],
        )


async def _fetch(connection: Connection, read: Read, **values: Any) -> Sequence[Row]:
    rows: Sequence[Row] = await connection.fetch(read.sql, read.arguments(values))
    return rows


def _outcome(
    job: RunningJob | None = None,
    counts: Mapping[str, int] | None = None,
    failure: tuple[str, str] | None = None,
) -> str:
    return json.dumps(
        {
            "counts": dict(counts or {}),
            "errors": job.errors if job else [],
            "error_count": job.error_count if job else 0,
            "failure": {"code": failure[0], "message": failure[1]} if failure else None,
        }
    )
