"""Following the event feed."""

from typing import Any

import httpx

from tests.support.actors import Actor, Tenancy
from tests.support.waiting import until

EVENTS = "/v1/events"


async def seal(tenancy: Tenancy) -> None:
    """Give positions to all that is committed, as the service does within a second."""
    sealer = tenancy.app.state.app_state.sealer
    while await sealer.seal_batch(tenancy.tenant_id):
        pass


async def read(actor: Actor, after: str | None = None, **params: Any) -> dict[str, Any]:
    """One answer of the feed."""
    answer = await ask(actor, after, **params)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def ask(actor: Actor, after: str | None = None, **params: Any) -> httpx.Response:
    """Ask for a part of the feed."""
    return await actor.get(EVENTS, params={**params, **({"after": after} if after else {})})


async def read_all(actor: Actor, after: str | None = None, **params: Any) -> list[dict[str, Any]]:
    """All events of the feed that the caller sees."""
    items: list[dict[str, Any]] = []
    while True:
        page = await read(actor, after, **params)
        items += page["items"]
        after = page["next_after"]
        if not page["has_more"]:
            return items


async def end_of(tenancy: Tenancy, actor: Actor | None = None) -> str:
    """The present end of the feed."""
    await seal(tenancy)
    page = await read(actor or tenancy.admin, "latest")
    assert page["items"] == []
    after: str = page["next_after"]
    return after


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


async def until_waiting(tenancy: Tenancy) -> None:
    """Wait until a request waits for the tenant's feed."""
    feeds = tenancy.app.state.app_state.feeds

    async def count() -> int:
        waiting: int = feeds.count(tenancy.tenant_id)
        return waiting

    await until(count)
