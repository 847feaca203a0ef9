"""Reads of figures, rendered by PostgreSQL.

The numbers of a figure with a small denominator are rendered only for a caller with a role that was granted at the
organization itself. So neither a list nor a single read shows them to those above.
"""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Boolean, Date, DateTime, Text, Uuid, and_, any_, bindparam, case, not_, null, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.access.policy import allowed_below, require
from app.db.keyset import Listing
from app.db.sql_json import Rendered, json_constant, json_if, render
from app.db.statement import Read
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.metrics.models import Metric, MetricState
from app.metrics.schemas import SMALLEST_SHOWN, MetricRead
from app.principal import READERS, Principal
from app.tree.models import OrganizationPlace
from app.tree.paths import below_any, in_ranges, organization_scope

_TENANT = bindparam("tenant_id", type_=Uuid())
_METRICS = (
    select(col(Metric.id))
    .select_from(Metric)
    .join(
        OrganizationPlace,
        and_(
            col(OrganizationPlace.tenant_id) == col(Metric.tenant_id),
            col(OrganizationPlace.organization_id) == col(Metric.organization_id),
        ),
    )
    .where(col(Metric.tenant_id) == _TENANT)
)
_IS_CURRENT = col(Metric.state) == MetricState.CURRENT
_IS_WITHHELD = and_(
    col(Metric.denominator) < SMALLEST_SHOWN,
    not_(col(Metric.organization_id) == any_(bindparam("own_organizations", type_=ARRAY(Uuid())))),
)
_successor = aliased(Metric, name="successor")
_SUPERSEDED_BY = (
    select(col(_successor.id))
    .where(col(_successor.tenant_id) == col(Metric.tenant_id), col(_successor.supersedes_id) == col(Metric.id))
    .correlate(Metric)
    .scalar_subquery()
)
_RENDERED = render(
    _METRICS,
    Metric,
    MetricRead,
    col(Metric.id),
    col(Metric.version),
    col(OrganizationPlace.path),
    numerator=case((_IS_WITHHELD, null()), else_=col(Metric.numerator)),
    denominator=case((_IS_WITHHELD, null()), else_=col(Metric.denominator)),
    withheld=_IS_WITHHELD,
    superseded_by_id=_SUPERSEDED_BY,
    allowed_transitions=json_if(
        and_(_IS_CURRENT, below_any("recordable", OrganizationPlace.path)),
        json_constant([MetricState.WITHDRAWN.value]),
        json_constant([]),
    ),
)
_BY_ID = Read(_RENDERED.where(col(Metric.id) == bindparam("id", type_=Uuid())))
LIST: Final = Listing(
    "metrics",
    _RENDERED,
    key=col(Metric.id),
    orders={"id": col(Metric.id), "updated_at": col(Metric.updated_at), "period_end": col(Metric.period_end)},
    filters={
        "organization_id": col(Metric.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `access.subtrees.visible_paths`
        "program_id": col(Metric.program_id) == bindparam("program_id", type_=Uuid()),
        "metric": col(Metric.metric) == bindparam("metric", type_=Text()),
        "source": col(Metric.source) == bindparam("source", type_=Text()),
        "period_after": col(Metric.period_end) >= bindparam("period_after", type_=Date()),
        "period_before": col(Metric.period_end) <= bindparam("period_before", type_=Date()),
        "include_superseded": or_(bindparam("include_superseded", type_=Boolean()), _IS_CURRENT),
        "updated_since": col(Metric.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
    scope=lambda count: in_ranges(col(OrganizationPlace.path), count),
    organization_scope=organization_scope(col(Metric.organization_id), pinned=("organization_id",)),
)


def own_organizations(principal: Principal) -> list[UUID]:
    """Return the organizations at which a role that reads was granted to the caller, without those below them."""
    return sorted({grant.organization_id for grant in principal.grants if grant.role in READERS})


def caller_arguments(principal: Principal) -> dict[str, Any]:
    """Return the parameters of rendered figures that depend on the caller."""
    return {
        "own_organizations": own_organizations(principal),
        "recordable": allowed_below(principal, "transitionMetric"),
    }


async def get_metric(reader: CallerReader, metric_id: UUID) -> Rendered:
    """Return one figure, as its caller sees it.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
    """
    principal = reader.principal
    row = await reader.fetch_one(_BY_ID, tenant_id=principal.tenant_id, id=metric_id, **caller_arguments(principal))
    if row is None:
        raise NotFound
    require(principal, "getMetric", row["path"])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])
