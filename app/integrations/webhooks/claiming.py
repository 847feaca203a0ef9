"""Claim messages that are due, with all that is needed to send them.

The first message of a queue is claimed by a lease on the queue's row. A process that is killed leaves a lease that
ends by itself; then the message is sent again, under the same id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import BigInteger, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.access.policy import may
from app.db.statement import Read, Row
from app.db.transaction import Tx
from app.feed.queries import present, read_events
from app.integrations.creators import load_creator
from app.integrations.webhooks.disabling import disable
from app.integrations.webhooks.models import DisabledReason
from app.integrations.webhooks.planning import TESTED

#: The attempts that one endpoint, and all of one tenant, have at the same time.
PER_WEBHOOK: Final = 4
PER_TENANT: Final = 16
#: A lease, which is longer than an attempt may take.
LEASE_SECONDS: Final = 60.0

# An endpoint that fails has one attempt at a time. Endpoints take turns, those of the tenant's other queues included.
_CLAIM = Read(
    text(
        """
        with held as (
            select webhook_id, count(*) as n from webhook_queues
            where tenant_id = :tenant_id and held_until > now() group by webhook_id
        ),
        due as (
            select w.id as webhook_id, d.subject_id, d.due_at, d.turn
            from webhooks w
                join webhook_cursors c on c.tenant_id = w.tenant_id and c.webhook_id = w.id
                left join held h on h.webhook_id = w.id
                cross join lateral (
                    select f.*, row_number() over (order by f.due_at, f.subject_id) as turn
                    from (
                        select q.subject_id, q.due_at from webhook_queues q
                        where q.tenant_id = w.tenant_id and q.webhook_id = w.id and q.due_at <= now()
                          and (q.held_until is null or q.held_until <= now())
                          and exists (
                            select from webhook_messages m where m.tenant_id = q.tenant_id
                              and m.webhook_id = q.webhook_id and m.subject_id = q.subject_id
                          )
                        order by q.due_at, q.subject_id limit :per_webhook
                    ) f
                ) d
            where w.tenant_id = :tenant_id and w.enabled
              and d.turn + coalesce(h.n, 0) <= case when c.failing_since is null then :per_webhook else 1 end
        ),
        chosen as (
            select * from due order by turn, due_at
            limit greatest(least(:most, :per_tenant - (select coalesce(sum(n), 0) from held)), 0)
        ),
        locked as (
            select q.webhook_id, q.subject_id
            from webhook_queues q
                join chosen c on q.tenant_id = :tenant_id and q.webhook_id = c.webhook_id
                    and q.subject_id = c.subject_id
            where q.held_until is null or q.held_until <= now()
            for update of q skip locked
        ),
        heads as (
            select l.webhook_id, l.subject_id, m.position, m.event_id, m.event_type
            from locked l cross join lateral (
                select m.position, m.event_id, m.event_type from webhook_messages m
                where m.tenant_id = :tenant_id and m.webhook_id = l.webhook_id and m.subject_id = l.subject_id
                order by m.position limit 1
            ) m
        )
        update webhook_queues q
        set held_by = :holder, held_until = now() + make_interval(secs => :lease),
            attempt = case when q.position = h.position then q.attempt + 1 else 1 end, position = h.position
        from heads h
        where q.tenant_id = :tenant_id and q.webhook_id = h.webhook_id and q.subject_id = h.subject_id
        returning q.webhook_id, q.subject_id, q.attempt, h.position, h.event_id, h.event_type
        """
    ).bindparams(*(bindparam(name, type_=BigInteger()) for name in ("most", "per_webhook", "per_tenant")))
)
_TARGETS = Read(
    text(
        """
        select w.id, w.url, w.event_types, w.principal_id, w.key_id, p.path,
               array(select s.secret from webhook_secrets s
                     where s.tenant_id = w.tenant_id and s.webhook_id = w.id
                       and (s.ends_at is null or s.ends_at > now())
                     order by s.ends_at desc nulls first) as secrets
        from webhooks w
            join organization_places p on p.tenant_id = w.tenant_id and p.organization_id = w.organization_id
        where w.tenant_id = :tenant_id and w.id = any (:ids)
        """
    ).bindparams(bindparam("ids", type_=ARRAY(Uuid())))
)
_RELEASE = Read(
    text(
        """
        update webhook_queues q
        set held_by = null, held_until = null, attempt = q.attempt - 1
        from unnest(
            cast(:webhook_ids as uuid[]), cast(:subject_ids as uuid[]), cast(:attempts as int[])
        ) as r(webhook_id, subject_id, attempt)
        where q.tenant_id = :tenant_id and q.webhook_id = r.webhook_id and q.subject_id = r.subject_id
          and q.held_by = :holder and q.attempt = r.attempt
        """
    )
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message that this process holds.

    Attributes:
        attempt: the number of the attempt that is due, from 1.
        body: what is sent; None: nothing, because the event may not be sent any more.
        secrets: those that sign it, the present one first.
    """

    tenant_id: UUID
    webhook_id: UUID
    subject_id: UUID
    position: int
    event_id: UUID
    event_type: str
    attempt: int
    url: str
    secrets: Sequence[bytes]
    body: bytes | None


async def claim(tx: Tx, holder: UUID, most: int) -> list[Message]:
    """Claim messages of a tenant that are due.

    What the creator of a webhook may see is looked up now. A webhook whose creator may no longer have it is disabled.

    Args:
        holder: names the dispatcher in the rows that it holds.
    """
    claimed: dict[UUID, list[Row]] = {}
    for row in await tx.fetch(
        _CLAIM,
        tenant_id=tx.tenant_id,
        holder=holder,
        lease=LEASE_SECONDS,
        most=most,
        per_webhook=PER_WEBHOOK,
        per_tenant=PER_TENANT,
    ):
        claimed.setdefault(row["webhook_id"], []).append(row)
    if not claimed:
        return []
    messages: list[Message] = []
    for target in await tx.fetch(_TARGETS, tenant_id=tx.tenant_id, ids=list(claimed)):
        rows = claimed[target["id"]]
        creator = await load_creator(tx, tx.tenant_id, target["principal_id"], target["key_id"], tx.now)
        if creator is None or not may(creator, "createWebhook", target["path"]):
            await disable(tx, UUID(int=target["id"].int), DisabledReason.RIGHTS_LOST)
            await release(tx, holder, [(row["webhook_id"], row["subject_id"], row["attempt"]) for row in rows])
            continue
        events = await read_events(tx, creator, [row["position"] for row in rows], within=target["path"])
        messages += [_to_message(tx, row, target, events) for row in rows]
    return messages


async def release(tx: Tx, holder: UUID, queues: Sequence[tuple[UUID, UUID, int]]) -> None:
    """Give back queues whose messages were not sent. The attempts do not count.

    Args:
        queues: the ids of the webhook and of the thing that the messages are about, and the attempt.
    """
    await tx.fetch(
        _RELEASE,
        tenant_id=tx.tenant_id,
        holder=holder,
        webhook_ids=[webhook_id for webhook_id, _, _ in queues],
        subject_ids=[subject_id for _, subject_id, _ in queues],
        attempts=[attempt for _, _, attempt in queues],
    )


def _to_message(tx: Tx, row: Row, target: Row, events: Mapping[int, Row]) -> Message:
    event = events.get(row["position"])
    is_chosen = target["event_types"] is None or row["event_type"] in (*target["event_types"], TESTED)
    body: Any = None if event is None or not is_chosen else to_json(present(event))
    return Message(
        tenant_id=tx.tenant_id,
        webhook_id=UUID(int=row["webhook_id"].int),
        subject_id=UUID(int=row["subject_id"].int),
        position=row["position"],
        event_id=UUID(int=row["event_id"].int),
        event_type=row["event_type"],
        attempt=row["attempt"],
        url=target["url"],
        secrets=target["secrets"],
        body=body,
    )
