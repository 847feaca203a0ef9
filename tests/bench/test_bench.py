"""The benchmark runs and prints every figure, and its reads stay cheap in big tables: they are counted, never timed.

A page must not walk through a table that grows, and who sees little must not wait for what others have.
"""

import json
from collections.abc import Callable, Iterator
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from tests.bench.__main__ import bench
from tests.bench.data import Node, Sizes
from tests.bench.growth import Question, at_the_edge, questions, watch
from tests.bench.load import Load
from tests.bench.place import Place, placed
from tests.bench.statements import STATEMENTS, observed
from tests.support.processes import open_folder

SMALL = Sizes(organizations=3_000, assessments=2_000, items=20_000, chain=50, siblings=3_000)
ITEMS = "/v1/action-items?limit=50"


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """Where the rows are; no server runs there."""
    with open_folder() as folder:
        with placed(folder / "data", SMALL):
            pass
        yield folder / "data"


@pytest.fixture
def place(data_dir: Path) -> Iterator[Place]:
    """The rows and their server."""
    with placed(data_dir, SMALL) as found:
        yield found


def test_the_benchmark_tells_every_figure(data_dir: Path) -> None:
    load = Load(connections=2, seconds=0.1, warm=0.02)
    table, found = bench(data_dir, SMALL, load, rounds=1, starts=1, transactions=3)
    ratios = {
        f"{figure['figure']} / {side}": ratio["by_rate"]
        for figure in found["figures"]
        for side, ratio in figure["ratios"].items()
    }
    assert sum(name.endswith("/ constant") for name in ratios) == 7
    assert sum(name.endswith("/ pgbench") for name in ratios) == 7
    assert sum(name.endswith("65 more routes / without") for name in ratios) == 2
    assert "keyed POST of an action item / bare INSERT by pgbench" in ratios
    assert all(least > 0 for _, least, _ in ratios.values())
    assert all(name.removesuffix(" / pgbench") in table for name in ratios)
    assert found["pss_mb"]["warm"] > 0
    assert found["pss_mb"]["loaded"] > 0
    assert found["ready_s"]["spread"][0] > 0
    assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) == 1


async def test_no_read_walks_through_a_table_that_grows(place: Place) -> None:
    asked = questions(place) + at_the_edge(place)
    for one, found in zip(asked, await watch(place, asked), strict=True):
        text = "\n".join(plan.text for plan in found.plans)
        assert found.plans, one
        assert not found.walks(), f"{one}\n{text}"
        assert "Gather" not in text, f"other processes are started for a page: {one}\n{text}"


async def test_who_sees_a_county_does_not_wait_for_the_rest(place: Place) -> None:
    lists = [ITEMS, f"{ITEMS}&sort=due_on", f"{ITEMS}&sort=-updated_at", "/v1/assessments", "/v1/people?sort=name"]
    for found in await watch(place, [Question(path, path, "county") for path in lists]):
        assert found.blocks() < 2_000, "\n".join(plan.text for plan in found.plans)


async def test_deep_trees_and_many_siblings_cost_no_more_statements(place: Place) -> None:
    county = place.data.county.id
    plain = [Question("", f"/v1/organizations{path}") for path in (
        f"?parent_id={county}", f"/{county}/descendants", f"/{county}/descendants", f"/{county}"
    )]  # fmt: skip
    counts = [[len(found.plans) for found in await watch(place, asked)] for asked in (plain, at_the_edge(place))]
    assert counts[0] == counts[1]


ORDERS: dict[str, tuple[Callable[[dict[str, Any]], Any], bool]] = {
    "id": (itemgetter("id"), False),
    "-id": (itemgetter("id"), True),
    "due_on": (lambda row: (row["due_on"] or date.max, row["id"]), False),
    "-due_on": (lambda row: (row["due_on"] or date.max, row["id"]), True),
}


async def test_a_page_is_the_same_whether_gathered_or_met_along_the_order(place: Place) -> None:
    data, regions = place.data, place.data.regions
    rows = list(data.action_items())
    paths = {node.id: node.path for node in data.tree}
    sights: dict[str, list[Node]] = {"county": [data.county], "region": regions[:1], "third": regions[:4]}
    async with observed(place, STATEMENTS) as observer:
        for who, nodes in sights.items():
            mine = [row for row in rows if any(paths[row["organization_id"]].startswith(node.path) for node in nodes)]
            for sort, (key, descending) in ORDERS.items():
                wanted = [str(row["id"]) for row in sorted(mine, key=key, reverse=descending)[:100]]
                found: list[str] = []
                cursor = ""
                for _ in range(2):
                    answer = await observer.ask(f"{ITEMS}&sort={sort}{cursor}", key=getattr(place.keys, who))
                    page = json.loads(answer)
                    found += [item["id"] for item in page["items"]]
                    cursor = f"&cursor={page['next_cursor']}"
                assert found == wanted, (who, sort)
