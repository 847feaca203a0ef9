"""Store what came of attempts: the log, the next message or attempt of the queue, and whether the endpoint works."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.db.ids import uuid7
from app.db.statement import Read
from app.db.transaction import Tx
from app.integrations.webhooks.disabling import disable
from app.integrations.webhooks.models import DisabledReason
from app.integrations.webhooks.sending import Attempt

#: A failure that comes so long after the last one begins anew: in between nothing was sent, and so nothing failed. It
#: is longer than any wait between two attempts.
LONG_PAUSE: Final = timedelta(days=2)

# A message that is planned at this moment locks its queue too. The next statement sees it, or it makes the queue anew.
_LOCK = Read(
    text(
        """
        select q.subject_id from webhook_queues q
            join unnest(
                cast(:webhook_ids as uuid[]), cast(:subject_ids as uuid[]), cast(:positions as bigint[]),
                cast(:attempts as int[])
            ) as r(webhook_id, subject_id, position, attempt)
                on q.webhook_id = r.webhook_id and q.subject_id = r.subject_id
        where q.tenant_id = :tenant_id and q.held_by = :holder and q.position = r.position and q.attempt = r.attempt
        order by q.webhook_id, q.subject_id
        for update of q
        """
    )
)
# An attempt may have lost its queue, because its lease ended or a crash of the database undid its claim. Then it
# changes neither the queue nor the message, which is sent again.
_STORE = Read(
    text(
        """
        with r as (
            select * from unnest(
                cast(:log_ids as uuid[]), cast(:webhook_ids as uuid[]), cast(:subject_ids as uuid[]),
                cast(:positions as bigint[]), cast(:event_ids as uuid[]), cast(:event_types as text[]),
                cast(:attempts as int[]), cast(:outcomes as text[]), cast(:statuses as int[]),
                cast(:durations as int[]), cast(:waits as float8[])
            ) as r(log_id, webhook_id, subject_id, position, event_id, event_type, attempt, outcome, status, duration,
                   wait)
        ),
        own as (
            select r.* from r join webhook_queues q
                on q.tenant_id = :tenant_id and q.webhook_id = r.webhook_id and q.subject_id = r.subject_id
            where q.held_by = :holder and q.position = r.position and q.attempt = r.attempt
        ),
        removed as (
            delete from webhook_messages m using own
            where m.tenant_id = :tenant_id and m.webhook_id = own.webhook_id and m.position = own.position
              and own.wait is null
        ),
        s as (
            select r.*, exists (
                select from webhook_messages m
                where m.tenant_id = :tenant_id and m.webhook_id = r.webhook_id and m.subject_id = r.subject_id
                  and m.position <> r.position
            ) as has_more
            from own r
        ),
        emptied as (
            delete from webhook_queues q using s
            where q.tenant_id = :tenant_id and q.webhook_id = s.webhook_id and q.subject_id = s.subject_id
              and s.wait is null and not s.has_more
        ),
        kept as (
            update webhook_queues q
            set held_by = null, held_until = null, due_at = now() + make_interval(secs => coalesce(s.wait, 0))
            from s
            where q.tenant_id = :tenant_id and q.webhook_id = s.webhook_id and q.subject_id = s.subject_id
              and (s.wait is not null or s.has_more)
        ),
        logged as (
            insert into webhook_deliveries (
                tenant_id, id, created_at, webhook_id, event_id, event_type, attempt, outcome, status_code, duration_ms,
                next_attempt_at
            )
            select :tenant_id, r.log_id, :now, r.webhook_id, r.event_id, r.event_type, r.attempt, r.outcome, r.status,
                   r.duration, cast(:now as timestamptz) + make_interval(secs => r.wait)
            from r join webhooks w on w.tenant_id = :tenant_id and w.id = r.webhook_id
        ),
        judged as (
            select webhook_id, bool_or(outcome = 'delivered') as works from r where outcome <> 'withheld'
            group by webhook_id
        ),
        marked as (
            update webhook_cursors c
            set failing_since = case
                    when j.works then null
                    when coalesce(c.failed_at, c.failing_since) >= :quiet_before then c.failing_since
                    else cast(:now as timestamptz) end,
                failed_at = case when j.works then null else cast(:now as timestamptz) end
            from judged j
            where c.tenant_id = :tenant_id and c.webhook_id = j.webhook_id
              and (not j.works or c.failing_since is not null)
            returning c.webhook_id, c.failing_since
        )
        select webhook_id from marked where failing_since < :failing_before
        """
    )
)


async def record(tx: Tx, holder: UUID, attempts: Sequence[Attempt], *, failure_days: float) -> None:
    """Store what came of attempts of one tenant. Disable endpoints that are gone, or have failed for too long."""
    messages = [one.message for one in attempts]
    queues: dict[str, Any] = {
        "tenant_id": tx.tenant_id,
        "holder": holder,
        "webhook_ids": [one.webhook_id for one in messages],
        "subject_ids": [one.subject_id for one in messages],
        "positions": [one.position for one in messages],
        "attempts": [one.attempt for one in messages],
    }
    await tx.fetch(_LOCK, **queues)
    failing = await tx.fetch(
        _STORE,
        **queues,
        now=tx.now,
        failing_before=tx.now - timedelta(days=failure_days),
        quiet_before=tx.now - LONG_PAUSE,
        log_ids=[uuid7() for _ in attempts],
        event_ids=[one.event_id for one in messages],
        event_types=[one.event_type for one in messages],
        outcomes=[one.outcome.value for one in attempts],
        statuses=[one.status for one in attempts],
        durations=[round(one.duration * 1_000) for one in attempts],
        waits=[one.wait for one in attempts],
    )
    gone = {(one.message.webhook_id, one.message.url) for one in attempts if one.is_gone}
    for webhook_id, url in sorted(gone):
        await disable(tx, webhook_id, DisabledReason.GONE, url=url)
    for row in failing:
        await disable(tx, UUID(int=row["webhook_id"].int), DisabledReason.FAILING)
