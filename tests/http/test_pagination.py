"""The address of a list's next page: all that was sent, ready for another cursor."""

import pytest

from app.http import pagination


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"", b""),
        (b"limit=2", b"limit=2&"),
        (b"cursor=abc", b""),
        (b"limit=2&cursor=abc&q=%C3%A9", b"limit=2&q=%C3%A9&"),
        (b"cursor=abc&q=<a b>", b"q=%3Ca%20b%3E&"),
        (b"&&q=1&", b"q=1&"),
    ],
)
def test_the_next_page_has_the_same_address_but_for_its_cursor(sent: bytes, kept: bytes) -> None:
    assert pagination._address("/v1/action-items", sent) == b"/v1/action-items?" + kept + b"cursor="
