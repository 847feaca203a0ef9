"""A roster of a million rows, good and bad ones, passes through in bounded memory."""

from collections.abc import AsyncIterator

from app.integrations.roster.import_job import IMPORT_ROSTER
from tests.support.actors import Actor, Tenancy
from tests.support.imports import PATH, finished, upload
from tests.support.jobs import working
from tests.support.memory import watch_peak

ROWS = 1_000_000
BLOCK = 10_000


async def rows() -> AsyncIterator[bytes]:
    """Yield the file, about 60 MB. Every tenth row is good, the others have a cell too many."""
    yield b"external_id,name,organization,email,department\n"
    for first in range(0, ROWS, BLOCK):
        lines = (
            f"{number},Somebody,N,person-{number}@agency.example,Family support{'' if number % 10 == 0 else ',x'}\n"
            for number in range(first, first + BLOCK)
        )
        yield "".join(lines).encode()


async def test_a_million_rows_are_checked_in_bounded_memory(tenancy: Tenancy, admin: Actor) -> None:
    await tenancy.organization(name="North", external_ids=[{"source": "hr", "external_id": "N"}])
    async with working(tenancy.app, IMPORT_ROSTER):
        growth = watch_peak()
        job = await finished(admin, await upload(admin, rows()))
        assert growth() < 40
    assert (job["state"], job["failure"]["code"], job["error_count"]) == ("failed", "roster_refused", 10_000)
    report = await admin.get(f"{PATH}/{job['id']}/errors")
    assert len(report.text.splitlines()) == 10_001
    assert await admin.items("/v1/people") == []
