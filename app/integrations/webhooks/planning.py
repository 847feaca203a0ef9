"""Turn the events of the feed into messages, one endpoint at a time and in the order of the feed.

The messages and the place up to which the feed was read are committed together, under the lock of the endpoint's
cursor. So a process that is killed, or a second one that does the same, neither leaves out an event nor adds it twice.
"""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.access.policy import may
from app.db.statement import Read, Row
from app.db.transaction import Tx
from app.feed.queries import FeedPage, read_page
from app.integrations.creators import load_creator
from app.integrations.webhooks.disabling import disable
from app.integrations.webhooks.models import DisabledReason
from app.jobs.context import WorkContext
from app.principal import Principal

#: The type of the events that a test sends, which only the tested endpoint gets, whatever types it wants.
TESTED: Final = "webhook.tested"
#: The messages that may wait for one endpoint. The feed keeps the rest until there is room.
_MOST_WAITING: Final = 5_000
_PAGE: Final = 200
#: The endpoints of a tenant that a turn plans a page for. Then another tenant has its turn.
MOST_IN_TURN: Final = 10
_FIRST: Final = UUID(int=0)

_BEHIND = Read(
    text(
        """
        select w.id
        from webhooks w
            join webhook_cursors c on c.tenant_id = w.tenant_id and c.webhook_id = w.id
            join event_feeds f on f.tenant_id = w.tenant_id
        where w.tenant_id = :tenant_id and w.enabled and (c.position <> f.position or c.replay_until is not null)
          and w.id > :after
        order by w.id limit :most
        """
    ).bindparams(bindparam("after", type_=Uuid()), bindparam("most", type_=BigInteger()))
)
_LOCK = Read(
    text(
        """
        select c.position, c.replay_position, c.replay_until, w.principal_id, w.key_id, w.event_types, p.path,
               f.purged, f.position as last,
               (select count(*) from (select from webhook_messages m where m.tenant_id = w.tenant_id
                                      and m.webhook_id = w.id limit :most) m) as waiting
        from webhook_cursors c
            join webhooks w on w.tenant_id = c.tenant_id and w.id = c.webhook_id
            join organization_places p on p.tenant_id = w.tenant_id and p.organization_id = w.organization_id
            join event_feeds f on f.tenant_id = w.tenant_id
        where c.tenant_id = :tenant_id and c.webhook_id = :webhook_id and w.enabled
        for update of c skip locked
        """
    ).bindparams(bindparam("most", type_=BigInteger()))
)
# A queue that waits for its next attempt goes on waiting, unless somebody asked for the message now. The order of the
# rows is that of all statements that lock several queues.
_ADD = Read(
    text(
        """
        with added as (
            select * from unnest(
                cast(:positions as bigint[]), cast(:event_ids as uuid[]), cast(:event_types as text[]),
                cast(:subject_ids as uuid[])
            ) as a(position, event_id, event_type, subject_id)
        ),
        messages as (
            insert into webhook_messages (tenant_id, webhook_id, position, event_id, event_type, subject_id)
            select :tenant_id, :webhook_id, position, event_id, event_type, subject_id from added
            on conflict do nothing
        )
        insert into webhook_queues as q (tenant_id, webhook_id, subject_id, due_at, attempt)
        select :tenant_id, :webhook_id, subject_id, now(), 0 from added group by subject_id order by subject_id
        on conflict (tenant_id, webhook_id, subject_id) do update
            set due_at = case when q.subject_id = any (:urgent) then least(q.due_at, excluded.due_at) else q.due_at end
        """
    ).bindparams(bindparam("urgent", type_=ARRAY(Uuid())))
)
_MOVE = Read(
    text(
        """
        update webhook_cursors
        set position = :position, replay_position = :replay_position, replay_until = :replay_until
        where tenant_id = :tenant_id and webhook_id = :webhook_id
        """
    ).bindparams(*(bindparam(name, type_=BigInteger()) for name in ("position", "replay_position", "replay_until")))
)


class Planner:
    """Turns events into messages: in a turn of a tenant a page of the feed for each of some endpoints."""

    def __init__(self, work: WorkContext) -> None:
        self._work = work
        #: By tenant: the endpoint that the last turn ended with, and whether the round so far left something to do.
        self._places: dict[UUID, tuple[UUID, bool]] = {}

    async def plan(self, tenant_id: UUID) -> bool:
        """Plan for the next endpoints of a tenant. Return whether more can be done at once."""
        after, has_more = self._places.pop(tenant_id, (_FIRST, False))
        rows = await self._work.database.jobs.fetch(_BEHIND, tenant_id=tenant_id, after=after, most=MOST_IN_TURN)
        for row in rows:
            webhook_id = UUID(int=row["id"].int)
            async with self._work.bookkeeping(tenant_id, f"webhook-{webhook_id}") as tx:
                has_more = await plan_page(tx, webhook_id) or has_more
        if len(rows) < MOST_IN_TURN:
            # The next turn begins with the first endpoint again.
            return has_more
        self._places[tenant_id] = (UUID(int=rows[-1]["id"].int), has_more)
        return True


async def plan_page(tx: Tx, webhook_id: UUID) -> bool:
    """Turn a page of the feed into messages of one webhook. Return whether more can be done at once."""
    row = await tx.fetch_one(_LOCK, tenant_id=tx.tenant_id, webhook_id=webhook_id, most=_MOST_WAITING)
    if row is None or row["waiting"] >= _MOST_WAITING:
        return False
    creator = await load_creator(tx, tx.tenant_id, row["principal_id"], row["key_id"], tx.now)
    if creator is None or not may(creator, "createWebhook", row["path"]):
        await disable(tx, webhook_id, DisabledReason.RIGHTS_LOST)
        return False
    is_replay = row["replay_until"] is not None
    page = await _read(tx, creator, row, row["replay_position"] if is_replay else row["position"])
    found = [event for event in page.rows if _is_wanted(event, row, webhook_id)]
    if found:
        await _add(tx, webhook_id, found, is_replay=is_replay)
    if is_replay:
        has_ended = page.position >= row["replay_until"] or not page.has_more
        await _move(tx, webhook_id, row["position"], page.position, None if has_ended else row["replay_until"])
        return True
    await _move(tx, webhook_id, page.position, None, None)
    return page.has_more


async def _read(tx: Tx, creator: Principal, row: Row, after: int) -> FeedPage:
    """Return a page of the feed. What is no longer kept is passed over, and so is what a restored backup lost."""
    types = None if row["event_types"] is None else [*row["event_types"], TESTED]
    after = min(max(after, row["purged"]), row["last"])
    return await read_page(tx, creator, after=after, limit=_PAGE, types=types, within=row["path"])


def _is_wanted(event: Row, row: Row, webhook_id: UUID) -> bool:
    if row["replay_until"] is not None and event["position"] > row["replay_until"]:
        return False
    return bool(event["type"] != TESTED or event["subject_id"] == webhook_id)


async def _add(tx: Tx, webhook_id: UUID, events: list[Row], *, is_replay: bool) -> None:
    await tx.fetch(
        _ADD,
        tenant_id=tx.tenant_id,
        webhook_id=webhook_id,
        positions=[event["position"] for event in events],
        event_ids=[event["id"] for event in events],
        event_types=[event["type"] for event in events],
        subject_ids=[event["subject_id"] for event in events],
        urgent=[event["subject_id"] for event in events if is_replay or event["type"] == TESTED],
    )


async def _move(tx: Tx, webhook_id: UUID, position: int, replay_position: int | None, replay_until: int | None) -> None:
    values: dict[str, Any] = {"position": position, "replay_until": replay_until}
    values["replay_position"] = None if replay_until is None else replay_position
    await tx.fetch(_MOVE, tenant_id=tx.tenant_id, webhook_id=webhook_id, **values)
