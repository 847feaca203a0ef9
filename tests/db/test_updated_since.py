"""`updated_since`: on every list, and on each it leaves out what did not change since."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from tests.support.actors import Actor, Tenancy
from tests.support.connectors import add_connector
from tests.support.jobs import PLACED, add_job
from tests.support.metrics import record_metric
from tests.support.team import Team, new_team
from tests.support.webhooks import add_webhook


@pytest.fixture
async def furnished(tenancy: Tenancy) -> dict[str, tuple[Actor, str]]:
    """Every list with something in it, and who may read it."""
    admin = tenancy.admin
    site, aside = await tenancy.organization(), await tenancy.organization()
    team = await new_team(tenancy, site["id"])
    seat = await filled(team)
    person = await admin.made("/v1/people", {"organization_id": site["id"], "name": "Coach", "active": False})
    assert (await admin.patch(f"/v1/people/{person['id']}", {"active": True})).status_code == 200
    item = await admin.made("/v1/action-items", {"organization_id": site["id"], "title": "T", "practices": []})
    await admin.made(f"/v1/action-items/{item['id']}/notes", {"text": "Begun."})
    await add_job(tenancy, PLACED)
    await admin.made("/v1/calendar-feeds", {"organization_id": site["id"], "name": "Due"})
    assert (await admin.post("/v1/exports", {"list": "/v1/drivers"})).is_success
    await admin.made("/v1/scim-tokens", {"name": "Identity provider"})
    await admin.made("/v1/scim-group-mappings", {"group_name": "Staff", "organization_id": site["id"]})
    move = await admin.post(
        f"/v1/organizations/{site['id']}/move", {"parent_id": aside["id"]}, headers={"If-Match": "*"}
    )
    assert move.status_code == 200, move.text
    program_id = (await admin.get(f"/v1/implementations/{team.assessment['implementation_id']}")).json()["program_id"]
    await record_metric(admin, site["id"], program_id)
    known = {
        "organization_id": site["id"],
        "implementation_id": team.assessment["implementation_id"],
        "assessment_id": team.assessment["id"],
        "participant_id": team.ids["Seat"],
        "action_item_id": item["id"],
        "person_id": person["id"],
        "webhook_id": await add_webhook(tenancy, site["id"]),
        "connector_id": await add_connector(tenancy, site["id"]),
        "key": "facilitative-administration",
    }
    lists = {}
    for name, path in every_list(tenancy.app).items():
        above = {**known, "organization_id": tenancy.root_id} if name == "list_organization_descendants" else known
        lists[name] = (seat if name == "list_votes" else admin, path.format(**above))
    return lists


async def filled(team: Team) -> Actor:
    seat = await team.seat("Seat")
    await team.move("collecting")
    await team.vote("Seat", "P1", 1)
    await team.move("consensus")
    await team.consensus("P1", 1)
    await team.tenancy.admin.put(f"{team.path}/practices/P1", {"importance": 3})
    return seat


def every_list(app: FastAPI) -> dict[str, str]:
    routes = [route for route in app.routes if isinstance(route, APIRoute) and "GET" in (route.methods or ())]
    return {route.name: route.path for route in routes if "cursor" in getattr(route, "query_names", ())}


async def test_every_list_takes_it_and_says_what_it_means(app: FastAPI) -> None:
    assert len(every_list(app)) >= 20
    silent = []
    for path, operations in app.openapi()["paths"].items():
        for operation in operations.values():
            parameters = {one["name"]: one for one in operation.get("parameters", ())}
            if "cursor" in parameters and not parameters.get("updated_since", {}).get("description"):
                silent.append(path)
    assert silent == []


async def test_it_leaves_out_what_did_not_change_since(furnished: dict[str, tuple[Actor, str]]) -> None:
    wrong: list[tuple[str, object, str]] = []
    for name, (actor, path) in furnished.items():
        whole = await actor.get(path, params={"limit": 200})
        assert whole.status_code == 200, (name, whole.text)
        items: list[dict[str, Any]] = whole.json()["items"]
        assert items, name
        at = max(datetime.fromisoformat(item.get("updated_at") or item["created_at"]) for item in items)
        for since, expected in ((at, True), (at + timedelta(microseconds=1), False)):
            answer = await actor.get(path, params={"limit": 200, "updated_since": since.isoformat()})
            found = answer.json()["items"] if answer.status_code == 200 else answer.text
            newest = [
                item for item in items if datetime.fromisoformat(item.get("updated_at") or item["created_at"]) == at
            ]
            if found != (newest if expected else []):
                wrong.append((name, expected, str(found)[:200]))
        before = await actor.get(path, params={"limit": 200, "updated_since": "1970-01-01T00:00:00Z"})
        if before.json()["items"] != items:
            wrong.append((name, "all", before.text[:200]))
    assert wrong == []


@pytest.mark.parametrize(
    "since", ["2026-10-05", "2026-10-05T13:00:00", "0", "1e9", "now", "", "9999-12-31T00:00:00Z", "\x00", "NaN"]
)
async def test_an_instant_is_told_in_full(furnished: dict[str, tuple[Actor, str]], since: str) -> None:
    for name, (actor, path) in furnished.items():
        answer = await actor.get(path, params={"updated_since": since})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), name
        assert answer.json()["errors"][0]["pointer"] == "/query/updated_since"


async def test_it_binds_the_cursor(tenancy: Tenancy, admin: Actor) -> None:
    made = [await tenancy.organization() for _ in range(3)]
    query = {"updated_since": made[0]["created_at"], "limit": 1}
    cursor = (await admin.get("/v1/organizations", params=query)).json()["next_cursor"]
    following = await admin.get("/v1/organizations", params={**query, "cursor": cursor})
    assert [one["id"] for one in following.json()["items"]] == [made[1]["id"]]
    other = await admin.get(
        "/v1/organizations", params={**query, "cursor": cursor, "updated_since": made[1]["created_at"]}
    )
    assert (other.status_code, other.json()["code"]) == (400, "invalid_cursor")
