"""The measurement of a roster's import runs; its figures are not judged here."""

from tests.bench.roster import measure
from tests.support.database import Urls


async def test_every_figure_of_a_roster_is_measured(urls: Urls) -> None:
    figures = await measure(urls, 200)
    assert figures.add_all_rows_a_second > 0
    for one in (figures.new, figures.changed, figures.same):
        assert min(one.rows_a_second, one.to_add_all, one.to_add_all_with_trail, one.longest_ms, one.median_ms) > 0
