"""The default profile holds the specification's defaults, and the schema refuses profiles that could not score."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from app.instruments.profile_document import ProfileDocument

Change = Callable[..., dict[str, Any]]
CODES = [f"P{number}" for number in range(1, 10)]


def test_the_default_profile_holds_the_defaults_of_the_specification(profile: dict[str, Any]) -> None:
    assert profile["weights"]["practices"] == dict.fromkeys(CODES, 1)
    assert profile["coverage_minimum"] == "4/5"
    assert profile["max_not_applicable"] == 2
    bands = [(band["key"], band["from"]) for band in profile["bands"]]
    assert bands == [("emerging", 0), ("developing", 40), ("advancing", 60), ("established", 80)]
    assert profile["gates"]["capped_at"] == "advancing"
    assert profile["quorum"] == {"share": "1/2", "minimum": 2}
    assert {label["key"]: label["from"] for label in profile["agreement_labels"]} == {
        "low": 0,
        "moderate": "3/5",
        "acceptable": "7/10",
    }
    assert profile["evidence"] == {"fresh_days": 180, "ageing_days": 365}
    assert profile["privacy"] == {"small_cell_k": 5, "small_cell_floor": 3, "comments_k": 10, "organizations_k": 10}
    assert profile["priority"] == {"importance": 3, "importance_where_level_2_is_expected": 5, "feasibility": 3}
    assert profile["rollup"] == {"window_days": 400}


@pytest.mark.parametrize(
    ("stage", "levels"),
    [
        ("exploration", [1, 0, 0, 0, 0, 1, 1, 1, 0]),
        ("installation", [2, 1, 1, 1, 1, 1, 2, 1, 1]),
        ("initial_implementation", [2, 2, 1, 2, 1, 2, 2, 2, 1]),
        ("full_implementation", [2, 2, 2, 2, 2, 2, 2, 2, 2]),
    ],
)
def test_a_stage_expects_what_the_specification_says(profile: dict[str, Any], stage: str, levels: list[int]) -> None:
    assert profile["stages"]["expected_levels"][stage] == dict(zip(CODES, levels, strict=True))


def test_the_default_profile_says_that_nothing_was_validated(profile: dict[str, Any]) -> None:
    assert "No cut-off in this profile" in profile["description"]["en"]
    assert "not a ranking or a sanction" in profile["description"]["en"]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("surprise",), 1, "extra_forbidden"),
        (("spec",), "fa9/2", "literal_error"),
        (("version",), "1", "string_pattern_mismatch"),
        (("license",), "", "string_too_short"),
        (("title", "en"), "\x00", "nul_character"),
        (("weights", "practices", "P1"), 101, "less_than_equal"),
        (("weights", "practices", "P1"), -1, "greater_than_equal"),
        (("weights", "practices", "P1"), 1.0, "int_type"),
        (("weights", "practices", "P1"), True, "int_type"),
        (("weights", "practices", "p 1"), 1, "string_pattern_mismatch"),
        (("coverage_minimum",), "6/5", "above_one"),
        (("coverage_minimum",), 2, "above_one"),
        (("max_not_applicable",), -1, "greater_than_equal"),
        (("bands", 0, "from"), 10, "cuts_out_of_order"),
        (("bands", 1, "from"), 60, "cuts_out_of_order"),
        (("bands", 3, "from"), 100, "cuts_out_of_order"),
        (("bands", 1, "key"), "emerging", "repeated"),
        (("bands", 3, "key"), "excellent", "gate_bands"),
        (("gates", "capped_at"), "established", "gate_bands"),
        (("gates", "capped_at"), "nowhere", "gate_bands"),
        (("gates", "refuse"), ["unscored", "unscored"], "repeated"),
        (("gates", "refuse"), ["weather"], "literal_error"),
        (("quorum", "share"), "3/2", "above_one"),
        (("agreement_labels", 2, "from"), "1/2", "cuts_out_of_order"),
        (("agreement_labels", 2, "from"), 1, "cuts_out_of_order"),
        (("priority", "importance"), 6, "less_than_equal"),
        (("priority", "feasibility"), 0, "greater_than_equal"),
        (("stages", "ready_from"), 101, "less_than_equal"),
        (("stages", "expected_levels", "exploration", "P1"), 3, "less_than_equal"),
        (("stages", "expected_levels", "exploration", "P10"), 1, "uneven_stages"),
        (("evidence", "fresh_days"), 366, "reversed_range"),
        (("evidence_rule", "substantiated", "items"), 1, "literal_error"),
        (("evidence_rule", "substantiated", "verified"), True, "int_type"),
        (("evidence_rule", "substantiated", "fresh"), 1.0, "int_type"),
        (("evidence_rule", "partial", "items"), True, "int_type"),
        (("evidence_rule", "needed", "2"), "partial", "fixed_by_specification"),
        (("privacy", "small_cell_k"), 2, "greater_than_equal"),
        (("privacy", "small_cell_k"), None, "int_type"),
        (("privacy", "small_cell_floor"), 2, "literal_error"),
        (("privacy", "small_cell_floor"), 3.0, "int_type"),
        (("privacy", "comments_k"), 0, "greater_than_equal"),
        (("privacy", "organizations_k"), 1, "greater_than_equal"),
        (("rollup", "window_days"), 0, "greater_than_equal"),
    ],
)
def test_a_spoilt_profile_is_refused(
    profile: dict[str, Any], change: Change, path: tuple[str | int, ...], value: Any, reason: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        ProfileDocument.model_validate(change(profile, path, value))
    assert {error["type"] for error in caught.value.errors()} == {reason}


@pytest.mark.parametrize("value", [0.8, "0,8", "1e9", "4/0", "-1/2", "4/5\n", "NaN", True, None, "\u0664/\u0665"])
def test_a_share_is_an_exact_number(profile: dict[str, Any], change: Change, value: Any) -> None:
    with pytest.raises(ValidationError):
        ProfileDocument.model_validate(change(profile, ("coverage_minimum",), value))


@pytest.mark.parametrize("value", [0, 1, "4/5", "0.8"])
def test_a_share_may_be_written_in_several_ways(profile: dict[str, Any], change: Change, value: Any) -> None:
    assert ProfileDocument.model_validate(change(profile, ("coverage_minimum",), value)).coverage_minimum == value


@pytest.mark.parametrize("part", ["privacy", "license", "weights", "stages", "evidence_rule"])
def test_a_profile_leaves_nothing_unset(profile: dict[str, Any], change: Change, part: str) -> None:
    with pytest.raises(ValidationError, match="Field required"):
        ProfileDocument.model_validate(change(profile, (part,)))
