"""The signal of HR systems: exact cuts, the lowest of a practice's metrics, and no influence on any score."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scoring import (
    AssessmentInput,
    Coverage,
    Instrument,
    Practice,
    assess,
    canonical_input,
    read_input,
    to_builtins,
)
from app.scoring.signal import coverage_level
from tests.scoring.make import DEFAULT_PROFILE, INSTRUMENT

METRICS = {"P1": ("training_coverage", "coaching_coverage"), "P2": ("fidelity_completion",)}
WITH_METRICS = Instrument(
    INSTRUMENT.key,
    INSTRUMENT.version,
    INSTRUMENT.content_hash,
    tuple(Practice(one.code, one.number, one.title, METRICS.get(one.code, ())) for one in INSTRUMENT.practices),
)


def make(
    coverages: dict[str, tuple[int | None, int | None]], consensus: dict[str, Any] | None = None
) -> AssessmentInput:
    return read_input(
        instrument=WITH_METRICS,
        profile=DEFAULT_PROFILE,
        consensus={code: (value, "Note") for code, value in (consensus or {}).items()},
        coverages={metric: Coverage(*one) for metric, one in coverages.items()},
    )


def practice(made: AssessmentInput, code: str = "P1") -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in to_builtins(assess(made))["practices"] if one["code"] == code)
    return found


@pytest.mark.parametrize(
    ("numerator", "denominator", "level"),
    [
        (4, 5, 2),
        (39, 50, 1),
        (2, 5, 1),
        (39, 100, 0),
        (0, 7, 0),
        (7, 7, 2),
        # As floats these would be on the other side, or equal.
        (1_599_999_999, 2_000_000_000, 1),
        (1_600_000_000, 2_000_000_000, 2),
        (799_999_999, 2_000_000_000, 0),
    ],
)
def test_a_coverage_maps_to_a_level_exactly(numerator: int, denominator: int, level: int) -> None:
    assert coverage_level(numerator, denominator) == level


def test_the_signal_is_the_lowest_level_of_the_metrics() -> None:
    signal = practice(make({"training_coverage": (34, 40), "coaching_coverage": (9, 12)}))["signal"]
    assert (signal["level"], signal["reason"]) == (1, None)
    assert [(one["metric"], one["level"]) for one in signal["metrics"]] == [
        ("training_coverage", 2),
        ("coaching_coverage", 1),
    ]


def test_a_missing_metric_leaves_no_level_and_nothing_reported_leaves_no_signal() -> None:
    made = make({"training_coverage": (34, 40)})
    signal = practice(made)["signal"]
    assert (signal["level"], signal["reason"]) == (None, "metric_missing")
    assert [one["reason"] for one in signal["metrics"]] == [None, "metric_missing"]
    assert practice(made, "P2")["signal"] is None


def test_a_withheld_figure_leaves_no_level() -> None:
    made = make({"training_coverage": (None, None), "coaching_coverage": (9, 12)}, {"P1": 2})
    found = practice(made)
    assert (found["signal"]["level"], found["signal"]["reason"]) == (None, "small_denominator")
    assert "feed_contradiction" not in found["flags"]


@pytest.mark.parametrize(
    ("consensus", "contradicts"), [(2, True), (1, False), (0, False), ("not_applicable", False), (None, False)]
)
def test_a_consensus_above_the_signal_is_flagged(consensus: Any, contradicts: bool) -> None:
    figures: dict[str, tuple[int | None, int | None]] = {"training_coverage": (34, 40), "coaching_coverage": (9, 12)}
    found = practice(make(figures, {} if consensus is None else {"P1": consensus}))
    assert ("feed_contradiction" in found["flags"]) == contradicts


COVERAGES = st.dictionaries(
    st.sampled_from(sorted(metric for keys in METRICS.values() for metric in keys)),
    st.integers(1, 60).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))),
)


@given(COVERAGES, st.dictionaries(st.sampled_from(WITH_METRICS.codes), st.integers(0, 2)))
def test_the_signal_changes_nothing_else(coverages: dict[str, Any], consensus: dict[str, int]) -> None:
    def rest(made: AssessmentInput) -> dict[str, Any]:
        result = to_builtins(assess(made))
        result.pop("input_hash")
        for one in result["practices"]:
            one.pop("signal")
            one["flags"] = [flag for flag in one["flags"] if flag != "feed_contradiction"]
        return result

    assert rest(make(coverages, consensus)) == rest(make({}, consensus))


def test_the_digest_names_figures_only_where_there_are_any() -> None:
    assert b"signals" not in canonical_input(make({"unrelated": (1, 2)}))
    assert b'"signals":[["training_coverage",1,2,null,null]]' in canonical_input(make({"training_coverage": (1, 2)}))
