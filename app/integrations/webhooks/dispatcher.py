"""The dispatcher: plans messages, claims those that are due, and sends them.

One process at a time plans and claims, as a periodic task under a lease. What it has claimed is sent by tasks of that
process, each on the lease of its queue, which go on when the periodic task has ended. Nothing waits for an endpoint
that hangs: a tenant and an endpoint have a bounded number of attempts at once, and an attempt has a deadline.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Final
from uuid import UUID, uuid4

from prometheus_client.core import CounterMetricFamily, Metric
from sqlalchemy import text

from app.db.errors import DATABASE_ERRORS
from app.db.statement import Read
from app.errors import AppError
from app.integrations.webhooks.claiming import LEASE_SECONDS, Message, claim, release
from app.integrations.webhooks.models import Outcome
from app.integrations.webhooks.planning import Planner
from app.integrations.webhooks.recording import record
from app.integrations.webhooks.sending import ATTEMPT_SECONDS, Attempt, Sender
from app.jobs.context import WorkContext
from app.telemetry.gauges import DatabaseGauge

_log = logging.getLogger("fa.webhooks")

#: Messages that a process sends at once.
_MOST_AT_ONCE: Final = 100
#: From one look at all tenants to the next, and how long the periodic task goes on while messages are on their way.
_SCAN_SECONDS: Final = 1.0
_ROUND_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.25
#: A crash repeats an attempt at most.
_UNHURRIED: Final = "synchronous_commit = off"

_TENANTS = Read(text("select tenant_id, has_work from webhook_tenants()"))
_BACKLOG: Final = Read(
    text("select coalesce(max(lag), 0) as lag, coalesce(sum(waiting), 0)::float8 as waiting from webhook_backlog()")
)
GAUGES: Final = (
    DatabaseGauge(
        "webhook_lag_seconds",
        "For how long the message that waits longest for its next attempt has been due.",
        _BACKLOG,
        column="lag",
    ),
    DatabaseGauge(
        "webhook_messages_waiting",
        "Messages that have yet to reach an endpoint that is enabled.",
        _BACKLOG,
        column="waiting",
    ),
)


class WebhookDispatcher:
    """Sends the events of all tenants to their webhooks.

    Args:
        attempt_seconds: how long an attempt may take.

    Attributes:
        wakes: set when there is work in this process; see `PeriodicTask.wake`.
    """

    def __init__(self, work: WorkContext, *, attempt_seconds: float = ATTEMPT_SECONDS) -> None:
        self._work = work
        self._sender = Sender(work.settings.outgoing_networks, _MOST_AT_ONCE, seconds=attempt_seconds)
        self._planner = Planner(work)
        self._holder = uuid4()
        self.wakes = asyncio.Event()
        #: The tenants that had an enabled webhook at the last look.
        self._tenants: frozenset[UUID] = frozenset()
        #: The tenants that may have work, the next one first.
        self._turns: dict[UUID, None] = {}
        self._flying: dict[asyncio.Task[None], Message] = {}
        self._attempts: defaultdict[UUID, list[Attempt]] = defaultdict(list)
        self._locks: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._counts: Counter[Outcome] = Counter()

    def notify(self, tenant_id: UUID) -> None:
        """Look at a tenant soon, because its feed has grown."""
        if tenant_id in self._tenants:
            self._add_turn(tenant_id)

    async def run(self, _work: WorkContext | None = None) -> None:
        """Plan and claim for a few seconds, or until nothing is on its way. This is the periodic task."""
        loop = asyncio.get_running_loop()
        ends, next_scan = loop.time() + _ROUND_SECONDS, 0.0
        while (now := loop.time()) < ends:
            self.wakes.clear()
            if now >= next_scan:
                await self._scan()
                next_scan = loop.time() + _SCAN_SECONDS
            while self._turns and loop.time() < ends:
                await self._serve(self._next_turn())
            if not self._flying:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(next_scan, ends)):
                    await self.wakes.wait()

    async def serve(self, tenant_id: UUID) -> None:
        """Plan and claim for one tenant, and wait until what was claimed is sent and recorded."""
        await self._serve(tenant_id)
        while self._flying:
            await asyncio.wait(list(self._flying))

    async def close(self) -> None:
        """Stop in the middle of what is being sent, and give it back."""
        flying = dict(self._flying)
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
        await self._sender.close()
        held: defaultdict[UUID, list[tuple[UUID, UUID, int]]] = defaultdict(list)
        for message in flying.values():
            held[message.tenant_id].append((message.webhook_id, message.subject_id, message.attempt))
        for tenant_id, queues in held.items():
            # Otherwise another process takes them when the leases have ended.
            with suppress(AppError, *DATABASE_ERRORS):
                async with self._work.bookkeeping(tenant_id, "webhooks") as tx:
                    await release(tx, self._holder, queues)

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of this process."""
        family = CounterMetricFamily("fa_webhook_deliveries", "Attempts to deliver, by outcome.", labels=["outcome"])
        for outcome in Outcome:
            family.add_metric([outcome.value], self._counts[outcome])
        yield family

    async def _scan(self) -> None:
        rows = await self._work.database.jobs.fetch(_TENANTS)
        self._tenants = frozenset(UUID(int=row["tenant_id"].int) for row in rows)
        for row in rows:
            if row["has_work"]:
                self._turns.setdefault(UUID(int=row["tenant_id"].int))

    def _add_turn(self, tenant_id: UUID) -> None:
        self._turns.setdefault(tenant_id)
        self.wakes.set()

    def _next_turn(self) -> UUID:
        tenant_id = next(iter(self._turns))
        del self._turns[tenant_id]
        return tenant_id

    async def _serve(self, tenant_id: UUID) -> None:
        try:
            if await self._planner.plan(tenant_id):
                self._turns.setdefault(tenant_id)
            await self._claim(tenant_id)
        except (AppError, *DATABASE_ERRORS) as error:
            # The next look at all tenants finds the work again.
            _log.debug("webhooks put off", exc_info=error)

    async def _claim(self, tenant_id: UUID) -> None:
        free = _MOST_AT_ONCE - len(self._flying)
        if any(message.tenant_id == tenant_id for message in self._flying.values()):
            # The last one is for a tenant that has none.
            free -= 1
        if free <= 0:
            return
        async with self._work.bookkeeping(tenant_id, "webhooks", _UNHURRIED) as tx:
            messages = await claim(tx, self._holder, free)
        for message in messages:
            task = asyncio.create_task(self._deliver(message), name="webhook")
            self._flying[task] = message
            task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        message = self._flying.pop(task)
        # The next message of the queue, or one that found no place, may go now.
        self._add_turn(message.tenant_id)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("webhook not sent", exc_info=error)

    async def _deliver(self, message: Message) -> None:
        attempt = await self._sender.send(message)
        self._counts[attempt.outcome] += 1
        self._attempts[message.tenant_id].append(attempt)
        async with self._locks[message.tenant_id]:
            # What ends while another transaction stores attempts is stored together.
            if attempts := self._attempts.pop(message.tenant_id, None):
                await self._record(message.tenant_id, attempts)

    async def _record(self, tenant_id: UUID, attempts: list[Attempt]) -> None:
        """Store attempts, and try again while the database does not serve and the leases may last."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + LEASE_SECONDS / 2
        while True:
            try:
                async with self._work.bookkeeping(tenant_id, "webhooks", _UNHURRIED) as tx:
                    return await record(
                        tx, self._holder, attempts, failure_days=self._work.settings.webhook_failure_days
                    )
            except (AppError, *DATABASE_ERRORS) as error:
                if loop.time() > ends:
                    _log.warning("attempts not stored; the messages are sent again", exc_info=error)
                    return None
                await asyncio.sleep(_PAUSE_SECONDS)
