"""Reads of connectors and of their runs, rendered by PostgreSQL."""

from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, DateTime, Text, Uuid, and_, bindparam, select, true
from sqlmodel import col

from app.access.policy import require
from app.db.keyset import Listing
from app.db.sql_json import Rendered, render
from app.db.statement import Read
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.integrations.connectors.models import Connector, ConnectorRun, ConnectorState
from app.integrations.connectors.schemas import ConnectorRead, ConnectorRunRead
from app.jobs.models import Job
from app.jobs.queries import part_of_outcome
from app.tree.models import OrganizationPlace
from app.tree.paths import in_ranges

_TENANT, _ID = bindparam("tenant_id", type_=Uuid()), bindparam("id", type_=Uuid())
_CONNECTORS = (
    select(col(Connector.id))
    .select_from(Connector)
    .join(
        OrganizationPlace,
        and_(
            col(OrganizationPlace.tenant_id) == col(Connector.tenant_id),
            col(OrganizationPlace.organization_id) == col(Connector.organization_id),
        ),
    )
    .join(
        ConnectorState,
        and_(
            col(ConnectorState.tenant_id) == col(Connector.tenant_id),
            col(ConnectorState.connector_id) == col(Connector.id),
        ),
    )
    .where(col(Connector.tenant_id) == _TENANT)
)
_RENDERED = render(
    _CONNECTORS,
    Connector,
    ConnectorRead,
    col(Connector.id),
    col(Connector.version),
    col(OrganizationPlace.path),
    created_by=col(Connector.principal_id),
    watermark=col(ConnectorState.watermark),
    succeeded_at=col(ConnectorState.succeeded_at),
    next_run_at=col(ConnectorState.next_run_at),
)
_BY_ID = Read(_RENDERED.where(col(Connector.id) == _ID))
_PLACE = Read(_CONNECTORS.with_only_columns(col(OrganizationPlace.path)).where(col(Connector.id) == _ID))
LIST = Listing(
    "connectors",
    _RENDERED,
    key=col(Connector.id),
    orders={"id": col(Connector.id), "updated_at": col(Connector.updated_at)},
    filters={
        "organization_id": col(Connector.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `app.accounts.scope`
        "enabled": col(Connector.enabled) == bindparam("enabled", type_=Boolean()),
        "updated_since": col(Connector.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
    scope=lambda count: in_ranges(col(OrganizationPlace.path), count),
)


def _render_runs(condition: Any) -> Any:
    return render(
        select(col(ConnectorRun.id))
        .select_from(ConnectorRun)
        .join(Job, and_(col(Job.tenant_id) == col(ConnectorRun.tenant_id), col(Job.id) == col(ConnectorRun.id)))
        .where(col(ConnectorRun.tenant_id) == _TENANT, condition),
        ConnectorRun,
        ConnectorRunRead,
        col(ConnectorRun.id),
        col(Job.version),
        version=col(Job.version),
        updated_at=col(Job.updated_at),
        state=col(Job.state),
        attempt=col(Job.attempt),
        counts=part_of_outcome("counts", {}),
        error_count=part_of_outcome("error_count", 0),
        failure=part_of_outcome("failure", None),
        finished_at=col(Job.finished_at),
    )


_RUN = Read(_render_runs(col(ConnectorRun.id) == _ID))
RUNS = Listing(
    "connector-runs",
    _render_runs(col(ConnectorRun.connector_id) == bindparam("connector_id", type_=Uuid())),
    key=col(ConnectorRun.id),
    orders={"id": col(ConnectorRun.id)},
    filters={
        "state": col(Job.state) == bindparam("state", type_=Text()),
        "updated_since": col(Job.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
)


async def get_connector(reader: CallerReader, connector_id: UUID) -> Rendered:
    """Return one connector.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
        Forbidden: no role of the caller there allows it.
    """
    row = await reader.fetch_one(_BY_ID, tenant_id=reader.principal.tenant_id, id=connector_id)
    if row is None:
        raise NotFound
    require(reader.principal, "getConnector", row["path"])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


async def get_run(reader: CallerReader, run_id: UUID) -> Rendered:
    """Return one run of a connector that the caller may read."""
    row = await reader.fetch_one(_RUN, tenant_id=reader.principal.tenant_id, id=run_id)
    if row is None:
        raise NotFound
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


async def require_for_runs(reader: CallerReader, connector_id: UUID) -> None:
    """Check that the caller may read the runs of a connector.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
        Forbidden: no role of the caller there allows it.
    """
    row = await reader.fetch_one(_PLACE, tenant_id=reader.principal.tenant_id, id=connector_id)
    if row is None:
        raise NotFound
    require(reader.principal, "listConnectorRuns", row["path"])
