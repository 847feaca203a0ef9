"""Every worked value of the specification that belongs to sections 1 to 5, 7 and 8."""

from fractions import Fraction
from typing import Any

import pytest

from app.scoring import count_votes, parse_vote, respondent_readiness
from app.scoring.agreement import ordinal_alpha, r_star_wg_j, within_group_agreement
from app.scoring.path import cheapest_path
from app.scoring.perception import mean_and_interval
from app.scoring.priorities import compute_priority
from app.scoring.rounding import fraction_to_wire
from app.scoring.votes import lower_median
from tests.scoring import make
from tests.scoring.make import Row
from tests.support.known import known

READINESS_KEYS = ("readiness_mean", "readiness", "in_place_share", "at_least_partial_share", "coverage")


def test_the_votes_give_the_golden_scores(golden: dict[str, Any], golden_rows: list[Row]) -> None:
    result = make.assess(golden_rows)
    assert [practice["score"] for practice in result["practices"]] == golden["scores"]


@pytest.mark.parametrize("key", READINESS_KEYS)
def test_readiness_figures_match(golden: dict[str, Any], golden_rows: list[Row], key: str) -> None:
    assert make.assess(golden_rows)[key] == golden["readiness"][key]
    assert make.assess(levels=golden["scores"])[key] == golden["readiness"][key]


def test_the_band_matches_if_all_is_consensus(golden: dict[str, Any]) -> None:
    result = make.assess(levels=golden["scores"])
    assert result["band"] == golden["readiness"]["band_if_all_consensus"]
    assert result["bounds"] == [result["readiness"]] * 2


def test_the_path_matches_and_is_no_greedy_one(golden: dict[str, Any]) -> None:
    feasibility = dict(zip(make.CODES, golden["readiness"]["path_feasibility"], strict=True))
    result = make.assess(levels=golden["scores"], feasibility=feasibility)
    path = golden["readiness"]["path_to_established"]
    assert result["path_to_established"] == {"practices": path, "moves": len(path), "reason": None}


@pytest.mark.parametrize("index", range(4))
def test_variants_match(golden: dict[str, Any], index: int) -> None:
    variant = golden["readiness_variants"][index]
    levels, profile = list(golden["scores"]), make.DEFAULT_PROFILE
    match variant["change"]:
        case "P5 not applicable":
            levels[4] = "not_applicable"
        case "P1 has weight 2":
            profile = make.weighted({"P1": 2})
        case "P9 unscored":
            levels[8] = None
        case "P4 and P9 unscored":
            levels[3] = levels[8] = None
    result = make.assess(levels=levels, profile=profile)
    expected = {key: value for key, value in variant.items() if key not in {"change", "reason"}}
    assert {key: result[key] for key in expected} == expected
    assert result["band_reason"] == variant.get("reason")


def test_lower_medians_match(golden: dict[str, Any]) -> None:
    for votes, median in golden["median_low"]:
        assert lower_median(count_votes([parse_vote(vote) for vote in votes])) == median
        assert make.assess([votes])["practices"][0]["score"] == median


def test_unscored_reasons_match(golden: dict[str, Any]) -> None:
    for votes, reason in golden["unscored"]:
        practice = make.assess([votes])["practices"][0]
        assert (practice["status"], practice["score"], practice["reason"]) == ("unscored", None, reason)


def test_agreement_matches(golden: dict[str, Any], golden_rows: list[Row]) -> None:
    result, expected = make.assess(golden_rows), golden["agreement"]
    assert [practice["r_wg"]["value"] for practice in result["practices"]] == expected["r_wg"]
    for key in ("alpha_ordinal", "r_star_wg_j", "pairwise_exact"):
        assert (result["agreement"][key]["value"], result["agreement"][key]["reason"]) == (expected[key], None)


def test_r_wg_cases_match(golden: dict[str, Any]) -> None:
    for votes, value in golden["r_wg_cases"]:
        assert fraction_to_wire(within_group_agreement(count_votes(votes)).value) == value


def test_r_wg_is_exact_where_floats_are_not() -> None:
    assert within_group_agreement(count_votes([2, 1, 1, 1, 1, 0])).value == Fraction(2, 5)


def test_alpha_cases_match(golden: dict[str, Any]) -> None:
    for case in golden["alpha_cases"]:
        units = [count_votes(column) for column in zip(*case["raters_by_practice"], strict=True)]
        assert fraction_to_wire(ordinal_alpha(units).value) == case["alpha"]


def test_the_paradox_matches(golden: dict[str, Any]) -> None:
    units = [count_votes([2] * 5)] * 8 + [count_votes([2, 2, 2, 2, 1])]
    (expected,) = golden["paradox"].values()
    assert fraction_to_wire(ordinal_alpha(units).value) == expected["alpha"]
    assert fraction_to_wire(r_star_wg_j(units).value) == expected["r_star_wg_j"]


def test_perception_matches(golden: dict[str, Any], golden_rows: list[Row]) -> None:
    expected = golden["perception"]
    own = respondent_readiness(make.inputs(golden_rows))
    assert [fraction_to_wire(value) for value in own.values()] == list(expected["by_respondent"].values())
    perception = make.assess(golden_rows)["perception"]
    assert (perception["mean"], perception["ci95"]) == (expected["mean"], expected["ci95"])
    assert (perception["respondents"], perception["excluded"]) == (5, [])


def test_the_interval_by_hand_matches(golden: dict[str, Any]) -> None:
    case = golden["perception"]["hand_case"]
    interval = known(mean_and_interval([(value, 1) for value in case["values"]]))
    assert [round(limit, 6) for limit in known(interval.ci95)] == case["ci95"]


def test_priorities_match(golden: dict[str, Any]) -> None:
    expected = golden["priority"]
    importance = dict(zip(make.CODES, expected["importance"], strict=True))
    feasibility = dict(zip(make.CODES, expected["feasibility"], strict=True))
    result = make.assess(levels=golden["scores"], importance=importance, feasibility=feasibility)
    assert {item["practice"]: item["priority"] for item in result["priorities"]} == expected["values"]
    assert [item["practice"] for item in result["priorities"] if item["priority"]] == expected["order"]
    assert [item["rank"] for item in result["priorities"]] == list(range(1, 10))
    assert compute_priority("P5", 0, 4, 3).value == expected["values"]["P5"]


def test_stage_attainments_match(golden: dict[str, Any]) -> None:
    for stage, value in golden["stage_attainment"].items():
        assert make.assess(levels=golden["scores"], stage=stage)["stage_attainment"]["value"] == value


def test_a_path_of_nothing_is_none() -> None:
    assert cheapest_path([], Fraction(80)) is None
