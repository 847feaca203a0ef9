"""Record figures of many organizations in one transaction: all or none."""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Date, DateTime, Text, Uuid, any_, bindparam, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col, select

from app.access.policy import forbidden, is_visible, is_visible_or_above, may
from app.db.ids import uuid7
from app.db.statement import Read, Row
from app.db.transaction import Tx
from app.events.record import record_event
from app.instruments.metric_catalogue import load_metric_catalogue
from app.metrics.models import Metric, MetricFeed
from app.metrics.queries import own_organizations
from app.metrics.rows import (
    Faults,
    Figure,
    OrganizationFacts,
    PlacedRow,
    check_figures,
    check_periods,
    name_overlap,
    name_unknown,
)
from app.metrics.schemas import SMALLEST_SHOWN, MetricOutcome, MetricsPush, MetricsRecorded, RecordedMetric
from app.principal import OPERATOR
from app.programs.models import Program
from app.programs.queries import sees
from app.tree.archived import OrganizationArchived, check_archived_by
from app.tree.models import Organization, OrganizationPlace

_OPERATION: Final = "recordMetrics"
#: Rows that are sent together. The audit trail looks through those that wait.
_CHUNK: Final = 50
_NAMED = Read(
    text(
        """
        select n.at, x.organization_id from unnest(:sources, :external_ids) with ordinality n (source, external_id, at)
        join organization_external_ids x
            on x.tenant_id = :tenant_id and x.source = n.source and x.external_id = n.external_id
        """
    ).bindparams(*(bindparam(name, type_=ARRAY(Text())) for name in ("sources", "external_ids")))
)
# The current figures whose periods overlap those of the push.
_OVERLAPPING = Read(
    text(
        """
        select n.at, m.id, m.period_start, m.period_end, m.numerator, m.denominator, m.recorded_by
        from unnest(:organizations, :programs, :metrics, :sources, :starts, :ends)
            with ordinality n (organization_id, program_id, metric, source, period_start, period_end, at)
        join metrics m on m.tenant_id = :tenant_id and m.organization_id = n.organization_id
            and m.program_id = n.program_id and m.metric = n.metric and m.source = n.source
            and m.period_start <= n.period_end and m.period_end >= n.period_start
        where m.state = 'current' order by n.at, m.id
        """
    ).bindparams(
        *(bindparam(name, type_=ARRAY(Uuid())) for name in ("organizations", "programs")),
        *(bindparam(name, type_=ARRAY(Text())) for name in ("metrics", "sources")),
        *(bindparam(name, type_=ARRAY(Date())) for name in ("starts", "ends")),
    )
)
_ADD_FEEDS = Read(
    text(
        """
        insert into metric_feeds (tenant_id, organization_id, recorded_at)
        select :tenant_id, id, :now from unnest(:ids) id order by id on conflict do nothing
        """
    ).bindparams(bindparam("ids", type_=ARRAY(Uuid())), bindparam("now", type_=DateTime(timezone=True)))
)
_SUPERSEDE = Read(
    text(
        """
        update metrics set state = 'superseded', ended_at = :now, version = version + 1,
            updated_at = greatest(:now, updated_at + interval '1 microsecond')
        where tenant_id = :tenant_id and id = any(:ids)
        """
    ).bindparams(bindparam("ids", type_=ARRAY(Uuid())), bindparam("now", type_=DateTime(timezone=True)))
)


async def record(tx: Tx, body: MetricsPush) -> MetricsRecorded:
    """Record the figures of a JSON body. See `record_rows`."""
    return await record_rows(tx, [PlacedRow(f"/body/items/{at}", row) for at, row in enumerate(body.items)])


async def record_rows(tx: Tx, rows: Sequence[PlacedRow]) -> MetricsRecorded:
    """Record figures, each at its organization. A figure that differs from the current one supersedes it.

    Raises:
        MetricsRefused: some of them cannot be recorded; ``errors`` says which and why.
        Forbidden: the caller sees the organization of one, and may not record figures there.
        OrganizationArchived: the organization of one is archived.
    """
    faults = Faults()
    figures = await _place(tx, rows, faults)
    faults.refuse()
    await _check(tx, figures, faults)
    faults.refuse()
    await _lock_feeds(tx, sorted({figure.organization.id for figure in figures}))
    present = await _load_present(tx, figures, faults)
    faults.refuse()
    own = frozenset(own_organizations(tx.principal))
    recorded = [_decide(tx, figure, row, own) for figure, row in zip(figures, present, strict=True)]
    await _write(tx, figures, present, recorded)
    counts = {outcome.value: sum(one.outcome is outcome for one in recorded) for outcome in MetricOutcome}
    return MetricsRecorded(**counts, items=recorded)


async def _place(tx: Tx, rows: Sequence[PlacedRow], faults: Faults) -> list[Figure]:
    """Find and lock the organizations of the figures, and authorize the caller at each."""
    ids = await _find_ids(tx, rows)
    organizations = await _load_organizations(tx, {found for found in ids if found is not None})
    known = [None if found is None else organizations.get(found) for found in ids]
    name_unknown([placed for placed, one in zip(rows, known, strict=True) if one is None], faults)
    figures = [
        Figure(placed.pointer, placed.row, one) for placed, one in zip(rows, known, strict=True) if one is not None
    ]
    for figure in figures:
        if not may(tx.principal, _OPERATION, figure.organization.path):
            raise forbidden(_OPERATION, "the organization of each figure, or one above it").within(figure.pointer)
    return figures


async def _find_ids(tx: Tx, rows: Sequence[PlacedRow]) -> list[UUID | None]:
    ids = [placed.row.organization_id for placed in rows]
    named = [(at, placed.row.organization) for at, placed in enumerate(rows) if placed.row.organization is not None]
    if named:
        found = await tx.fetch(
            _NAMED,
            tenant_id=tx.tenant_id,
            sources=[name.source for _, name in named],
            external_ids=[name.external_id for _, name in named],
        )
        for row in found:
            ids[named[row["at"] - 1][0]] = UUID(int=row["organization_id"].int)
    return ids


async def _load_organizations(tx: Tx, ids: set[UUID]) -> dict[UUID, OrganizationFacts]:
    """Load and share the locks of those organizations that the caller sees, in the order of their ids."""
    query = (
        select(Organization.id, Organization.path, Organization.effective_timezone, Organization.archived_by_id)
        .where(
            col(Organization.tenant_id) == tx.tenant_id,
            col(Organization.id) == _any_of(ids),
            is_visible(tx.principal, col(Organization.id)),
        )
        .order_by(col(Organization.id))
        .with_for_update(read=True, of=Organization)
    )
    return {row[0]: OrganizationFacts(*row) for row in (await tx.session.execute(query)).all()}


async def _check(tx: Tx, figures: Sequence[Figure], faults: Faults) -> None:
    for figure in figures:
        try:
            check_archived_by(figure.organization.archived_by_id, _OPERATION)
        except OrganizationArchived as refused:
            raise refused.within(figure.pointer) from None
    metrics = await load_metric_catalogue(tx, tx.tenant_id)
    programs = await _load_programs(tx, {figure.row.program_id for figure in figures})
    check_figures(figures, metrics=metrics, programs=programs, now=tx.now, faults=faults)
    check_periods(figures, faults)


async def _load_programs(tx: Tx, ids: set[UUID]) -> dict[UUID, str]:
    """Return the paths of the owners of those programs that the caller sees, and keep them from being deleted."""
    query = (
        select(col(Program.id), col(OrganizationPlace.path))
        .join(
            OrganizationPlace,
            (col(OrganizationPlace.tenant_id) == col(Program.tenant_id))
            & (col(OrganizationPlace.organization_id) == col(Program.organization_id)),
        )
        .where(
            col(Program.tenant_id) == tx.tenant_id,
            col(Program.id) == _any_of(ids),
            is_visible_or_above(tx.principal, Program.organization_id),
        )
        .order_by(col(Program.id))
        .with_for_update(read=True, key_share=True, of=Program)
    )
    found = (await tx.session.execute(query)).all()
    return {program_id: path for program_id, path in found if sees(tx.principal, path)}


async def _lock_feeds(tx: Tx, organization_ids: Sequence[UUID]) -> None:
    """Let one writer at a time record figures of an organization."""
    await tx.fetch(_ADD_FEEDS, tenant_id=tx.tenant_id, ids=list(organization_ids), now=tx.now)
    query = (
        select(col(MetricFeed.organization_id))
        .where(col(MetricFeed.tenant_id) == tx.tenant_id, col(MetricFeed.organization_id) == _any_of(organization_ids))
        .order_by(col(MetricFeed.organization_id))
        .with_for_update()
    )
    await tx.session.execute(query)


async def _load_present(tx: Tx, figures: Sequence[Figure], faults: Faults) -> list[Row | None]:
    """Return the current figure of each period, and note the periods that overlap another current one."""
    rows = await tx.fetch(
        _OVERLAPPING,
        tenant_id=tx.tenant_id,
        organizations=[figure.organization.id for figure in figures],
        programs=[figure.row.program_id for figure in figures],
        metrics=[figure.row.metric for figure in figures],
        sources=[figure.row.source for figure in figures],
        starts=[figure.row.period_start for figure in figures],
        ends=[figure.row.period_end for figure in figures],
    )
    present: list[Row | None] = [None] * len(figures)
    for row in rows:
        figure = figures[row["at"] - 1]
        if (row["period_start"], row["period_end"]) == (figure.row.period_start, figure.row.period_end):
            present[row["at"] - 1] = row
        else:
            name_overlap(figure, faults)
    return present


def _decide(tx: Tx, figure: Figure, present: Row | None, own: frozenset[UUID]) -> RecordedMetric:
    """Decide what becomes of a figure.

    Equal numbers change nothing. But where the caller may not see the present numbers and did not send them, equal
    ones supersede them like others, or the outcome would say whether a guess is right.
    """
    if present is None:
        return RecordedMetric(id=uuid7(), outcome=MetricOutcome.CREATED)
    is_equal = (present["numerator"], present["denominator"]) == (figure.row.numerator, figure.row.denominator)
    is_shown = present["denominator"] >= SMALLEST_SHOWN or figure.organization.id in own
    if is_equal and (is_shown or present["recorded_by"] == _recorder(tx)):
        return RecordedMetric(id=UUID(int=present["id"].int), outcome=MetricOutcome.UNCHANGED)
    return RecordedMetric(id=uuid7(), outcome=MetricOutcome.SUPERSEDED)


async def _write(
    tx: Tx, figures: Sequence[Figure], present: Sequence[Row | None], recorded: Sequence[RecordedMetric]
) -> None:
    rows = list(zip(figures, present, recorded, strict=True))
    ended = [before["id"] for _, before, one in rows if before is not None and one.outcome is MetricOutcome.SUPERSEDED]
    if ended:
        # The index of current figures allows the new ones only then.
        await tx.fetch(_SUPERSEDE, tenant_id=tx.tenant_id, ids=ended, now=tx.now)
    written = [row for row in rows if row[2].outcome is not MetricOutcome.UNCHANGED]
    for at, (figure, before, one) in enumerate(written, 1):
        _add(tx, figure, one.id, None if before is None else UUID(int=before["id"].int))
        if at % _CHUNK == 0:
            await tx.flush()
    await _note(tx, sorted({figure.organization.id for figure, _, _ in written}))


def _add(tx: Tx, figure: Figure, metric_id: UUID, supersedes_id: UUID | None) -> None:
    row = figure.row
    tx.insert(
        Metric,
        id=metric_id,
        organization_id=figure.organization.id,
        recorded_by=_recorder(tx),
        supersedes_id=supersedes_id,
        **row.model_dump(exclude={"organization_id", "organization"}),
    )
    data: dict[str, Any] = {
        "metric": row.metric,
        "program_id": str(row.program_id),
        "source": row.source,
        "period_start": row.period_start.isoformat(),
        "period_end": row.period_end.isoformat(),
        "supersedes_id": None if supersedes_id is None else str(supersedes_id),
    }
    record_event(tx, "metric.recorded", metric_id, organization_id=figure.organization.id, data=data)


def _recorder(tx: Tx) -> UUID | None:
    """Return the principal that records; None: an operator, who is none of the tenant's principals."""
    return None if tx.principal.kind == OPERATOR else tx.principal.id


def _any_of(ids: Collection[UUID]) -> Any:
    """Return any of these ids as one parameter: a statement takes only some 32,000 of them."""
    return any_(bindparam(None, list(ids), type_=ARRAY(Uuid()), unique=True))


async def _note(tx: Tx, organization_ids: Sequence[UUID]) -> None:
    of_these = (col(MetricFeed.tenant_id) == tx.tenant_id, col(MetricFeed.organization_id) == _any_of(organization_ids))
    change = update(MetricFeed).where(*of_these).values(recorded_at=tx.now)
    await tx.session.execute(change, execution_options={"synchronize_session": False})
