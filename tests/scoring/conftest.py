"""The worked values of the specification."""

import json
from typing import Any

import pytest

from tests.scoring.make import Row
from tests.support.tools import ROOT


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    """All worked values, by section."""
    found: dict[str, Any] = json.loads((ROOT / "tests" / "golden" / "fa9.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def golden_rows(golden: dict[str, Any]) -> list[Row]:
    """The golden votes, one row a practice."""
    return [list(row) for row in zip(*golden["votes"].values(), strict=True)]
