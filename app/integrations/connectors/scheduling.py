"""The periodic task that enqueues the runs of connectors that are due."""

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, text
from sqlmodel import col, select

from app.access.policy import may
from app.db.errors import DATABASE_ERRORS
from app.db.statement import Read
from app.db.transaction import Tx
from app.errors import AppError
from app.integrations.connectors.disabling import disable
from app.integrations.connectors.models import Connector, ConnectorDisabledReason, ConnectorState
from app.integrations.connectors.running import PULL_PEOPLE
from app.integrations.connectors.schemas import ConnectorRunCreate
from app.integrations.connectors.service import enqueue_run, is_running
from app.integrations.creators import load_creator
from app.jobs.context import WorkContext
from app.tree.models import OrganizationPlace

_log = logging.getLogger("fa.connectors")

_DUE: Final = Read(text("select tenant_id, connector_id from connectors_due()"))


async def enqueue_due_runs(work: WorkContext) -> None:
    """Enqueue a run of each connector that is due. One that cannot be enqueued does not keep the others."""
    for row in await work.database.jobs.fetch(_DUE):
        try:
            async with work.transaction(row["tenant_id"], "connectors") as tx:
                await _enqueue_if_due(tx, UUID(int=row["connector_id"].int))
        except (AppError, *DATABASE_ERRORS) as error:
            _log.warning("no run enqueued", exc_info=error, extra={"tenant": str(row["tenant_id"])})


async def _enqueue_if_due(tx: Tx, connector_id: UUID) -> None:
    """Enqueue a run unless one is under way, and set when the next one is due."""
    query = (
        select(Connector, ConnectorState, OrganizationPlace.path)
        .join(
            ConnectorState,
            (col(ConnectorState.tenant_id) == col(Connector.tenant_id))
            & (col(ConnectorState.connector_id) == col(Connector.id)),
        )
        .join(
            OrganizationPlace,
            (col(OrganizationPlace.tenant_id) == col(Connector.tenant_id))
            & (col(OrganizationPlace.organization_id) == col(Connector.organization_id)),
        )
        .where(
            col(Connector.tenant_id) == tx.tenant_id,
            col(Connector.id) == connector_id,
            col(Connector.enabled),
            col(Connector.interval_minutes).is_not(None),
            col(ConnectorState.next_run_at) <= func.now(),
        )
        .with_for_update(of=Connector, skip_locked=True)
    )
    found = (await tx.session.execute(query)).one_or_none()
    if found is None:
        return
    connector, state = found.Connector, found.ConnectorState
    creator = await load_creator(tx, tx.tenant_id, connector.principal_id, connector.key_id, tx.now)
    if creator is None or not may(creator, "createConnector", found.path):
        await disable(tx, connector.id, ConnectorDisabledReason.RIGHTS_LOST)
        return
    state.next_run_at = func.now() + timedelta(minutes=connector.interval_minutes)
    if not await is_running(tx, connector.id):
        # The run belongs to the creator, who may cancel it and for whom it is kept as long as other jobs.
        tx.principal = creator
        await enqueue_run(tx, PULL_PEOPLE, connector, ConnectorRunCreate())
