"""An export holds one page of a list at a time, however long the list is."""

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from app.exports.making import exporting
from tests.exports.test_streams import Client
from tests.support.actors import Tenancy
from tests.support.exports import add_people
from tests.support.jobs import until_finished, working

PEOPLE = "/v1/people"
#: The lists differ by 2.5 MB of JSON and by 940 kB of CSV. Both are longer than a part of a stored file, 1 MiB.
SHORT, LONG = 2_500, 8_000


@pytest.fixture(autouse=True)
def _traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


class Reader(Client):
    """A client that keeps nothing of what it reads."""

    size = 0

    async def send(self, message: Any) -> None:
        self.size += len(message.get("body", b""))


async def read_streamed(tenancy: Tenancy, app: FastAPI, export_format: str) -> int:
    """Read the people in one answer. Return its length."""
    reader = Reader(tenancy.admin, None)
    await reader.export(app, list=PEOPLE, format=export_format)
    return reader.size


async def keep(tenancy: Tenancy, app: FastAPI, export_format: str) -> int:
    """Let a job export the people. Return the length of the file."""
    kind = exporting(app.state.exports.lists)
    made = await tenancy.admin.made("/v1/exports", {"list": PEOPLE, "format": export_format})
    async with working(app, kind):
        await until_finished(tenancy.owner, kind)
    size: int = (await tenancy.admin.get(f"/v1/exports/{made['id']}")).json()["size"]
    return size


@pytest.mark.parametrize(
    ("export", "export_format", "most"),
    [(read_streamed, "csv", 800_000), (read_streamed, "xlsx", 800_000), (keep, "jsonl", 2_000_000)],
)
async def test_a_long_list_takes_no_more_memory_than_a_short_one(
    tenancy: Tenancy, app: FastAPI, export: Any, export_format: str, most: int
) -> None:
    sizes, peaks = [], []
    for count in (SHORT, 0, LONG - SHORT):
        await add_people(tenancy.owner, tenancy, count)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        sizes.append(await export(tenancy, app, export_format))
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
    assert sizes[2] > 3 * sizes[1]
    # The first one also counts what is loaded once.
    assert peaks[2] < peaks[1] + most
