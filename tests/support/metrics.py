"""Figures of metrics, and what is pushed of them."""

from typing import Any

import httpx

from tests.support.actors import Actor, Tenancy


def figure(organization_id: str, program_id: str, **fields: Any) -> dict[str, Any]:
    """Return one figure as the API takes it; a field that is None is left out."""
    whole = {
        "metric": "training_coverage",
        "numerator": 34,
        "denominator": 40,
        "period_start": "2025-01-01",
        "period_end": "2025-03-31",
        "organization_id": organization_id,
        "program_id": program_id,
        "source": "lms",
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not None}


def csv_of(*figures: dict[str, Any], separator: str = ",") -> str:
    """Return figures with the same fields as a CSV file."""
    rows: list[list[Any]] = [list(figures[0]), *(list(one.values()) for one in figures)]
    return "".join(separator.join([str(cell) for cell in row]) + "\n" for row in rows)


async def push(actor: Actor, *figures: dict[str, Any], **kwargs: Any) -> httpx.Response:
    """Send figures as JSON."""
    return await actor.post("/v1/metrics", {"items": list(figures)}, **kwargs)


async def push_csv(actor: Actor, content: str | bytes, **headers: str) -> httpx.Response:
    """Send figures as a CSV file."""
    sent = {"Content-Type": "text/csv", **headers}
    return await actor.call("POST", "/v1/metrics/csv", content=content, headers=sent)


async def record_metric(actor: Actor, organization_id: str, program_id: str, **fields: Any) -> str:
    """Record one figure and return its id."""
    answer = await push(actor, figure(organization_id, program_id, **fields))
    assert answer.status_code == 200, answer.text
    [recorded] = answer.json()["items"]
    return str(recorded["id"])


class Site:
    """A site below the root, and a program of the root."""

    def __init__(self, tenancy: Tenancy, site_id: str, program_id: str) -> None:
        self.tenancy = tenancy
        self.id = site_id
        self.program_id = program_id

    def figure(self, **fields: Any) -> dict[str, Any]:
        """Return a figure about the program at the site."""
        return figure(**{"organization_id": self.id, "program_id": self.program_id, **fields})

    async def record(self, actor: Actor | None = None, **fields: Any) -> str:
        """Record one figure about the program at the site, and return its id."""
        return await record_metric(actor or self.tenancy.admin, **self.figure(**fields))


async def new_site(tenancy: Tenancy) -> Site:
    """Make a site and a program."""
    site = await tenancy.organization()
    program = await tenancy.admin.made("/v1/programs", {"organization_id": tenancy.root_id, "name": "Visits"})
    return Site(tenancy, site["id"], program["id"])
