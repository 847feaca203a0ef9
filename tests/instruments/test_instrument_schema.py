"""The schema of instruments refuses documents that could not be administered, scored or shown."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from app.instruments.document import InstrumentDocument

Change = Callable[..., dict[str, Any]]
P1 = ("practices", 0)
METRIC = (*P1, "metrics", 0)


def refusal(document: dict[str, Any]) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        InstrumentDocument.model_validate(document)
    return {error["type"] for error in caught.value.errors()}


@pytest.mark.parametrize(
    "path",
    [
        ("license",),
        ("citation",),
        ("derived_from",),
        ("purpose",),
        ("scale",),
        ("administration",),
        ("administration", "checklist"),
        (*P1, "question"),
        (*P1, "indicators"),
        (*P1, "prompts"),
        (*P1, "evidence_kinds"),
        (*P1, "metrics"),
    ],
)
def test_a_required_part_is_required(instrument: dict[str, Any], change: Change, path: tuple[str | int, ...]) -> None:
    assert refusal(change(instrument, path)) == {"missing"}


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("license",), "", "string_too_short"),
        (("license",), "  ", "string_too_short"),
        (("citation",), [], "too_short"),
        (("citation", 1, "code"), "fixsen-2005", "repeated"),
        (("derived_from",), {}, "too_short"),
        (("derived_from", "en"), " ", "string_too_short"),
        (("surprise",), 1, "extra_forbidden"),
        ((*P1, "surprise"), 1, "extra_forbidden"),
        (("format",), "instrument/2", "literal_error"),
        (("key",), "Not A Key", "string_pattern_mismatch"),
        (("version",), "1.0", "string_pattern_mismatch"),
        (("version",), "01.0.0", "string_pattern_mismatch"),
        (("version",), "1.0.0\n", "string_pattern_mismatch"),
        (("license_url",), "javascript:alert(1)", "string_pattern_mismatch"),
        (("title",), "plain text", "dict_type"),
        (("title",), {"es": "Administración"}, "english_missing"),
        (("title", "en_US"), "Title", "string_pattern_mismatch"),
        (("title", "EN"), "Title", "string_pattern_mismatch"),
        (("title", "english"), "Title", "string_pattern_mismatch"),
        (("title", "en"), "Nul\x00", "nul_character"),
        (("license",), "CC\x00", "nul_character"),
        ((*P1, "prompts", 0, "text", "en"), "\x00", "nul_character"),
        ((*P1, "title", "en"), "\ud800", "string_unicode"),
        (("scale", "levels", 0, "value"), 3, "less_than_equal"),
        (("scale", "levels", 0, "value"), 2.0, "int_type"),
        (("scale", "levels", 0, "value"), True, "int_type"),
        (("scale", "levels", 0, "value"), 1, "repeated"),
        (("scale", "other_answers", 0, "code"), "not_applicable", "repeated"),
        (("practices",), [], "too_short"),
        ((*P1, "number"), 2, "not_consecutive"),
        ((*P1, "number"), "1", "int_type"),
        ((*P1, "code"), "P2", "misplaced_code"),
        (("practices", 1, "slug"), "staff_competency_resources", "repeated"),
        ((*P1, "indicators", "1"), [], "too_short"),
        ((*P1, "indicators", "3"), [{"code": "P1.3.a", "text": {"en": "More"}}], "literal_error"),
        ((*P1, "indicators", "2", 0, "code"), "P1.2.b", "repeated"),
        ((*P1, "indicators", "2", 0, "code"), "P1.1.z", "misplaced_code"),
        ((*P1, "indicators", "2", 0, "code"), "P2.2.z", "misplaced_code"),
        ((*P1, "indicators", "2", 0, "code"), "nonsense", "string_pattern_mismatch"),
        ((*P1, "prompts", 0, "code"), "P1.evidence.z", "misplaced_code"),
        ((*P1, "evidence_kinds", 0), "hearsay", "enum"),
        ((*P1, "evidence_kinds", 0), "hr_record", "repeated"),
        ((*P1, "evidence_to_look_for", 0, "kind"), "testimony", "kind_not_listed"),
        ((*P1, "suggested_actions", 0, "effort"), "huge", "literal_error"),
        ((*P1, "suggested_actions", 0, "expected_level"), 0, "greater_than_equal"),
        ((*P1, "suggested_actions", 0, "expected_level"), True, "int_type"),
        ((*METRIC, "key"), "coaching_coverage", "repeated"),
        ((*METRIC, "key"), "fidelity_completion", "repeated"),
        ((*METRIC, "kind"), "days", "ratio_parts"),
        ((*METRIC, "numerator"), None, "ratio_parts"),
        ((*METRIC, "cases"), {"en": "Cases"}, "ratio_parts"),
        ((*METRIC, "signal"), "yes", "bool_type"),
        ((*METRIC, "direction"), "near_one", "signal_kind"),
        (("administration", "roles", 0, "votes"), True, "only_respondents_vote"),
        (("administration", "roles", 3, "votes"), False, "only_respondents_vote"),
        (("administration", "roles", 0, "minimum"), 2, "reversed_range"),
        (("administration", "roles", 1, "key"), "administrator", "repeated"),
        (("administration", "team", "minimum"), 9, "reversed_range"),
        (("administration", "duration", "maximum_minutes"), 10, "reversed_range"),
        (("administration", "steps", 0, "number"), 2, "not_consecutive"),
        (("administration", "steps", 0, "code"), "vote_sealed", "repeated"),
        (("administration", "checklist", 0, "code"), "deviations", "repeated"),
        (("administration", "modes", 0, "key"), "confidential", "repeated"),
    ],
)
def test_a_spoilt_instrument_is_refused(
    instrument: dict[str, Any], change: Change, path: tuple[str | int, ...], value: Any, reason: str
) -> None:
    assert refusal(change(instrument, path, value)) == {reason}


def test_a_practice_without_a_level_is_refused(instrument: dict[str, Any], change: Change) -> None:
    assert refusal(change(instrument, (*P1, "indicators", "0"))) == {"level_missing"}


def test_a_practice_code_given_twice_is_refused(instrument: dict[str, Any]) -> None:
    copy = instrument["practices"][0] | {"number": 10, "slug": "copy"}
    instrument["practices"].append(copy)
    assert refusal(instrument) == {"repeated"}


def test_an_instrument_that_seats_no_respondent_is_refused(instrument: dict[str, Any], change: Change) -> None:
    assert refusal(change(instrument, ("administration", "roles", 3))) == {"respondent_missing"}


@pytest.mark.parametrize("locale", ["es", "es-MX", "es-419", "zh-Hant-TW", "haw", "ca-valencia", "de-1996"])
def test_a_text_may_come_in_any_language(instrument: dict[str, Any], change: Change, locale: str) -> None:
    document = InstrumentDocument.model_validate(change(instrument, ("title", locale), "Title"))
    assert document.title[locale] == "Title"


def test_a_private_instrument_may_be_small(instrument: dict[str, Any]) -> None:
    practice = instrument["practices"][0] | {"metrics": []}
    private = instrument | {"key": "our-own", "license": "Licensed to our agency only", "practices": [practice]}
    for optional in ("limitations", "license_url"):
        del private[optional]
    assert InstrumentDocument.model_validate(private).as_document() == private


def test_texts_are_stored_trimmed_and_in_nfc(instrument: dict[str, Any], change: Change) -> None:
    document = InstrumentDocument.model_validate(change(instrument, ("title", "es"), " Administracio\u0301n "))
    assert document.as_document()["title"]["es"] == "Administraci\u00f3n"
