"""Withdraw figures that should not have been recorded."""

from uuid import UUID

from sqlmodel import col, select

from app.access.policy import is_visible, load_organization_for
from app.db.transaction import Tx
from app.errors import NotFound
from app.events.record import record_event
from app.metrics.errors import MetricNotCurrent
from app.metrics.models import Metric, MetricFeed, MetricState
from app.metrics.schemas import MetricTransition


async def transition(tx: Tx, metric_id: UUID, body: MetricTransition) -> UUID:
    """Withdraw a figure. Return its id.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
        Forbidden: the caller sees it, and may not record figures there.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        MetricNotCurrent: it was superseded or withdrawn.
    """
    organization_id = await tx.session.scalar(
        select(Metric.organization_id).where(
            col(Metric.tenant_id) == tx.tenant_id,
            col(Metric.id) == metric_id,
            is_visible(tx.principal, col(Metric.organization_id)),
        )
    )
    if organization_id is None:
        raise NotFound
    organization = await load_organization_for(tx, organization_id, "transitionMetric")
    # As every writer of figures does, before any figure is locked.
    feed = await tx.session.get_one(MetricFeed, (tx.tenant_id, organization.id), with_for_update=True)
    metric = await tx.session.get_one(Metric, (tx.tenant_id, metric_id), with_for_update=True)
    tx.expect(metric)
    if metric.state is not MetricState.CURRENT:
        raise MetricNotCurrent
    metric.state, metric.ended_at = MetricState.WITHDRAWN, tx.now
    metric.withdrawal_reason = body.reason
    feed.recorded_at = tx.now
    tx.touch(metric)
    record_event(tx, "metric.withdrawn", metric.id, organization_id=organization.id, data={"reason": body.reason})
    return metric.id
