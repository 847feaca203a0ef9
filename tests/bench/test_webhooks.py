"""The measurement of the feed and of webhooks runs; its figures are not judged here."""

from tests.bench.webhooks import measure
from tests.support.processes import open_folder
from tests.support.services import serving


async def test_every_figure_of_the_feed_and_of_webhooks_is_measured() -> None:
    with open_folder() as folder, serving(folder / "data", FA_OUTGOING_NETWORKS="127.0.0.0/8") as service:
        figures = await measure(service, events=2, messages=5)
    assert figures.feed_ms["p99"] >= figures.feed_ms["median"] >= 0
    assert figures.delivery_ms["p99"] >= figures.delivery_ms["median"] >= 0
    assert figures.deliveries_a_second > 0
