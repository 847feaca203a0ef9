"""All background work of the service, in one place: the kinds of jobs, the periodic tasks, and what is purged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from app.access.retention import drop_ended_secrets, has_ended_secrets
from app.assessments.participants.retention import drop_ended_invitations, has_ended_invitations
from app.db.engine import Database
from app.db.transaction import Tx
from app.events.chain import seal_audit_trail
from app.events.retention import has_expired_events, purge_events
from app.events.sealer import Sealer
from app.exports.lists import ListRoutes
from app.exports.making import exporting
from app.exports.retention import delete_expired_exports, has_expired_exports
from app.files.deletion import delete_expired_files, has_expired_files
from app.idempotency.answers import has_expired_answers, purge_answers
from app.integrations.connectors.running import PULL_PEOPLE
from app.integrations.connectors.scheduling import enqueue_due_runs
from app.integrations.roster.import_job import IMPORT_ROSTER
from app.integrations.webhooks.dispatcher import WebhookDispatcher
from app.integrations.webhooks.retention import (
    delete_deliveries,
    delete_leftovers,
    has_expired_deliveries,
    has_leftovers,
)
from app.jobs.context import WorkContext
from app.jobs.kinds import Kind
from app.jobs.periodic import PeriodicTask
from app.jobs.retention import Purge, delete_jobs, enqueue_purges, has_expired_jobs, run_purges
from app.jobs.worker import Worker
from app.privacy.service import FINISH_ERASURE
from app.settings import Settings


async def _has_expired_answers(tx: Tx, _settings: Settings) -> bool:
    return await has_expired_answers(tx)


async def _purge_answers(tx: Tx, _settings: Settings) -> int:
    return await purge_answers(tx)


async def _seal(work: WorkContext) -> None:
    await (work.sealer or Sealer(work.database)).seal_all()


async def _seal_audit_trail(work: WorkContext) -> None:
    await seal_audit_trail(work.database)


#: Rows that are deleted when they are old enough, by one job for each tenant.
PURGES: Final = (
    Purge("idempotency_keys", _has_expired_answers, _purge_answers),
    Purge("jobs", has_expired_jobs, delete_jobs),
    Purge("events", has_expired_events, purge_events),
    Purge("invitations", has_ended_invitations, drop_ended_invitations),
    Purge("secrets", has_ended_secrets, drop_ended_secrets),
    Purge("webhook_deliveries", has_expired_deliveries, delete_deliveries),
    Purge("exports", has_expired_exports, delete_expired_exports),
    Purge("files", has_expired_files, delete_expired_files),
    Purge("webhook_leftovers", has_leftovers, delete_leftovers),
)
PURGE_EXPIRED: Final = Kind("purge_expired", partial(run_purges, PURGES))

#: Every kind of job that a worker of this release runs.
KINDS: Final = (PURGE_EXPIRED, FINISH_ERASURE, PULL_PEOPLE, IMPORT_ROSTER)
#: Every task that one process of the service runs again and again, but for sending events to webhooks.
PERIODIC: Final = (
    PeriodicTask("enqueue_purges", 3_600.0, partial(enqueue_purges, PURGE_EXPIRED, PURGES)),
    PeriodicTask("seal_events", 1.0, _seal),
    PeriodicTask("enqueue_connector_runs", 30.0, enqueue_due_runs),
    PeriodicTask("seal_audit_trail", 1.0, _seal_audit_trail),
)


def kinds_with(lists: ListRoutes) -> tuple[Kind, ...]:
    """Return every kind of job, with those that need to know the lists of the API."""
    return (*KINDS, exporting(lists))


@dataclass(frozen=True, slots=True)
class Background:
    """The parts that do the background work of a process, wired to each other."""

    sealer: Sealer
    webhooks: WebhookDispatcher
    worker: Worker

    async def close(self) -> None:
        """Give back what is being sent, and end the sealing. The worker must have ended."""
        await self.webhooks.close()
        await self.sealer.close()


def create_background(
    settings: Settings,
    database: Database,
    clock: Callable[[], datetime],
    *,
    on_sealed: Callable[[UUID], None] | None = None,
    kinds: Sequence[Kind] = KINDS,
    tasks: Sequence[PeriodicTask] | None = None,
) -> Background:
    """Wire the background work of a process.

    Args:
        on_sealed: is called with the id of each tenant whose feed has grown.
        tasks: the periodic tasks; None: all of the service.
    """

    def notify(tenant_id: UUID) -> None:
        webhooks.notify(tenant_id)
        if on_sealed is not None:
            on_sealed(tenant_id)

    sealer = Sealer(database, notify)
    work = WorkContext(settings, database, clock, sealer)
    webhooks = WebhookDispatcher(work)
    # Of the processes that could send events, the one that has just sealed some begins.
    dispatching = PeriodicTask("dispatch_webhooks", 1.0, webhooks.run, wake=webhooks.wakes)
    return Background(sealer, webhooks, Worker(work, kinds, (*PERIODIC, dispatching) if tasks is None else tasks))
