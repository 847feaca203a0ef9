"""The scoring profile: the defaults of the specification as data, and what a document may not say."""

from copy import deepcopy
from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import Any

import pytest

from app.instruments.shipped import shipped_profiles
from app.scoring import ScoringProfile, content_hash
from tests.scoring import make

DEFAULT_PROFILE_DOCUMENT = shipped_profiles()[0].document


def test_the_shipped_profile_holds_the_defaults_of_the_specification() -> None:
    profile = make.DEFAULT_PROFILE
    assert profile.coverage_minimum == Fraction(4, 5)
    assert profile.max_not_applicable == 2
    assert [(band.key, band.lower) for band in profile.bands] == [
        ("emerging", Fraction(0)),
        ("developing", Fraction(40)),
        ("advancing", Fraction(60)),
        ("established", Fraction(80)),
    ]
    assert (profile.gated_band, profile.capped_band) == ("established", "advancing")
    assert profile.gates == ("practice_at_zero", "unscored", "provisional")
    assert (profile.quorum_share, profile.quorum_minimum) == (Fraction(1, 2), 2)
    labels = [(label.key, label.lower) for label in profile.agreement_labels]
    assert labels == [("low", 0), ("moderate", Fraction(3, 5)), ("acceptable", Fraction(7, 10))]
    assert (profile.importance, profile.feasibility, profile.importance_expected_two) == (3, 3, 5)
    assert (profile.ready_from, profile.established_from) == (Fraction(80), Fraction(80))
    assert (profile.fresh_days, profile.ageing_days) == (180, 365)
    assert (profile.small_cell_k, profile.comments_k) == (5, 10)
    assert {code: profile.weight(code) for code in make.CODES} == dict.fromkeys(make.CODES, 1)


@pytest.mark.parametrize(
    ("stage", "levels"),
    [
        ("exploration", "100001110"),
        ("installation", "211111211"),
        ("initial_implementation", "221212221"),
        ("full_implementation", "222222222"),
    ],
)
def test_stages_expect_the_levels_of_the_specification(stage: str, levels: str) -> None:
    assert make.DEFAULT_PROFILE.expected_levels_of(stage, make.CODES) == [int(level) for level in levels]
    assert make.DEFAULT_PROFILE.expected_levels_of(stage, ["P10"]) == [None]
    assert make.DEFAULT_PROFILE.expected_levels_of(None, ["P1"]) == [None]


def test_the_hash_is_that_of_the_document() -> None:
    assert make.DEFAULT_PROFILE.content_hash == content_hash(DEFAULT_PROFILE_DOCUMENT)
    assert make.weighted({"P1": 2}).content_hash != make.DEFAULT_PROFILE.content_hash


def test_a_profile_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        make.DEFAULT_PROFILE.max_not_applicable = 9  # type: ignore[misc]


@pytest.mark.parametrize("k", [None, 0, 2, -5, "5", True, 4.0])
def test_an_unset_or_invalid_k_is_the_default(k: object) -> None:
    document = deepcopy(DEFAULT_PROFILE_DOCUMENT)
    # A float has no canonical form here, so it never reaches a hashed document.
    if isinstance(k, float):
        document["privacy"] = {"small_cell_k": k}
        with pytest.raises(ValueError, match="float"):
            ScoringProfile.from_document(document)
        return
    assert make.profile(privacy={"small_cell_k": k, "comments_k": k}).small_cell_k == 5
    assert make.profile(privacy={"small_cell_k": k, "comments_k": k}).comments_k == 10


def test_a_k_may_be_raised_or_lowered_to_three() -> None:
    profile = make.profile(privacy={"small_cell_k": 3, "comments_k": 12})
    assert (profile.small_cell_k, profile.comments_k) == (3, 12)
    del (document := deepcopy(DEFAULT_PROFILE_DOCUMENT))["privacy"]
    assert ScoringProfile.from_document(document).small_cell_k == 5


@pytest.mark.parametrize("exact", ["4/5", "0.8", "0.800"])
def test_exact_numbers_may_be_written_in_two_ways(exact: str) -> None:
    assert make.profile(coverage_minimum=exact).coverage_minimum == Fraction(4, 5)


BANDS = DEFAULT_PROFILE_DOCUMENT["bands"]
GATES = DEFAULT_PROFILE_DOCUMENT["gates"]
STAGES = DEFAULT_PROFILE_DOCUMENT["stages"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spec": "fa9/2"}, "profile.spec must be fa9/1"),
        ({"key": ""}, "key must be text"),
        ({"version": 1}, "version must be text"),
        ({"surprise": 1}, "profile has unknown keys: surprise"),
        ({"weights": []}, "weights must be an object"),
        ({"weights": {"default": 1}}, "weights lacks practices"),
        ({"weights": {"default": 101, "practices": {}}}, "weights.default must be an integer from 0 to 100"),
        ({"weights": {"default": 1, "practices": {"P1": True}}}, "weights.practices.P1 must be an integer"),
        ({"weights": {"default": 1, "practices": {"P1": -1}}}, "weights.practices.P1"),
        ({"weights": {"default": 1, "practices": []}}, "weights.practices must be an object"),
        ({"weights": {"default": 1, "practices": {7: 1}}}, "weights.practices must be text"),
        ({"coverage_minimum": "6/5"}, "coverage_minimum must be a number from 0 to 1"),
        ({"coverage_minimum": 0.8}, "coverage_minimum"),
        ({"coverage_minimum": True}, "coverage_minimum"),
        ({"coverage_minimum": -1}, "coverage_minimum"),
        ({"coverage_minimum": "1e999999999"}, "coverage_minimum"),
        ({"coverage_minimum": "1/0"}, "coverage_minimum"),
        ({"coverage_minimum": "\u0661"}, "coverage_minimum"),
        ({"max_not_applicable": None}, "max_not_applicable must be an integer"),
        ({"bands": BANDS[:1]}, "bands must be a list of at least 2"),
        ({"bands": "all"}, "bands must be a list"),
        ({"bands": BANDS[1:]}, "bands must begin at 0 and ascend"),
        ({"bands": [BANDS[0], BANDS[2], BANDS[1], BANDS[3]]}, "bands must begin at 0 and ascend"),
        ({"bands": [{"key": "established", "from": 0}, BANDS[3]]}, "bands must have distinct keys"),
        ({"bands": [BANDS[0], {"key": "x", "from": 101}]}, r"bands\[1\].from must be a number from 0 to 100"),
        ({"bands": [BANDS[0], {"key": "x"}]}, r"bands\[1\] lacks from"),
        ({"gates": {**GATES, "band": "advancing"}}, "gates.band must be the highest band"),
        ({"gates": {**GATES, "capped_at": "established"}}, "gates.capped_at must be a lower band"),
        ({"gates": {**GATES, "refuse": ["other"]}}, "gates.refuse must be a list of"),
        ({"gates": {**GATES, "refuse": "unscored"}}, "gates.refuse must be a list of"),
        ({"quorum": {"share": "1/2", "minimum": -1}}, "quorum.minimum"),
        ({"quorum": {"share": 2, "minimum": 2}}, "quorum.share"),
        ({"agreement_labels": []}, "agreement_labels must be a list of at least 1"),
        ({"priority": {"importance": 3, "feasibility": 3}}, "priority lacks importance_where_level_2_is_expected"),
        (
            {"priority": {"importance": 0, "feasibility": 3, "importance_where_level_2_is_expected": 5}},
            "priority.importance must be an integer from 1 to 5",
        ),
        ({"stages": {**STAGES, "expected_levels": {}}}, "stages.expected_levels lacks exploration"),
        ({"stages": {**STAGES, "ready_from": 101}}, "stages.ready_from"),
        (
            {"stages": {**STAGES, "expected_levels": {**STAGES["expected_levels"], "installation": {"P1": 3}}}},
            "stages.expected_levels.installation.P1 must be an integer from 0 to 2",
        ),
        ({"evidence": {"fresh_days": 365, "ageing_days": 180}}, "evidence.ageing_days must be an integer from 365"),
    ],
)
def test_a_wrong_document_is_refused_by_the_place_that_is_wrong(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make.profile(**changes)


def test_a_profile_must_be_an_object_with_every_section() -> None:
    with pytest.raises(ValueError, match="profile must be an object"):
        ScoringProfile.from_document([])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="profile lacks key"):
        ScoringProfile.from_document({})
