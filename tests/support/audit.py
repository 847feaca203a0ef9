"""Reading the audit trail."""

from typing import Any

from app.events.chain import seal_batch
from tests.support.actors import Actor, Tenancy

AUDIT = "/v1/audit-events"


async def seal_trail(tenancy: Tenancy) -> None:
    """Seal all that is committed, as the service does within seconds."""
    database = tenancy.app.state.app_state.database
    for hidden in (False, True):
        while await seal_batch(database, tenancy.tenant_id, hidden=hidden):
            pass


async def trail(actor: Actor, **filters: Any) -> list[dict[str, Any]]:
    """All rows that the caller sees, the oldest first."""
    items: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 200, **filters}
    while True:
        answer = await actor.get(AUDIT, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        params["cursor"] = page["next_cursor"]


async def verify(actor: Actor) -> dict[str, Any]:
    """What checking the chain finds."""
    answer = await actor.get(f"{AUDIT}/verify")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def changed(row: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The values before and after, by field."""
    return {one["field"]: (one["before"], one["after"]) for one in row["changes"]}
