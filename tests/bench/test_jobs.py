"""The measurement of the job engine runs; its figures are not judged here."""

from tests.bench.jobs import measure
from tests.support.database import Urls


async def test_every_figure_of_the_job_engine_is_measured(urls: Urls) -> None:
    figures = await measure(urls, jobs=20, starts=3, lease=1.0)
    assert figures.start_ms["median"] > 0
    assert figures.jobs_a_second["by_the_clock"] > 0
    assert figures.recovery_s["runs_again_after"] > 0
