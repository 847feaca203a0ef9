"""Names as they are stored, and their keys."""

import pytest

from app.text import clean_name, search_key


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("  North \t  County\n", "North County"),
        ("North\u00a0\u2003County", "North County"),
        ("No\u0000r\u0007th", "North"),
        ("\u202eNorth\u202c\u200b\u2066County\u2069\ufeff", "NorthCounty"),
        ("E\u0301ric", "\u00c9ric"),
        ("a\u200db", "ab"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),
        ("\u0645\u200c", "\u0645"),
        ("\u200b\u3164 \u2060", ""),
    ],
)
def test_a_name_is_stored_as_it_is_seen(sent: str, stored: str) -> None:
    assert clean_name(sent) == stored
    assert clean_name(stored) == stored


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("\u00c9ric", "eric"),
        ("\u00d6land", "oland"),
        ("\u0141\u00f3d\u017a", "lodz"),
        ("Stra\u00dfe", "strasse"),
        ("O\u2019Brien \u2013 \u201cNorth\u201d", 'o\'brien - "north"'),
        ("\uff21\ufb01", "afi"),
        ("\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
        ("\u0915\u0941", "\u0915\u0941"),
        ("Plain  Name", "plain name"),
    ],
)
def test_a_key_leaves_out_case_accents_and_typography(name: str, key: str) -> None:
    assert search_key(name) == key
    assert search_key(key) == key
