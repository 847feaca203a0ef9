"""The metrics' routes."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.access.subtrees import visible_paths
from app.errors import NotFound
from app.http.context import ContextDep
from app.http.needs import BodyKind, Needs, needs
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.metrics import push_service, queries, service
from app.metrics.csv_rows import read_csv
from app.metrics.errors import MetricNotCurrent, MetricsRefused, UnreadableCsv
from app.metrics.schemas import MetricQuery, MetricRead, MetricsPush, MetricsRecorded, MetricTransition
from app.schemas import Page
from app.tree.archived import OrganizationArchived

router = APIRouter(prefix="/v1/metrics", tags=["metrics"])
_SECONDS = 60.0
_CSV_EXAMPLE = (
    "metric,numerator,denominator,period_start,period_end,organization_id,program_id,source\n"
    "training_coverage,34,40,2025-07-01,2025-09-30,"
    "0198c6f0-8b9c-7dae-9f10-2b3c4d5e6f70,0198c6f0-9cad-7ebf-8021-3c4d5e6f7081,lms\n"
)
_CSV_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A CSV file whose first line names the columns.",
        "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}, "example": _CSV_EXAMPLE}},
    }
}


@router.get("", response_model=Page[MetricRead], responses=problems(NotFound))
async def list_metrics(context: ContextDep, query: Annotated[MetricQuery, Query()]) -> Response:
    """List figures of metrics.

    Use it to see what HR, learning and finance systems have reported about the organizations you can read. Only
    current figures are listed unless you send `include_superseded=true`. With `subtree` it lists those of one
    organization and everything below it; the answer is 404 if that organization is not visible to you. The numbers of
    a figure out of fewer than 5 are withheld from you unless a role was granted to you at its organization itself.
    """
    within = await visible_paths(context, context.principal, query.subtree)
    caller = queries.caller_arguments(context.principal)
    return await page(context, queries.LIST, query, visible=within, caller=caller)


@router.post("", response_model=MetricsRecorded, responses=problems(MetricsRefused, OrganizationArchived))
@needs(Needs(seconds=_SECONDS))
async def record_metrics(context: ContextDep, body: MetricsPush) -> Response:
    """Record figures of metrics.

    Use it to send what an HR, learning or finance system counts, for many organizations at once: all figures are
    recorded, or none. Repeat a figure as often as you like; equal numbers change nothing. Other numbers for the same
    metric, organization, program, source and period are a correction: it supersedes the figure before, which stays
    readable. Each organization must be visible to you (422) and you need the role there (403); `errors` names the
    figures that are refused, and why. One that was sent for the wrong organization or period is withdrawn by a
    transition. No figure ever changes a score.
    """
    return await write(context, push_service.record, body)


@router.post(
    "/csv",
    response_model=MetricsRecorded,
    responses=problems(MetricsRefused, OrganizationArchived, UnreadableCsv),
    openapi_extra=_CSV_BODY,
)
@needs(Needs(body=BodyKind.CSV, seconds=_SECONDS))
async def record_metrics_from_csv(context: ContextDep) -> Response:
    """Record figures of metrics from a CSV file.

    Use it where a system exports files. The rules are those of recording figures as JSON. The first line names the
    columns, in any order: `metric`, `numerator`, `denominator`, `period_start`, `period_end`, `program_id`, `source`,
    and either `organization_id` or both `organization_source` and `organization_external_id`. Other columns are
    ignored. Comma, semicolon and tab separate cells; the text is UTF-8, UTF-16 with a byte order mark, or
    Windows-1252. At most 5,000 figures are taken at once. Pointers in `errors` name lines, such as
    `/body/lines/7/numerator`.
    """
    return await write(context, push_service.record_rows, read_csv(context.content))


@router.get("/{metric_id}", response_model=MetricRead)
async def get_metric(context: ContextDep, metric_id: UUID) -> Response:
    """Read one figure of a metric.

    Use it to follow corrections: `supersedes_id` and `superseded_by_id` lead to the figures before and after. The
    answer is 404 if it does not exist or its organization is not visible to you. Its numbers are withheld if it is out
    of fewer than 5 and no role was granted to you at its organization itself.
    """
    return show(context, await queries.get_metric(context, metric_id))


@router.post(
    "/{metric_id}/transitions",
    response_model=MetricRead,
    responses=problems(MetricNotCurrent),
    openapi_extra=IF_MATCH,
)
async def transition_metric(context: ContextDep, metric_id: UUID, body: MetricTransition) -> Response:
    """Withdraw a figure of a metric.

    Use it for a figure that should not have been recorded, such as one of another organization or with a wrong period.
    Wrong numbers are corrected by recording the right ones. A withdrawn figure counts no more and stays readable, and
    its period is free again. The answer is 409 if it was superseded or withdrawn before. Send the `ETag` you read in
    `If-Match`.
    """
    return await write_and_read(context, queries.get_metric, service.transition, metric_id, body)
