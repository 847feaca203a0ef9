"""The shapes all domains share."""

import re
from unittest.mock import Mock
from zoneinfo import available_timezones

import pytest
from pydantic import TypeAdapter, ValidationError

from app import schemas


def test_time_zones_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look-up walks the database on disk, and a caller could cause one with every request."""
    look_up = Mock(side_effect=available_timezones)
    monkeypatch.setattr(schemas, "available_timezones", look_up)
    schemas._zones.cache_clear()
    zone = TypeAdapter(schemas.TimeZone)
    assert [zone.validate_python("America/Chicago") for _ in range(3)] == ["America/Chicago"] * 3
    with pytest.raises(ValidationError, match="unknown_timezone"):
        zone.validate_python("Mars/Olympus")
    look_up.assert_called_once_with()


@pytest.mark.parametrize("blank", ["", " ", "\t\u00a0\u3000", "\u0085", "\u2028"])
def test_blanks_are_no_text_and_the_document_says_so(blank: str) -> None:
    name = TypeAdapter(schemas.Name)
    with pytest.raises(ValidationError, match="string_too_short"):
        name.validate_python(blank)
    assert re.search(name.json_schema()["pattern"], blank) is None


@pytest.mark.parametrize("text", ["a", " a ", "\u0085a\n", "two\nlines"])
def test_the_document_allows_text_between_blanks(text: str) -> None:
    assert re.search(TypeAdapter(schemas.Name).json_schema()["pattern"], text)
