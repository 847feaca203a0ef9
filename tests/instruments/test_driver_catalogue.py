"""All seven implementation drivers are named and defined; one has an instrument."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from app.instruments.driver_catalogue import DriverCatalogue
from app.instruments.shipped import shipped_instruments

Change = Callable[..., dict[str, Any]]


def test_the_seven_drivers_are_grouped(drivers: dict[str, Any]) -> None:
    assert [(driver["group"], driver["key"]) for driver in drivers["drivers"]] == [
        ("competency", "selection"),
        ("competency", "training"),
        ("competency", "coaching"),
        ("competency", "fidelity"),
        ("organization", "facilitative_administration"),
        ("organization", "systems_intervention"),
        ("organization", "decision_support_data_system"),
    ]


def test_instruments_and_drivers_name_each_other(drivers: dict[str, Any]) -> None:
    attached = {(driver["key"], key) for driver in drivers["drivers"] for key in driver["instruments"]}
    assert attached == {(shipped.document["driver"], shipped.document["key"]) for shipped in shipped_instruments()}


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("surprise",), 1, "extra_forbidden"),
        (("drivers", 0, "key"), "training", "repeated"),
        (("drivers", 0, "number"), 3, "not_consecutive"),
        (("drivers", 0, "group"), "leadership", "dangling"),
        (("drivers", 0, "citation"), ["nobody-1999"], "dangling"),
        (("drivers", 0, "citation"), [], "too_short"),
        (("drivers", 0, "name"), {"fr": "Sélection"}, "english_missing"),
        (("groups", 0, "key"), "organization", "repeated"),
    ],
)
def test_a_spoilt_catalogue_is_refused(
    drivers: dict[str, Any], change: Change, path: tuple[str | int, ...], value: Any, reason: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        DriverCatalogue.model_validate(change(drivers, path, value))
    assert {error["type"] for error in caught.value.errors()} == {reason}
