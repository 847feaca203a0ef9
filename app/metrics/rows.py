"""The figures of a push, each with its place in the request, and the faults found in them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from uuid import UUID

from app.errors import FieldError
from app.instruments.metric_catalogue import MetricFacts
from app.metrics.errors import MetricsRefused
from app.metrics.schemas import MetricRow
from app.organizations.errors import UnknownOrganization
from app.programs.errors import ProgramOutOfReach, UnknownProgram
from app.tree.clock import day_in

#: Faults that are collected. A problem has the first ones, and a report of a file all of them.
_MOST_FAULTS = 10_000


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A figure to record, and where the request has it.

    Args:
        pointer: the JSON pointer of the figure, or of the line of a CSV file.
    """

    pointer: str
    row: MetricRow


@dataclass(frozen=True, slots=True)
class OrganizationFacts:
    """What a figure depends on at its organization.

    Attributes:
        archived_by_id: the archived organization, itself or above; None: it is not archived.
    """

    id: UUID
    path: str
    timezone: str
    archived_by_id: UUID | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure whose organization is known and allowed."""

    pointer: str
    row: MetricRow
    organization: OrganizationFacts

    @property
    def series(self) -> tuple[UUID, UUID, str, str]:
        """Return what the periods of one source must not overlap in."""
        return (self.organization.id, self.row.program_id, self.row.metric, self.row.source)


class Faults:
    """Collects what is wrong with the figures of a push."""

    def __init__(self) -> None:
        self._found: list[FieldError] = []

    def add(self, pointer: str, code: str, message: str) -> None:
        """Note a fault of a figure."""
        if len(self._found) < _MOST_FAULTS:
            self._found.append(FieldError(pointer, code, message))

    def refuse(self) -> None:
        """Refuse the push if there is a fault.

        Raises:
            MetricsRefused: there is one.
        """
        if self._found:
            raise MetricsRefused("Correct what `errors` names and send all of it again.", errors=self._found)


def name_unknown(rows: Iterable[PlacedRow], faults: Faults) -> None:
    """Note the figures whose organization the caller cannot see."""
    for placed in rows:
        field = "organization" if placed.row.organization_id is None else "organization_id"
        faults.add(f"{placed.pointer}/{field}", UnknownOrganization.code, UnknownOrganization.title)


def check_figures(
    figures: Iterable[Figure],
    *,
    metrics: Mapping[str, MetricFacts],
    programs: Mapping[UUID, str],
    now: datetime,
    faults: Faults,
) -> None:
    """Note what is wrong with each figure by itself.

    Args:
        metrics: those of the tenant's instruments, by key.
        programs: the paths of the owners of the programs that the caller sees, by the id of the program.
    """
    for figure in figures:
        _check_metric(figure, metrics, faults)
        owner = programs.get(figure.row.program_id)
        at = f"{figure.pointer}/program_id"
        if owner is None:
            faults.add(at, UnknownProgram.code, UnknownProgram.title)
        elif not figure.organization.path.startswith(owner):
            faults.add(at, ProgramOutOfReach.code, ProgramOutOfReach.title)
        if figure.row.period_end > day_in(figure.organization.timezone, now):
            faults.add(f"{figure.pointer}/period_end", "period_in_future", "The period has not ended yet")


def _check_metric(figure: Figure, metrics: Mapping[str, MetricFacts], faults: Faults) -> None:
    row, facts = figure.row, metrics.get(figure.row.metric)
    if facts is None:
        faults.add(f"{figure.pointer}/metric", "unknown_metric", "No instrument describes such a metric")
    elif not facts.is_ratio:
        faults.add(f"{figure.pointer}/metric", "not_a_ratio", "This metric has no numerator and denominator")
    elif row.numerator > row.denominator and not facts.may_exceed_one:
        message = "The numerator is above the denominator, which this metric does not allow"
        faults.add(f"{figure.pointer}/numerator", "numerator_above_denominator", message)


def check_periods(figures: Iterable[Figure], faults: Faults) -> None:
    """Note the figures that repeat or overlap another one of the push."""
    by_series: dict[tuple[UUID, UUID, str, str], list[Figure]] = {}
    for figure in figures:
        by_series.setdefault(figure.series, []).append(figure)
    for series in by_series.values():
        for before, after in pairwise(sorted(series, key=_period)):
            if _period(before) == _period(after):
                faults.add(after.pointer, "repeated_figure", "Another figure of the request is the same one")
            elif after.row.period_start <= before.row.period_end:
                name_overlap(after, faults)


def name_overlap(figure: Figure, faults: Faults) -> None:
    """Note that the period of a figure overlaps another one."""
    message = "The period overlaps that of another figure of this metric, organization, program and source"
    faults.add(f"{figure.pointer}/period_start", "overlapping_period", message)


def _period(figure: Figure) -> tuple[date, date]:
    return (figure.row.period_start, figure.row.period_end)
