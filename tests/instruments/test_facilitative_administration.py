"""The Facilitative Administration instrument is complete: the design's table, practice by practice."""

import json
from typing import Any

import pytest

from app.instruments.document import EvidenceKind, InstrumentDocument, Practice

PRACTICES = {
    "P1": ("staff_competency_resources", ["training_coverage", "coaching_coverage", "budget_execution"], 5),
    "P2": ("consistent_fidelity_assessment", ["fidelity_completion", "feedback_lag_days"], 5),
    "P3": ("decision_support_data_system", ["data_active_user_rate", "contract_days_left"], 5),
    "P4": ("internal_policy_alignment", ["policy_currency", "open_policy_conflicts"], 5),
    "P5": ("roles_structures_adjusted", ["fte_assigned_vs_needed", "role_changes_effective"], 4),
    "P6": ("bidirectional_communication", ["loop_closure_rate", "median_response_days", "service_user_share"], 4),
    "P7": ("visible_promotion", ["leader_presence_rate", "question_answer_rate"], 4),
    "P8": ("problem_solving", ["barrier_resolution_rate", "median_days_open"], 4),
    "P9": ("recognition", ["recognition_reach", "role_equity_ratio"], 5),
}


@pytest.fixture
def document(instrument: dict[str, Any]) -> InstrumentDocument:
    return InstrumentDocument.model_validate(instrument)


@pytest.fixture(params=PRACTICES)
def practice(request: pytest.FixtureRequest, document: InstrumentDocument) -> Practice:
    return next(practice for practice in document.practices if practice.code == request.param)


def test_it_has_the_nine_practices_in_order(document: InstrumentDocument) -> None:
    assert {p.code: p.slug for p in document.practices} == {code: slug for code, (slug, _, _) in PRACTICES.items()}
    assert [p.code for p in document.practices] == list(PRACTICES)


def test_a_practice_names_its_metrics(practice: Practice) -> None:
    assert [metric.key for metric in practice.metrics] == PRACTICES[practice.code][1]
    assert any(metric.signal for metric in practice.metrics)


def test_a_practice_suggests_its_actions(practice: Practice) -> None:
    assert len(practice.suggested_actions) == PRACTICES[practice.code][2]
    assert {action.expected_level for action in practice.suggested_actions} == {1, 2}


def test_a_practice_helps_the_facilitator(practice: Practice) -> None:
    assert practice.question["en"].endswith("?")
    assert len(practice.prompts) >= 3
    assert len(practice.description["en"]) > 150
    assert {level: len(indicators) >= 3 for level, indicators in practice.indicators.items()} == {
        "2": True,
        "1": True,
        "0": True,
    }


def test_level_two_can_be_substantiated_with_the_evidence_listed(practice: Practice) -> None:
    assert len(set(practice.evidence_kinds) - {EvidenceKind.TESTIMONY}) >= 2
    assert {hint.kind for hint in practice.evidence_to_look_for} == set(practice.evidence_kinds)


def test_a_figure_of_the_design_is_kept(document: InstrumentDocument) -> None:
    for code in ("P2", "P6"):
        practice = next(practice for practice in document.practices if practice.code == code)
        assert any("80 %" in indicator.text["en"] for indicator in practice.indicators["2"])


def test_the_scale_has_three_levels_and_two_other_answers(document: InstrumentDocument) -> None:
    assert {level.value: level.name["en"] for level in document.scale.levels} == {
        2: "In place",
        1: "Partially in place",
        0: "Not in place",
    }
    assert [answer.code for answer in document.scale.other_answers] == ["dont_know", "not_applicable"]


def test_its_origin_and_license_are_stated(document: InstrumentDocument) -> None:
    assert document.license == "CC-BY-4.0"
    assert [citation.code for citation in document.citation] == ["fixsen-2005", "metz-bartley-2012"]
    assert "no items" in document.derived_from["en"]
    assert document.limitations is not None
    assert "not been validated" in document.limitations["en"]


def test_its_administration_is_described(document: InstrumentDocument) -> None:
    administration = document.administration
    roles = {role.key: role for role in administration.roles}
    assert set(roles) == {"administrator", "facilitator", "note_taker", "respondent", "observer"}
    assert (roles["administrator"].minimum, roles["administrator"].maximum) == (1, 1)
    assert (administration.team.minimum, administration.team.maximum) == (3, 8)
    codes = {item.code for item in administration.checklist}
    assert {"roles_present", "evidence_reviewed_first", "duration_minutes", "deviations"} <= codes
    steps = [step.code for step in administration.steps]
    assert steps.index("review_evidence") < steps.index("vote_sealed") < steps.index("reveal_together")


def test_another_language_can_be_added_to_every_text(instrument: dict[str, Any]) -> None:
    def with_spanish(node: dict[str, Any]) -> dict[str, Any]:
        return node | {"es": node["en"]} if "en" in node else node

    spanish = json.loads(json.dumps(instrument), object_hook=with_spanish)
    document = InstrumentDocument.model_validate(spanish)
    original = InstrumentDocument.model_validate(instrument)
    assert document.practices[0].title["es"] == document.practices[0].title["en"]
    assert [list(p.part_codes()) for p in document.practices] == [list(p.part_codes()) for p in original.practices]
