"""Canonical JSON against the package `rfc8785`, and rounding to the wire (scoring spec 1.2, 10)."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from app.scoring import canonical_json, content_hash
from app.scoring.rounding import fraction_to_wire, to_wire

WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | WHOLE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(DOCUMENTS)
def test_canonical_json_is_that_of_rfc_8785(document: Any) -> None:
    assert canonical_json(document) == rfc8785.dumps(document)


def test_keys_are_sorted_by_utf_16_code_units() -> None:
    document = {"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "\r": 4, "1": 5, "\x80": 6, "\xf6": 7}
    assert canonical_json(document) == rfc8785.dumps(document)
    keys = list(document)
    assert canonical_json(document).index(keys[1].encode()) < canonical_json(document).index(keys[0].encode())


def test_control_characters_are_escaped_as_the_rfc_does() -> None:
    text = "".join(map(chr, range(0x80))) + '"\\/\u2028'
    assert canonical_json(text) == rfc8785.dumps(text)


def test_tuples_are_lists() -> None:
    assert canonical_json((1, ("a",))) == b'[1,["a"]]'


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (1.5, "float"),
        (2.0, "float"),
        (float("nan"), "float"),
        ({"a": [float("inf")]}, "float"),
        (2**53, "53 bits"),
        (-(2**53), "53 bits"),
        ({1: "a"}, "text keys"),
        ({True: "a"}, "text keys"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        (b"bytes", "bytes"),
        ({1, 2}, "set"),
        (Fraction(1, 2), "Fraction"),
    ],
)
def test_what_has_no_canonical_form_here_is_refused(document: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        canonical_json(document)


def test_the_content_hash_does_not_depend_on_the_order_of_keys() -> None:
    assert content_hash({"a": 1, "b": [True]}) == content_hash({"b": [True], "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": True})
    assert content_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**9))
def test_rounding_is_half_even_to_six_decimals(numerator: int, denominator: int) -> None:
    with localcontext(prec=60):
        # Sixty digits decide every tie: a tie at the seventh decimal has a denominator that ends.
        expected = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal("1e-6"), ROUND_HALF_EVEN)
    assert to_wire(numerator, denominator) == float(expected)


@pytest.mark.parametrize(
    ("numerator", "denominator", "wire"),
    [
        (1, 2_000_000, "0.0"),
        (3, 2_000_000, "2e-06"),
        (-1, 2_000_000, "0.0"),
        (-3, 2_000_000, "-2e-06"),
        (550, 9, "61.111111"),
        (2, 3, "0.666667"),
        (100, 1, "100.0"),
        (2_000_001, 2_000_000, "1.0"),
        (2_000_003, 2_000_000, "1.000002"),
    ],
)
def test_ties_go_to_the_even_digit_and_zero_has_no_sign(numerator: int, denominator: int, wire: str) -> None:
    assert repr(to_wire(numerator, denominator)) == wire


def test_no_fraction_stays_none() -> None:
    assert fraction_to_wire(None) is None
    assert fraction_to_wire(Fraction(1, 3)) == 0.333333
