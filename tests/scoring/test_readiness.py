"""Readiness, bounds, bands and gates (scoring spec 3), priorities (7) and stages (8)."""

from fractions import Fraction

import pytest

from app.scoring import NOT_APPLICABLE, assess
from app.scoring.readiness import find_band, readiness_of_scores
from app.scoring.types import Finding
from tests.scoring import make
from tests.scoring.make import NA, Row


def scores(*values: int | None) -> dict[str, int | None]:
    return {f"P{number}": value for number, value in enumerate(values, 1)}


def test_readiness_takes_any_scores_and_stays_exact() -> None:
    figures = readiness_of_scores(scores(2, 1, 1, 2, 0, 1, 2, 1, 1), make.DEFAULT_PROFILE)
    assert figures.mean == Fraction(11, 9)
    assert figures.readiness == Fraction(550, 9)
    assert figures.in_place_share == Fraction(100, 3)
    assert figures.at_least_partial_share == Fraction(800, 9)
    assert figures.coverage == 1
    assert figures.bounds == (Fraction(550, 9), Fraction(550, 9))
    assert (figures.band, figures.reason, figures.band_reason, figures.cap_reasons) == ("advancing", None, None, ())


def test_nothing_scored_has_no_readiness_and_the_widest_bounds() -> None:
    result = make.assess()
    assert (result["readiness"], result["readiness_mean"], result["reason"]) == (None, None, "nothing_scored")
    assert (result["band"], result["band_reason"], result["coverage"]) == (None, "nothing_scored", 0.0)
    assert (result["in_place_share"], result["at_least_partial_share"]) == (None, None)
    assert result["bounds"] == [0.0, 100.0]
    assert result["path_to_established"] == {"practices": None, "moves": None, "reason": "unscored"}
    figures = readiness_of_scores(scores(None), make.DEFAULT_PROFILE)
    assert (figures.mean, figures.readiness, figures.in_place_share, figures.at_least_partial_share) == (None,) * 4


def test_weights_of_nothing_leave_counts_but_no_readiness() -> None:
    result = make.assess(levels=[2] * 9, profile=make.weighted({}, default=0))
    assert (result["readiness"], result["bounds"], result["reason"]) == (None, None, "nothing_scored")
    assert (result["in_place_share"], result["coverage"]) == (100.0, 1.0)
    assert result["path_to_established"] == {"practices": None, "moves": None, "reason": "nothing_scored"}
    assert result["practices"][0]["contribution"] is None


def test_a_weight_of_zero_leaves_the_sums_but_counts_in_shares_and_gates() -> None:
    result = make.assess(levels=[0] + [2] * 8, profile=make.weighted({"P1": 0}))
    assert (result["readiness"], result["in_place_share"]) == (100.0, 88.888889)
    assert (result["band"], result["cap_reasons"]) == (
        "advancing",
        [{"reason": "practice_at_zero", "practices": ["P1"]}],
    )
    assert result["path_to_established"]["practices"] == ["P1"]


def test_three_practices_not_applicable_are_too_many_whatever_the_coverage() -> None:
    result = make.assess(levels=[NA, NA, NA, 2, 2, 1])
    assert (result["reason"], result["band_reason"]) == ("too_many_not_applicable", "too_many_not_applicable")
    assert (result["readiness"], result["readiness_mean"], result["bounds"], result["band"]) == (None,) * 4
    assert (result["coverage"], result["in_place_share"], result["at_least_partial_share"]) == (0.5, 66.666667, 100.0)
    assert result["path_to_established"]["reason"] == "too_many_not_applicable"
    assert make.assess(levels=[NA, NA] + [2] * 7)["band"] == "established"


def test_nothing_applicable_has_no_coverage() -> None:
    result = make.assess(levels=[NA] * 9)
    assert (result["coverage"], result["reason"]) == (None, "too_many_not_applicable")
    assert readiness_of_scores(scores(NOT_APPLICABLE), make.DEFAULT_PROFILE).coverage is None
    assert readiness_of_scores(scores(NOT_APPLICABLE), make.DEFAULT_PROFILE).bounds is None
    assert readiness_of_scores(scores(NOT_APPLICABLE), make.DEFAULT_PROFILE).reason == "nothing_scored"
    assert result["priorities"] == []


def test_coverage_of_exactly_four_fifths_keeps_the_band() -> None:
    assert readiness_of_scores(scores(1, 1, 1, 1, None), make.DEFAULT_PROFILE).band == "developing"
    short = readiness_of_scores(scores(1, 1, 1, None), make.DEFAULT_PROFILE)
    assert (short.band, short.band_reason) == (None, "insufficient_coverage")
    assert (short.readiness, short.reason) == (Fraction(50), None)


@pytest.mark.parametrize(
    ("numerator", "denominator", "band"),
    [
        (0, 1, "emerging"),
        (39_999_999, 1_000_000, "emerging"),
        (40, 1, "developing"),
        (59_999_999, 1_000_000, "developing"),
        (60, 1, "advancing"),
        (79_999_999_999, 1_000_000_000, "advancing"),
        (80, 1, "established"),
        (100, 1, "established"),
    ],
)
def test_bands_include_their_lower_cut_and_compare_exactly(numerator: int, denominator: int, band: str) -> None:
    assert find_band(numerator, denominator, make.DEFAULT_PROFILE) == band


def test_established_is_withheld_with_every_reason_named() -> None:
    given = scores(0, 2, 2, 2, 2, 2, 2, 2, None)
    figures = readiness_of_scores(given, make.DEFAULT_PROFILE, provisional={"P2", "P3"})
    assert (figures.readiness, figures.band) == (Fraction(175, 2), "advancing")
    assert figures.cap_reasons == (
        Finding("practice_at_zero", ("P1",)),
        Finding("unscored", ("P9",)),
        Finding("provisional", ("P2", "P3")),
    )


def test_only_established_is_capped() -> None:
    figures = readiness_of_scores(scores(0, 2, 2, 2, 1, 1, 1, 1, None), make.DEFAULT_PROFILE, provisional={"P2"})
    assert (figures.band, figures.cap_reasons) == ("advancing", ())
    assert readiness_of_scores(scores(*[2] * 9), make.DEFAULT_PROFILE).band == "established"


def test_a_profile_may_drop_a_gate() -> None:
    gates = {"band": "established", "capped_at": "developing", "refuse": ["unscored"]}
    profile = make.profile(gates=gates)
    assert readiness_of_scores(scores(0, *[2] * 8), profile).band == "established"
    assert readiness_of_scores(scores(None, *[2] * 8), profile).band == "developing"
    result = make.assess(levels=[0] + [2] * 8, profile=profile)
    assert result["band"] == "established"


def test_the_path_ends_without_zeros_whatever_the_gates() -> None:
    profile = make.profile(gates={"band": "established", "capped_at": "developing", "refuse": ["unscored"]})
    result = make.assess(levels=[0] + [2] * 8, profile=profile)
    assert result["path_to_established"] == {"practices": ["P1"], "moves": 1, "reason": None}


def test_contributions_sum_to_readiness() -> None:
    result = make.assess(levels=[2, 1, 1, 2, 0, 1, 2, NA], profile=make.weighted({"P1": 7, "P3": 0, "P4": 13}))
    parts = [practice["contribution"] for practice in result["practices"]]
    assert parts[2] == parts[4] == 0.0
    assert parts[7] is None
    assert parts[8] is None
    assert sum(filter(None, parts)) == pytest.approx(result["readiness"], abs=1e-5)
    assert result["sums"] == {"weighted_sum": 44, "weight_scored": 24, "weight_applicable": 25}
    assert result["counts"] == {"practices": 9, "applicable": 8, "scored": 7, "not_applicable": 1, "unscored": 1}


def test_what_was_left_out_is_listed() -> None:
    rows: list[Row] = [[1, 1, 1], [NA, NA, 1], [], ["dont_know"] * 3, [1, 2], [0, 0, 0]]
    entries = make.assess(rows, seats=4)["left_out"]
    assert entries[:3] == [
        {"figure": "readiness", "reason": reason, "practices": practices, "respondents": None}
        for reason, practices in (
            ("insufficient_knowledge", ["P4"]),
            ("majority_not_applicable", ["P2"]),
            ("no_votes", ["P3", "P7", "P8", "P9"]),
        )
    ]
    found = {(entry["figure"], entry["reason"]): entry["practices"] or entry["respondents"] for entry in entries[3:]}
    assert found == {
        ("agreement.r_star_wg_j", "not_applicable"): ["P2"],
        ("agreement.r_star_wg_j", "too_few_votes"): ["P3", "P4", "P5", "P7", "P8", "P9"],
        ("agreement.alpha_ordinal", "not_applicable"): ["P2"],
        ("agreement.alpha_ordinal", "too_few_votes"): ["P3", "P4", "P7", "P8", "P9"],
        ("agreement.pairwise_exact", "not_applicable"): ["P2"],
        ("agreement.pairwise_exact", "too_few_votes"): ["P3", "P4", "P7", "P8", "P9"],
        ("perception", "insufficient_coverage"): 3,
        ("perception", "no_votes"): 1,
    }


class TestPriorities:
    def test_importance_follows_the_stage_unless_it_is_given(self) -> None:
        result = make.assess(levels=[1] * 9, stage="installation", importance={"P7": 2}, feasibility={"P2": 4})
        importance = [tuple(practice["importance"].values()) for practice in result["practices"]]
        assert importance[0] == (5, "stage")
        assert importance[6] == (2, "given")
        assert importance[1] == (3, "default")
        feasibility = [tuple(practice["feasibility"].values()) for practice in result["practices"][:2]]
        assert feasibility == [(3, "default"), (4, "given")]
        assert [practice["expected_level"] for practice in result["practices"]] == [2, 1, 1, 1, 1, 1, 2, 1, 1]

    def test_an_unscored_practice_has_the_whole_gap_and_says_so(self) -> None:
        result = make.assess(levels=[None] + [2] * 8)
        assert result["priorities"][0] == {
            "rank": 1,
            "practice": "P1",
            "priority": 36.0,
            "gap": 1.0,
            "importance": 3,
            "feasibility": 3,
            "flags": ["gap_unknown"],
        }
        practice = result["practices"][0]
        assert (practice["gap"], practice["priority"]) == (1.0, 36.0)
        assert "gap_unknown" in practice["flags"]

    def test_a_practice_that_does_not_apply_has_no_priority(self) -> None:
        result = make.assess(levels=[NA] + [1] * 8)
        assert "P1" not in [item["practice"] for item in result["priorities"]]
        assert (result["practices"][0]["gap"], result["practices"][0]["priority"]) == (None, None)

    def test_ties_go_to_lower_score_then_importance_then_number(self) -> None:
        result = make.assess(
            levels=[1, 0, 1, 1, 1, 2, 2, 2, 2],
            importance={"P1": 2, "P2": 2, "P3": 4, "P4": 2, "P5": 1},
            feasibility={"P1": 4, "P2": 2, "P3": 2, "P4": 4, "P5": 1},
        )
        assert [item["practice"] for item in result["priorities"][:5]] == ["P2", "P3", "P1", "P4", "P5"]

    def test_the_gap_on_the_wire_is_the_exact_one(self) -> None:
        result = assess(make.inputs(levels=[0, 1, 2]))
        gaps = {item.practice: item.gap for item in result.priorities}
        assert [gaps[code] for code in make.CODES[:4]] == [1, Fraction(1, 2), 0, 1]
        assert [practice.gap for practice in result.practices[:4]] == [1.0, 0.5, 0.0, 1.0]


class TestStages:
    def test_without_a_stage_there_is_no_attainment(self) -> None:
        result = make.assess(levels=[1] * 9)
        expected = {"value": None, "reason": "no_stage", "attained": None, "expected": None}
        assert result["stage_attainment"] == {**expected, "ready_to_advance": None, "blocking": []}
        assert result["practices"][0]["expected_level"] is None

    def test_nothing_scored_attains_nothing(self) -> None:
        assert make.assess(stage="installation")["stage_attainment"]["reason"] == "nothing_scored"

    def test_what_is_scored_may_be_what_is_not_expected(self) -> None:
        result = make.assess(levels=[None, 1], stage="exploration")
        assert result["stage_attainment"]["reason"] == "nothing_expected"

    def test_practices_that_do_not_apply_are_not_expected(self) -> None:
        attained = make.assess(levels=[NA, 2, 2, 2, 2, 2, 2, 2, 2], stage="full_implementation")["stage_attainment"]
        assert (attained["attained"], attained["expected"], attained["value"]) == (16, 16, 100.0)
        assert attained["ready_to_advance"] is True

    def test_levels_beyond_the_expected_do_not_make_up_for_others(self) -> None:
        attained = make.assess(levels=[1, 2, 2, 2, 2, 1, 1, 1, 2], stage="installation")["stage_attainment"]
        assert (attained["attained"], attained["expected"], attained["ready_to_advance"]) == (9, 11, True)

    def test_advancing_waits_for_attainment_zeros_and_unscored_practices(self) -> None:
        low = make.assess(levels=[1, 1, 1, 1, 1, 1, 1, 0, None], stage="installation")["stage_attainment"]
        assert low["value"] == 70.0
        assert low["ready_to_advance"] is False
        assert low["blocking"] == [
            {"reason": "attainment_too_low", "practices": ["P1", "P7", "P8"]},
            {"reason": "practice_at_zero", "practices": ["P8"]},
            {"reason": "unscored", "practices": ["P9"]},
        ]

    def test_a_zero_of_which_nothing_is_expected_does_not_block(self) -> None:
        attained = make.assess(levels=[1, 0, 0, 0, 0, 1, 1, 1, 0], stage="exploration")["stage_attainment"]
        assert (attained["value"], attained["ready_to_advance"]) == (100.0, True)

    def test_attainment_of_exactly_the_cut_is_enough(self) -> None:
        attained = make.assess(levels=[2, 2, 2, 1, 1, NA, NA], stage="full_implementation")["stage_attainment"]
        assert attained["value"] == 80.0
        assert attained["blocking"] == [{"reason": "unscored", "practices": ["P8", "P9"]}]

    def test_a_practice_the_profile_does_not_know_is_not_expected(self) -> None:
        stages = {
            "ready_from": 80,
            "expected_levels": {stage: {"P1": 1} for stage in make.DEFAULT_PROFILE.expected_levels},
        }
        profile = make.profile(stages=stages)
        result = make.assess(levels=[1] + [0] * 8, profile=profile, stage="exploration")
        assert result["stage_attainment"]["ready_to_advance"] is True
        assert result["practices"][1]["expected_level"] is None


def test_readiness_is_never_rescaled_by_stage() -> None:
    results = [make.assess(levels=[1] * 9, stage=stage) for stage in (None, "exploration", "full_implementation")]
    assert {result["readiness"] for result in results} == {50.0}
