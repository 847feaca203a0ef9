"""The figures that count for the signal of an assessment, now or when it became final."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from app.assessments.models import AssessmentState
from app.db.statement import Row, from_json
from app.metrics.signals import ChosenFigures, choose_figures, group_figures, read_figures, to_coverages
from app.scoring import Coverage, ScoringProfile


def choose_for(row: Row, profile: ScoringProfile, as_of: date) -> ChosenFigures:
    """Return the figures that count for an assessment, by metric; none before a reveal.

    Of a final assessment these are the figures that counted when it became final, whatever day is asked for. Otherwise
    a figure counts for as long as evidence does that is not stale.

    Args:
        row: as `app.assessments.scoring_input.load_scoring_row` returned it.
    """
    figures = read_figures(from_json(row["figures"]))
    if row["state"] == AssessmentState.FINAL:
        return group_figures(figures)
    return choose_figures(figures, as_of=as_of, most_days=profile.ageing_days)


def list_coverages(
    row: Row, profile: ScoringProfile, as_of: date, own_organizations: Collection[UUID]
) -> dict[str, Coverage]:
    """Return the figures that count, by metric, as a reader with these organizations may see them."""
    chosen = choose_for(row, profile, as_of)
    return to_coverages(chosen, is_own=row["organization_id"] in own_organizations) if chosen else {}


def list_metric_ids(row: Row, profile: ScoringProfile, as_of: date) -> list[UUID]:
    """Return the ids of the figures that count, as a final assessment keeps them."""
    return sorted(UUID(one.id) for figures in choose_for(row, profile, as_of).values() for one in figures)
