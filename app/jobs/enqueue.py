"""Enqueue a job in the caller's transaction."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.db.ids import uuid7
from app.db.statement import Read
from app.db.transaction import Tx
from app.jobs.kinds import Kind
from app.jobs.signals import signal_enqueued

# A waiting job with the dedupe key is locked until the caller commits, so that it cannot run before it could see what
# the caller changes.
_ENQUEUE = Read(
    text(
        """
        insert into jobs (
            tenant_id, id, created_at, updated_at, version, kind, key, dedupe_key, arguments, state, due_at, attempt,
            cancel_requested, done, total, created_by, organization_id
        )
        values (
            :tenant_id, :id, :now, :now, 1, :kind, :key, :dedupe_key, cast(:arguments as jsonb), 'waiting',
            now() + make_interval(secs => :delay), 0, false, 0, :total, :created_by, :organization_id
        )
        on conflict (tenant_id, kind, dedupe_key) where state = 'waiting' and dedupe_key is not null
            do update set due_at = least(jobs.due_at, excluded.due_at)
        returning id
        """
    )
)


async def enqueue(
    tx: Tx,
    kind: Kind,
    arguments: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
    dedupe_key: str | None = None,
    delay: float = 0.0,
    total: int | None = None,
    organization_id: UUID | None = None,
) -> UUID:
    """Enqueue a job. It exists if the transaction commits, and a worker of this process then starts at once.

    Args:
        arguments: a JSON object. It holds ids rather than values, and nothing of a person.
        key: jobs of one kind and key run one at a time, in the order of their ids. One that waits to be repeated holds
            up those behind it. Callers that enqueue at the same time must hold a common lock to be in a certain order.
        dedupe_key: a job of this kind that waits under the same key, and has not run yet, stands for the new one.
        delay: seconds to wait at least.
        total: how much there is to do, if that is known.
        organization_id: whose job it is; absent, it belongs to the whole tenant.

    Returns:
        The id of the job, or of the waiting job that stands for it.
    """
    principal = tx.principal
    row = await tx.fetch_one(
        _ENQUEUE,
        tenant_id=tx.tenant_id,
        id=uuid7(),
        now=tx.now,
        kind=kind.name,
        key=key,
        dedupe_key=dedupe_key,
        arguments=json.dumps(arguments or {}),
        delay=delay,
        total=total,
        created_by=principal.id if principal.id.int else None,
        organization_id=organization_id,
    )
    assert row is not None  # noqa: S101  # it inserts or updates
    tx.after_commit.append(partial(signal_enqueued, tx.tenant_id))
    job_id: UUID = row["id"]
    return job_id
