"""The connectors' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.accounts.scope import managed_paths
from app.errors import NotFound
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.integrations.connectors import queries, service
from app.integrations.connectors.errors import ConnectorIsDisabled, ConnectorRunning, TooManyConnectors
from app.integrations.connectors.running import PULL_PEOPLE
from app.integrations.connectors.schemas import (
    ConnectorCreate,
    ConnectorPatch,
    ConnectorQuery,
    ConnectorRead,
    ConnectorRunCreate,
    ConnectorRunQuery,
    ConnectorRunRead,
)
from app.integrations.errors import RightNotStored
from app.schemas import Page
from app.tree.archived import OrganizationArchived

router = APIRouter(prefix="/v1/connectors", tags=["connectors"])


@router.get("", response_model=Page[ConnectorRead], responses=problems(NotFound))
async def list_connectors(context: ContextDep, query: Annotated[ConnectorQuery, Query()]) -> Response:
    """List connectors.

    Use it to see which systems people are pulled from, and when that last succeeded. Only connectors of organizations
    where you may create one are listed; secrets are never shown. With `subtree` it lists those of one organization and
    everything below it; the answer is 404 if that organization is not visible to you, and 403 if you may create none
    there.
    """
    within = await managed_paths(context, context.principal, "listConnectors", query.subtree)
    return await page(context, queries.LIST, query, visible=within)


@router.post(
    "",
    status_code=201,
    response_model=ConnectorRead,
    responses=problems(NotFound, OrganizationArchived, RightNotStored, TooManyConnectors),
)
async def create_connector(context: ContextDep, body: ConnectorCreate) -> Response:
    """Create a connector.

    People of the system are then taken over by runs: those that you start, and one after each interval. Start with a
    dry run. A run changes only what you may change: your roles, and the key you call with, are checked again at each
    run, and the connector is disabled when you may no longer have it. So the role must be granted here and not come
    from a sign-in (403 `right_not_stored`). The answer is 404 if the organization is not visible to you, and 409 if it
    is archived.
    """
    return await write_and_read(context, queries.get_connector, service.create, body)


@router.get("/{connector_id}", response_model=ConnectorRead)
async def get_connector(context: ContextDep, connector_id: UUID) -> Response:
    """Read one connector.

    Use it to see whether it is enabled, what it has taken over and when it runs next, or to get the `ETag` that a
    change needs. The answer is 404 if it does not exist or its organization is not visible to you.
    """
    return show(context, await queries.get_connector(context, connector_id))


@router.patch("/{connector_id}", response_model=ConnectorRead, openapi_extra=IF_MATCH)
async def update_connector(context: ContextDep, connector_id: UUID, body: ConnectorPatch) -> Response:
    """Change a connector.

    Use it to replace the secret, to run it at another interval, or to disable it for a while. A run that has begun is
    not affected. The same enables a connector that was disabled because the system refused the secret. The principal
    that created it may change it as long as it could create one there; others need the role. Send the `ETag` you read
    in `If-Match`.
    """
    return await write_and_read(context, queries.get_connector, service.patch, connector_id, body)


@router.delete("/{connector_id}", status_code=204, response_class=Response, openapi_extra=IF_MATCH)
async def delete_connector(context: ContextDep, connector_id: UUID) -> Response:
    """Delete a connector.

    Its secret and the list of its runs are deleted with it. The people whom it pulled stay, with their external ids. A
    run that has begun ends without a further change. Send the `ETag` you read in `If-Match`, or `*`.
    """
    return await write(context, service.remove, connector_id)


@router.post(
    "/{connector_id}/runs",
    status_code=202,
    response_model=ConnectorRunRead,
    responses=problems(ConnectorIsDisabled, ConnectorRunning),
)
async def start_connector_run(context: ContextDep, connector_id: UUID, body: ConnectorRunCreate) -> Response:
    """Run a connector.

    Use it to try a new connector with `dry_run`, to take over a change at once, or with `whole` to read everything
    again after organizations were linked. The run is a job under the same id: `GET /v1/jobs/{job_id}` follows it. It
    reads everything before it changes anything. People are added, updated and moved; a person leaves only where the
    system says so, and nobody is deleted. A run in which more than a tenth of the people would leave fails, unless it
    was started with `force`. The answer is 409 if the connector is disabled or a run of it has not ended.
    """
    return await write_and_read(context, queries.get_run, service.start, PULL_PEOPLE, connector_id, body)


@router.get("/{connector_id}/runs", response_model=Page[ConnectorRunRead])
async def list_connector_runs(
    context: ContextDep, connector_id: UUID, query: Annotated[ConnectorRunQuery, Query()]
) -> Response:
    """List the runs of a connector.

    Use it to find out what a run changed, and why people were not taken over. The newest run comes first. Runs are
    listed for as long as `FA_JOB_RETENTION_DAYS` says. The answer is 404 if the connector does not exist or its
    organization is not visible to you.
    """
    await queries.require_for_runs(context, connector_id)
    return await page(context, queries.RUNS, query, connector_id=connector_id)
