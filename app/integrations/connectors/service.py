"""Make, change and delete connectors, and start their runs."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, update
from sqlmodel import col, select

from app.access.policy import load_organization_for
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.errors import NotFound
from app.events.record import record_event
from app.integrations.connectors.errors import (
    ConnectorIsDisabled,
    ConnectorRightsLost,
    ConnectorRunning,
    TooManyConnectors,
)
from app.integrations.connectors.models import Connector, ConnectorDisabledReason, ConnectorRun, ConnectorState
from app.integrations.connectors.schemas import ConnectorCreate, ConnectorPatch, ConnectorRunCreate
from app.integrations.creators import load_creator, require_stored_right
from app.integrations.owned import load_owned, note_switch
from app.jobs.enqueue import enqueue
from app.jobs.kinds import Kind
from app.jobs.models import FINISHED, Job
from app.tree.archived import check_archived

#: The connectors that a tenant may have.
MOST_CONNECTORS: Final = 20
CONNECTOR_ID: Final = "connector_id"


async def create(tx: Tx, body: ConnectorCreate) -> UUID:
    """Add a connector. Return its id.

    Raises:
        NotFound: The organization does not exist, or the caller cannot see it.
        Forbidden: the caller may not create there.
        RightNotStored: the caller's role is not stored, so that it could not be checked when the connector runs.
        OrganizationArchived: the organization is archived.
        TooManyConnectors: the tenant has as many as are allowed.
    """
    organization = await load_organization_for(tx, body.organization_id, "createConnector")
    check_archived(organization, "createConnector")
    await require_stored_right(tx, "createConnector", organization.path)
    count = select(func.count()).select_from(Connector).where(col(Connector.tenant_id) == tx.tenant_id)
    if (await tx.session.scalar(count) or 0) >= MOST_CONNECTORS:
        raise TooManyConnectors(f"Delete one of the {MOST_CONNECTORS} first.")
    made = Connector(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        created_at=tx.now,
        updated_at=tx.now,
        principal_id=tx.principal.id,
        key_id=None if tx.principal.key is None else tx.principal.key.id,
        **body.model_dump(mode="json", include={"settings"}),
        **body.model_dump(exclude={"settings", "secret"}),
    )
    tx.session.add(made)
    await tx.session.flush()
    tx.session.add(ConnectorState(tenant_id=tx.tenant_id, connector_id=made.id, secret=body.secret.encode()))
    await _schedule(tx, made)
    record_event(tx, "connector.created", made.id, organization_id=organization.id)
    return made.id


async def patch(tx: Tx, connector_id: UUID, body: ConnectorPatch) -> UUID:
    """Change a connector. Return its id.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there and did not create it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
    """
    connector = await load_connector_for(tx, connector_id, "updateConnector")
    tx.expect(connector)
    changes = body.model_dump(mode="json", exclude_unset=True)
    secret = changes.pop("secret", None)
    before = connector.enabled, connector.interval_minutes
    for name, value in changes.items():
        setattr(connector, name, value)
    note_switch(connector, ConnectorDisabledReason.PAUSED, tx.now, was_enabled=before[0])
    if secret is not None:
        await _set_state(tx, connector_id, secret=secret.encode())
    if "settings" in changes and tx.connection.was_changed(connector):
        # What was read with other settings says nothing of what there is to read now.
        await _set_state(tx, connector_id, watermark=None)
    if (connector.enabled, connector.interval_minutes) != before:
        await _schedule(tx, connector)
    if tx.touch(connector, also=secret is not None):
        fields = {"fields": sorted(body.model_fields_set)}
        record_event(tx, "connector.updated", connector.id, organization_id=connector.organization_id, data=fields)
    return connector.id


async def remove(tx: Tx, connector_id: UUID) -> None:
    """Delete a connector with its secret and the list of its runs. The people whom it pulled stay.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there and did not create it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
    """
    connector = await load_connector_for(tx, connector_id, "deleteConnector")
    tx.expect(connector)
    await tx.session.delete(connector)
    record_event(tx, "connector.deleted", connector.id, organization_id=connector.organization_id)


async def start(tx: Tx, kind: Kind, connector_id: UUID, body: ConnectorRunCreate) -> UUID:
    """Enqueue a run of a connector. Return its id.

    Args:
        kind: the kind of the job.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there and did not create it.
        ConnectorIsDisabled: it is disabled.
        ConnectorRunning: a run of it has not ended.
    """
    return await _start(tx, kind, await load_connector_for(tx, connector_id, "startConnectorRun"), body)


async def _start(tx: Tx, kind: Kind, connector: Connector, body: ConnectorRunCreate) -> UUID:
    if not connector.enabled:
        raise ConnectorIsDisabled("Enable it first.")
    if await is_running(tx, connector.id):
        raise ConnectorRunning("Wait until it has ended, or cancel its job.")
    return await enqueue_run(tx, kind, connector, body)


async def start_as_operator(tx: Tx, kind: Kind, connector_id: UUID, body: ConnectorRunCreate) -> UUID:
    """Enqueue a run for the command line, in the name of the connector's creator. Return its id.

    Raises:
        NotFound: the tenant has no such connector.
        ConnectorIsDisabled, ConnectorRunning: as `start` does.
        ConnectorRightsLost: the creator may no longer have it.
    """
    connector = await tx.session.get(Connector, (tx.tenant_id, connector_id), with_for_update=True)
    if connector is None:
        raise NotFound("The tenant has no such connector.")
    creator = await load_creator(tx, tx.tenant_id, connector.principal_id, connector.key_id, tx.now)
    if creator is None:
        raise ConnectorRightsLost
    tx.principal = creator
    return await _start(tx, kind, connector, body)


async def is_running(tx: Tx, connector_id: UUID) -> bool:
    """Return whether a run of a locked connector waits or runs."""
    query = (
        select(ConnectorRun.id)
        .join(Job, (col(Job.tenant_id) == col(ConnectorRun.tenant_id)) & (col(Job.id) == col(ConnectorRun.id)))
        .where(
            col(ConnectorRun.tenant_id) == tx.tenant_id,
            col(ConnectorRun.connector_id) == connector_id,
            col(Job.state).not_in(FINISHED),
        )
    )
    return await tx.session.scalar(query.limit(1)) is not None


async def enqueue_run(tx: Tx, kind: Kind, connector: Connector, body: ConnectorRunCreate) -> UUID:
    """Enqueue a run of a locked connector that has none. Return its id, which is that of its job."""
    run_id = await enqueue(
        tx,
        kind,
        {CONNECTOR_ID: str(connector.id)},
        key=str(connector.id),
        organization_id=connector.organization_id,
    )
    tx.insert(
        ConnectorRun,
        id=UUID(int=run_id.int),
        connector_id=connector.id,
        dry_run=body.dry_run,
        whole=body.whole,
        force=body.force,
        errors=[],
    )
    record_event(
        tx,
        "connector.run_started",
        connector.id,
        organization_id=connector.organization_id,
        data={"run_id": str(run_id)},
    )
    return run_id


async def load_connector_for(tx: Tx, connector_id: UUID, operation: str) -> Connector:
    """Load a connector for an operation, and lock it.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
        Forbidden: the caller is no admin there and did not create it.
    """
    return await load_owned(tx, Connector, connector_id, operation, create="createConnector")


async def _schedule(tx: Tx, connector: Connector) -> None:
    """Set the next run: one interval from now on, or none."""
    minutes = connector.interval_minutes if connector.enabled else None
    due = None if minutes is None else func.now() + timedelta(minutes=minutes)
    await _set_state(tx, connector.id, next_run_at=due)


async def _set_state(tx: Tx, connector_id: UUID, **values: Any) -> None:
    await tx.session.flush()
    of_connector: tuple[Any, ...] = (
        col(ConnectorState.tenant_id) == tx.tenant_id,
        col(ConnectorState.connector_id) == connector_id,
    )
    await tx.session.execute(update(ConnectorState).where(*of_connector).values(**values))
