"""The job of a run: read everything, write it in short transactions, and only then move the watermark.

A run that is killed is repeated from the former watermark. What it had written is then found unchanged.
"""

import asyncio
import importlib
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col, select

from app.access.policy import may
from app.db.statement import Read
from app.db.transaction import Tx
from app.errors import NotFound
from app.integrations.connectors.applying import Applying
from app.integrations.connectors.disabling import disable
from app.integrations.connectors.drivers import DRIVERS
from app.integrations.connectors.errors import (
    ConnectorIsDisabled,
    ConnectorRightsLost,
    SourceEndsTooMany,
    SourceRefusedSecret,
)
from app.integrations.connectors.models import Connector, ConnectorDisabledReason, ConnectorRun, ConnectorState
from app.integrations.connectors.reading import Pulled, read_all
from app.integrations.connectors.service import CONNECTOR_ID
from app.integrations.connectors.source_client import SourceClient, SourceUnavailable
from app.integrations.creators import load_creator
from app.integrations.roster.import_service import MOST_LEAVERS
from app.jobs.kinds import Again, Kind, RunningJob
from app.people.models import EmploymentStatus
from app.tree.models import OrganizationPlace

#: Changes of the source that became visible later than others of the same moment are read again for so long.
OVERLAP: Final = timedelta(minutes=10)
_JITTER_SECONDS: Final = 30.0
_OPERATION: Final = "startConnectorRun"
_COUNTED: Final = ("created", "changed", "left", "unchanged", "ignored")

#: So many people may leave in one run whatever share they are.
FEW_LEAVERS: Final = 2
_COUNT_ACTIVE = Read(
    text(
        """
        select count(*) as active, count(*) filter (where x.external_id = any (:ids)) as leaving
        from person_external_ids x join people p on p.tenant_id = x.tenant_id and p.id = x.person_id
        where x.tenant_id = :tenant_id and x.source = :source and p.active
        """
    ).bindparams(bindparam("ids", type_=ARRAY(Text())))
)
_FINISH = Read(
    text(
        """
        update connector_states
        set succeeded_at = :now, watermark = case when :moves then greatest(watermark, :watermark) else watermark end
        where tenant_id = :tenant_id and connector_id = :connector_id
        """
    )
)


@dataclass(frozen=True, slots=True)
class _Run:
    """What a run has to do."""

    connector: Connector
    secret: str
    watermark: datetime | None
    dry_run: bool
    whole: bool
    force: bool


async def pull_people(job: RunningJob) -> Mapping[str, int]:
    """Run a connector once. Return what was counted.

    Raises:
        Again: the source does not serve at present.
        SourceRefusedSecret, SourceDenied, SourceFaulty, SourceTooLarge, SourceAddressRefused: see `SourceClient`.
        ConnectorIsDisabled: it was disabled since the run was enqueued.
        ConnectorRightsLost: its creator may no longer have it.
        SourceEndsTooMany: more people would leave than a run believes that is not forced.
        NotFound: it was deleted.
    """
    run = await _load(job)
    try:
        pulled = await _read(job, run)
    except SourceUnavailable as error:
        jitter = random.uniform(0, _JITTER_SECONDS)  # noqa: S311  # not a secret
        raise Again(error.reason, after=error.after + jitter) from None
    except SourceRefusedSecret:
        async with job.transaction() as tx:
            await disable(tx, run.connector.id, ConnectorDisabledReason.SECRET_REFUSED)
        raise
    if not (run.force or run.dry_run):
        await _check_leavers(job, run, pulled)
    counts = await _write(job, run, pulled)
    await _finish(job, run, pulled)
    for fault in pulled.errors:
        job.add_error(None, fault["code"], fault["message"])
    job.error_count = pulled.error_count
    return counts


async def _load(job: RunningJob) -> _Run:
    async with _as_creator(job) as (tx, connector):
        state = await tx.session.get(ConnectorState, (tx.tenant_id, connector.id))
        run = await tx.session.get(ConnectorRun, (tx.tenant_id, UUID(int=job.id.int)))
        if state is None or run is None:
            raise NotFound
        tx.session.expunge_all()
        return _Run(connector, state.secret.decode(), state.watermark, run.dry_run, run.whole, run.force)


@asynccontextmanager
async def _as_creator(job: RunningJob) -> AsyncIterator[tuple[Tx, Connector]]:
    """Provide a transaction with the rights that the creator has now, and the connector.

    Raises:
        NotFound: the connector was deleted.
        ConnectorIsDisabled: it is disabled.
        ConnectorRightsLost: the creator may no longer have it. It is disabled.
    """
    connector_id, is_lost = UUID(job.arguments[CONNECTOR_ID]), False
    async with job.transaction() as tx:
        connector, path = await _load_connector(tx, connector_id)
        if not connector.enabled:
            raise ConnectorIsDisabled
        creator = await load_creator(tx, tx.tenant_id, connector.principal_id, connector.key_id, tx.now)
        if creator is None or not may(creator, "createConnector", path):
            await disable(tx, connector_id, ConnectorDisabledReason.RIGHTS_LOST)
            is_lost = True
        else:
            tx.principal, tx.operation = creator, _OPERATION
            yield tx, connector
    if is_lost:
        raise ConnectorRightsLost


async def _load_connector(tx: Tx, connector_id: UUID) -> tuple[Connector, str]:
    """Return a connector, which nobody changes before the commit, and the path of its organization."""
    query = (
        select(Connector, OrganizationPlace.path)
        .join(
            OrganizationPlace,
            (col(OrganizationPlace.tenant_id) == col(Connector.tenant_id))
            & (col(OrganizationPlace.organization_id) == col(Connector.organization_id)),
        )
        .where(col(Connector.tenant_id) == tx.tenant_id, col(Connector.id) == connector_id)
        .with_for_update(read=True, of=Connector)
    )
    found = (await tx.session.execute(query)).one_or_none()
    if found is None:
        raise NotFound
    return found.Connector, found.path


async def _read(job: RunningJob, run: _Run) -> Pulled:
    driver = DRIVERS[run.connector.kind]
    settings = driver.parse(run.connector.settings)
    # Only services with connectors need the library for HTTP, which takes a while to load.
    await asyncio.to_thread(importlib.import_module, "app.outgoing.client")
    from app.outgoing.client import OutgoingClient  # noqa: PLC0415  # loaded just now

    outgoing = OutgoingClient(job.work.settings.outgoing_networks)
    base_url = driver.base_url(job.work.settings, settings)
    client = SourceClient(outgoing, base_url, driver.headers(run.secret))
    since = None if run.whole or run.watermark is None else run.watermark - OVERLAP
    try:
        return await read_all(driver.open(settings), client, since, job.report_progress)
    finally:
        await outgoing.close()


async def _check_leavers(job: RunningJob, run: _Run, pulled: Pulled) -> None:
    """Refuse a source that ends many employments at once: a fault of it would take access from everybody."""
    leaving = [key for key, person in pulled.people.items() if person.status is EmploymentStatus.LEFT]
    if len(leaving) <= FEW_LEAVERS:
        return
    async with _as_creator(job) as (tx, _):
        row = await tx.fetch_one(_COUNT_ACTIVE, tenant_id=tx.tenant_id, source=run.connector.source, ids=leaving)
    if row is not None and row["leaving"] > max(FEW_LEAVERS, row["active"] * MOST_LEAVERS):
        raise SourceEndsTooMany(
            f"Nothing was changed: {row['leaving']} of {row['active']} active people would leave. If that is right, "
            "start a run with `force`."
        )


async def _write(job: RunningJob, run: _Run, pulled: Pulled) -> dict[str, int]:
    @asynccontextmanager
    async def open_transaction() -> AsyncIterator[Tx]:
        async with _as_creator(job) as (tx, _):
            yield tx

    applying = Applying(
        open_transaction,
        run.connector.source,
        run.connector.organization_id,
        run.dry_run,
        partial(job.report_progress, total=len(pulled.people)),
    )
    await applying.apply(pulled)
    return {
        **dict.fromkeys(_COUNTED, 0),
        **applying.counts,
        "read": len(pulled.people) + pulled.gone,
        "with_manager": sum(bool(person.manager) for person in pulled.people.values()),
        "gone": pulled.gone,
        "faulty": pulled.error_count,
    }


async def _finish(job: RunningJob, run: _Run, pulled: Pulled) -> None:
    """Store what came of the run. The watermark moves here, after everything was committed."""
    async with job.transaction() as tx:
        connector, _ = await _load_connector(tx, run.connector.id)
        stored = await tx.session.get(ConnectorRun, (tx.tenant_id, UUID(int=job.id.int)), with_for_update=True)
        if stored is None:
            raise NotFound
        stored.errors = pulled.errors
        if run.dry_run:
            return
        # A source whose clock is ahead must not hide what it changes until then.
        watermark = min(pulled.watermark, tx.now) if pulled.watermark else run.watermark
        # With other settings there is another source to read from its beginning.
        moves = connector.settings == run.connector.settings
        stored.watermark = watermark if moves else None
        values: dict[str, Any] = {"connector_id": connector.id, "now": tx.now, "moves": moves, "watermark": watermark}
        await tx.fetch(_FINISH, tenant_id=tx.tenant_id, **values)


#: The attempts of a run are further apart than those of other jobs: a source that does not serve is left alone.
PULL_PEOPLE: Final = Kind("pull_people", pull_people, retry_waits=(60.0, 600.0, 3_600.0), seconds=3_600.0)
