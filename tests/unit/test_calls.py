"""What is kept of what anybody may send is bounded."""

from app.http import calls


def test_short_queries_are_parsed_once_and_long_ones_are_not_kept() -> None:
    calls._kept.cache_clear()
    for query in (b"limit=2&q=%20x&q=", b"limit=2&q=%20x&q="):
        assert calls.query_pairs({"query_string": query}) == (("limit", "2"), ("q", " x"), ("q", ""))
    long = b"q=" + b"x" * 60_000
    assert calls.query_pairs({"query_string": long}) == (("q", "x" * 60_000),)
    assert (calls._kept.cache_info().hits, calls._kept.cache_info().currsize) == (1, 1)
