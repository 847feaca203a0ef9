"""Time zones: known names only, in canonical case, inherited from above, and no stored name fails a list."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.base import now
from app.tree.clock import day_in, zone_of
from tests.support.actors import Actor, Tenancy

EAST, WEST = "Pacific/Kiritimati", "Pacific/Pago_Pago"


async def zones(admin: Actor, organization_id: str) -> tuple[str | None, str]:
    read = (await admin.get(f"/v1/organizations/{organization_id}")).json()
    return read["timezone"], read["effective_timezone"]


async def set_zone(admin: Actor, organization_id: str, zone: str | None) -> dict[str, Any]:
    answer = await admin.patch(f"/v1/organizations/{organization_id}", {"timezone": zone})
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


async def store_zone(owner: AsyncEngine, organization_id: str, zone: str) -> None:
    """Store a name that the API would refuse, as an older server may have taken it."""
    async with owner.begin() as connection:
        statement = text("update organizations set timezone = :zone where id = :id")
        await connection.execute(statement, {"zone": zone, "id": UUID(organization_id)})


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "Factory", "CET", "EST", "Mars/Olympus", "+02:00", ""])
async def test_a_name_that_does_not_mean_one_zone_is_refused(tenancy: Tenancy, admin: Actor, zone: str) -> None:
    site = await tenancy.organization()
    refused = await admin.patch(f"/v1/organizations/{site['id']}", {"timezone": zone})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/body/timezone")
    body = {"parent_id": tenancy.root_id, "kind": "site", "name": "Site", "timezone": zone}
    assert (await admin.post("/v1/organizations", body)).status_code == 422


async def test_a_name_is_stored_in_its_canonical_case(tenancy: Tenancy) -> None:
    site = await tenancy.organization(timezone="america/CHICAGO")
    assert site["timezone"] == "America/Chicago"


async def test_a_name_that_only_python_knows_is_refused(
    tenancy: Tenancy, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.schemas._zones", lambda: {"asia/newtown": "Asia/Newtown"})
    site = await tenancy.organization()
    refused = await admin.patch(f"/v1/organizations/{site['id']}", {"timezone": "Asia/Newtown"})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_timezone")
    assert "Newtown" not in refused.text


async def test_an_organization_without_a_zone_follows_its_parent(tenancy: Tenancy, admin: Actor) -> None:
    region = await tenancy.organization(timezone="America/Chicago")
    county = await tenancy.organization(region["id"])
    team = await tenancy.organization(county["id"])
    assert await zones(admin, team["id"]) == (None, "America/Chicago")
    await set_zone(admin, region["id"], "Asia/Tokyo")
    assert await zones(admin, team["id"]) == (None, "Asia/Tokyo")
    await set_zone(admin, county["id"], "Europe/Paris")
    assert await zones(admin, team["id"]) == (None, "Europe/Paris")
    await set_zone(admin, county["id"], None)
    assert await zones(admin, team["id"]) == (None, "Asia/Tokyo")
    await set_zone(admin, region["id"], None)
    assert await zones(admin, team["id"]) == (None, "UTC")


async def test_the_root_without_a_zone_is_in_utc(tenancy: Tenancy, admin: Actor) -> None:
    site = await tenancy.organization()
    await set_zone(admin, tenancy.root_id, "Asia/Tokyo")
    assert await zones(admin, site["id"]) == (None, "Asia/Tokyo")
    assert (await set_zone(admin, tenancy.root_id, None))["effective_timezone"] == "UTC"
    assert await zones(admin, site["id"]) == (None, "UTC")


async def test_what_moves_follows_its_new_parent(tenancy: Tenancy, admin: Actor) -> None:
    old, new = await tenancy.organization(timezone="Asia/Tokyo"), await tenancy.organization(timezone="Europe/Paris")
    site = await tenancy.organization(old["id"])
    team = await tenancy.organization(site["id"])
    path = f"/v1/organizations/{site['id']}/move"
    moved = await admin.post(path, {"parent_id": new["id"]}, headers={"If-Match": "*"})
    assert (moved.status_code, moved.json()["effective_timezone"]) == (200, "Europe/Paris")
    assert await zones(admin, team["id"]) == (None, "Europe/Paris")


@pytest.mark.parametrize("zone", [EAST, WEST])
async def test_overdue_is_told_by_the_inherited_zone(tenancy: Tenancy, admin: Actor, zone: str) -> None:
    region = await tenancy.organization(timezone=zone)
    team = await tenancy.organization(region["id"])
    due = day_in(zone, now()) - timedelta(days=1)
    body = {"organization_id": team["id"], "title": "T", "practices": []}
    items = [
        await admin.made("/v1/action-items", body | {"due_on": (due + timedelta(days=ahead)).isoformat()})
        for ahead in (0, 1)
    ]
    assert [one["overdue"] for one in items] == [True, False]
    listed = (await admin.get("/v1/action-items?overdue=true")).json()["items"]
    assert [one["id"] for one in listed] == [items[0]["id"]]


@pytest.mark.parametrize("zone", ["localtime", "Mars/Olympus", "../etc/passwd"])
async def test_no_stored_name_fails_a_list(tenancy: Tenancy, admin: Actor, owner: AsyncEngine, zone: str) -> None:
    site = await tenancy.organization(timezone="UTC")
    body = {"organization_id": site["id"], "title": "T", "practices": []}
    item = await admin.made("/v1/action-items", body | {"due_on": now().date().isoformat()})
    await store_zone(owner, site["id"], zone)
    for path in ("/v1/organizations", "/v1/action-items", "/v1/action-items?overdue=true", "/v1/people"):
        assert (await admin.get(path)).status_code == 200
    assert (await admin.get(f"/v1/action-items/{item['id']}")).status_code == 200
    moved = await admin.patch(f"/v1/action-items/{item['id']}", {"title": "New"})
    assert moved.status_code == 200


def test_a_day_of_an_unknown_zone_is_utcs() -> None:
    instant = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert zone_of("Mars/Olympus").key == "UTC"
    assert day_in("Mars/Olympus", instant) == instant.date()
    assert day_in(EAST, instant) == instant.date() + timedelta(days=1)
