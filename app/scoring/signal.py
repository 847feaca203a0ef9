"""What systems report about a practice: the signal. It never votes and changes no score (scoring spec 10)."""

from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

from app.scoring.types import Practice
from app.scoring.votes import PracticeOutcome

#: Why a practice has no signal, although something was reported about it.
MISSING: Final = "metric_missing"
SMALL: Final = "small_denominator"
CONTRADICTION: Final = "feed_contradiction"


class Coverage(NamedTuple):
    """A figure of a metric, as it counts for an assessment.

    Attributes:
        numerator, denominator: what was counted, out of how many; None: the reader of the result may not see them.
        metric_id: the id of the stored figure; None: it came with the request. No digest depends on it.
    """

    numerator: int | None
    denominator: int | None
    period_start: date | None = None
    period_end: date | None = None
    metric_id: str | None = None

    @property
    def level(self) -> int | None:
        """The level that the figure maps to; None where it is withheld."""
        if self.numerator is None or self.denominator is None:
            return None
        return coverage_level(self.numerator, self.denominator)


class Signal(NamedTuple):
    """The signal of one practice.

    Attributes:
        level: the lowest level of the metrics; None with a reason.
        coverages: by the key of each metric that counts for the practice; None where nothing was reported.
    """

    level: int | None
    reason: str | None
    coverages: Mapping[str, Coverage | None]


def coverage_level(numerator: int, denominator: int) -> int:
    """Return the level that a coverage maps to: 2 from 4/5, 1 from 2/5, else 0. Compared exactly, as integers."""
    if numerator * 5 >= denominator * 4:
        return 2
    return 1 if numerator * 5 >= denominator * 2 else 0


def compute_signal(practice: Practice, coverages: Mapping[str, Coverage]) -> Signal | None:
    """Return the signal of a practice; None where nothing was reported about any of its metrics.

    Args:
        coverages: by the key of the metric.
    Source:
        scoring spec 10.
    """
    if not coverages:
        return None
    found = {metric: coverages.get(metric) for metric in practice.signal_metrics}
    known = [one for one in found.values() if one is not None]
    if not known:
        return None
    if len(known) < len(found):
        return Signal(None, MISSING, found)
    levels = [one.level for one in known]
    visible = [level for level in levels if level is not None]
    if len(visible) < len(levels):
        return Signal(None, SMALL, found)
    return Signal(min(visible), None, found)


def contradicts(signal: Signal | None, outcome: PracticeOutcome) -> bool:
    """Return whether the recorded consensus of a practice is a level above its signal."""
    if signal is None or signal.level is None or outcome.score is None:
        return False
    return outcome.source == "consensus" and outcome.score > signal.level
