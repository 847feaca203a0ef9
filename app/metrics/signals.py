"""The figures that count for the signal of an assessment: the last ones of its organization and program."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final, NamedTuple

from sqlalchemy import Date, Text, bindparam, case, cast, func, literal_column, select
from sqlmodel import col

from app.metrics.models import Metric, MetricState
from app.metrics.schemas import SMALLEST_SHOWN
from app.scoring import Coverage

_NEVER: Final = literal_column("'infinity'", Date())


class ReportedFigure(NamedTuple):
    """A stored figure of a metric."""

    id: str
    metric: str
    numerator: int
    denominator: int
    period_start: date
    period_end: date


#: Figures by the key of the metric, those of one metric by their ratios, the lowest first.
ChosenFigures = Mapping[str, Sequence[ReportedFigure]]


def reported_figures(
    *, tenant_id: Any, organization_id: Any, program_id: Any, frozen_ids: Any, is_revealed: Any, is_final: Any
) -> Any:
    """Return an SQL expression for the figures about an assessment, as a JSON array that `read_figures` reads.

    Of each metric it has the current figures with the last day by ``:as_of``, one of each source that reported it. Of a
    final assessment it has those that counted when it became final. Before a reveal it is null.
    """
    aged = select(
        *_columns(),
        func.rank().over(partition_by=col(Metric.metric), order_by=col(Metric.period_end).desc()).label("age"),
    ).where(
        col(Metric.tenant_id) == tenant_id,
        col(Metric.organization_id) == organization_id,
        col(Metric.program_id) == program_id,
        col(Metric.state) == literal_column(f"'{MetricState.CURRENT}'", Text),
        col(Metric.period_end) <= func.coalesce(bindparam("as_of", type_=Date()), _NEVER),
    )
    current = aged.correlate(*_tables(tenant_id, program_id)).subquery("aged")
    frozen = select(*_columns()).where(col(Metric.tenant_id) == tenant_id, col(Metric.id) == func.any(frozen_ids))
    kept = frozen.correlate(*_tables(tenant_id)).subquery("frozen")
    return case(
        (is_final, _as_json(kept, None)), (is_revealed, _as_json(current, current.c.age == literal_column("1")))
    )


def _columns() -> list[Any]:
    names = ReportedFigure._fields[1:]
    return [cast(col(Metric.id), Text).label("id"), *(getattr(Metric, name) for name in names)]


def _tables(*columns: Any) -> list[Any]:
    return [column.table for column in columns]


def _as_json(rows: Any, condition: Any) -> Any:
    figure = func.json_build_array(*(rows.c[name] for name in ReportedFigure._fields))
    found = select(func.json_agg(figure)).select_from(rows)
    return (found if condition is None else found.where(condition)).scalar_subquery()


def read_figures(values: Sequence[Sequence[Any]] | None) -> list[ReportedFigure]:
    """Return the figures that `reported_figures` found."""
    return [
        ReportedFigure(one[0], one[1], one[2], one[3], date.fromisoformat(one[4]), date.fromisoformat(one[5]))
        for one in values or ()
    ]


def choose_figures(figures: Iterable[ReportedFigure], *, as_of: date, most_days: int) -> ChosenFigures:
    """Return the figures that count.

    Args:
        as_of: the day that the result is asked for. Figures of later periods do not exist yet.
        most_days: a figure counts for so many days after its period has ended.
    """
    since = as_of - timedelta(days=most_days)
    return group_figures(one for one in figures if since <= one.period_end <= as_of)


def group_figures(figures: Iterable[ReportedFigure]) -> ChosenFigures:
    """Return figures by metric."""
    grouped: dict[str, list[ReportedFigure]] = {}
    for one in sorted(figures, key=lambda one: (Fraction(one.numerator, one.denominator), one.id)):
        grouped.setdefault(one.metric, []).append(one)
    return grouped


def to_coverages(chosen: ChosenFigures, *, is_own: bool) -> dict[str, Coverage]:
    """Return the figure of each metric as its reader may see it.

    Where several sources reported the same last day the lowest figure counts. It is withheld where one of them has a
    small denominator and the reader has no such role, or the choice would say something of it.

    Args:
        is_own: the reader has a role at the organization itself.
    """
    coverages = {}
    for metric, figures in chosen.items():
        lowest = figures[0]
        small = [one for one in figures if one.denominator < SMALLEST_SHOWN]
        if small and not is_own:
            # The first one in the order of their ids: which small figure is lower stays with the agency too.
            shown = min(small, key=lambda one: one.id)
            coverages[metric] = Coverage(None, None, shown.period_start, shown.period_end, shown.id)
        else:
            coverages[metric] = Coverage(*lowest[2:], lowest.id)
    return coverages
