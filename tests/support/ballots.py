"""Votes of a team, as its members and others see them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx

from tests.support.actors import Actor, Tenancy
from tests.support.team import Team

COMMENT = "Coaching was cut in spring."


NOW = datetime(2026, 10, 5, 13, tzinfo=UTC)


@dataclass
class Records:
    """The audit rows and events of a tenant."""

    tenancy: Tenancy
    database: asyncpg.Connection
    seen: int = 0

    async def new_actions(self) -> list[str]:
        """Return the actions of the audit rows since the last call, each of which but votes has one equal event."""
        rows = {}
        for table, name, only in (("outbox_events", "type", ""), ("audit_events", "action", "and outcome = 'done'")):
            rows[table] = await self.database.fetch(
                f"select {name} as name, subject_id, organization_id, request_id, data from {table}"
                f" where tenant_id = $1 {only} order by id",
                self.tenancy.tenant_id,
            )
        open_rows = [tuple(row) for row in rows["audit_events"] if "vote_" not in row["name"]]
        assert [tuple(row) for row in rows["outbox_events"]] == open_rows
        seen, self.seen = self.seen, len(rows["audit_events"])
        return [row["name"] for row in rows["audit_events"]][seen:]


def place(team: Team, label: str, practice: str = "P1") -> str:
    return f"{team.path}/votes/{team.ids[label]}/{practice}"


async def listed(team: Team, actor: Actor, **params: Any) -> list[dict[str, Any]]:
    answer = await actor.get(f"{team.path}/votes", params=params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def if_match(answer: httpx.Response | str) -> dict[str, Any]:
    return {"headers": {"If-Match": answer if isinstance(answer, str) else answer.headers["etag"]}}


async def counted(team: Team) -> dict[str, list[int]]:
    """For each practice voted on: zeros, ones, twos, don't-knows, not-applicables."""
    names = ("not_in_place", "partially_in_place", "in_place", "dont_know", "not_applicable")
    practices = (await team.readiness())["practices"]
    return {
        one["code"]: [one["votes"][name] for name in names]
        for one in practices
        if one["votes"] and one["votes"]["voted"]
    }


async def voting(team: Team) -> tuple[int, int]:
    """Return how many are invited, and how many of them have voted."""
    given = (await team.readiness())["voting"]
    return given["invited"], given["voted"]
