"""The dates of an assessment: a voting window that has not ended, and a session that has taken place."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.team import PRACTICES, Team, new_implementation, new_team

NOW = datetime.fromisoformat("2026-03-01T11:00:00+00:00")
SetClock = Callable[[str], None]


@pytest.fixture
def clock(tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Sets the app's clock, which begins at NOW."""

    def set_clock(instant: str) -> None:
        now = datetime.fromisoformat(instant)
        monkeypatch.setattr(tenancy.app.state.app_state, "clock", lambda: now)

    set_clock(NOW.isoformat())
    return set_clock


def hours(number: int) -> str:
    return (NOW + timedelta(hours=number)).isoformat()


def refused(answer: httpx.Response, code: str, pointer: str) -> None:
    """Check for a 422 with this code that points there."""
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def create(tenancy: Tenancy, organization_id: str | None = None, **fields: Any) -> httpx.Response:
    implementation = await new_implementation(tenancy, organization_id)
    body = {"implementation_id": implementation["id"], "title": "Baseline", **fields}
    return await tenancy.admin.post("/v1/assessments", body)


async def in_consensus(tenancy: Tenancy, **fields: Any) -> Team:
    team = await new_team(tenancy, **fields)
    await team.move("collecting")
    await team.move("consensus")
    return team


@pytest.mark.usefixtures("clock")
async def test_a_window_that_has_ended_is_not_created(tenancy: Tenancy) -> None:
    refused(await create(tenancy, closes_at=hours(0)), "window_ended", "/body/closes_at")
    assert (await create(tenancy, opens_at=hours(-2), closes_at=hours(1))).status_code == 201


@pytest.mark.usefixtures("clock")
async def test_a_window_is_not_changed_to_one_that_has_ended(tenancy: Tenancy, admin: Actor) -> None:
    path = (await new_team(tenancy, closes_at=hours(1))).path
    refused(await admin.patch(path, {"closes_at": hours(-1)}), "window_ended", "/body/closes_at")
    assert (await admin.patch(path, {"closes_at": hours(2)})).status_code == 200


async def test_nothing_is_opened_with_a_window_that_has_ended(tenancy: Tenancy, admin: Actor, clock: SetClock) -> None:
    team = await new_team(tenancy, closes_at=hours(1))
    clock(hours(1))
    refused(await admin.move(team.path, "collecting"), "window_ended", "/body/to")
    assert (await admin.get(team.path)).json()["state"] == "draft"
    await admin.patch(team.path, {"closes_at": None})
    await team.move("collecting")


async def test_nothing_is_reopened_with_a_window_that_has_ended(
    tenancy: Tenancy, admin: Actor, clock: SetClock
) -> None:
    team = await in_consensus(tenancy, closes_at=hours(1))
    clock(hours(1))
    refused(await admin.move(team.path, "collecting", reason="P1 again"), "window_ended", "/body/to")
    await admin.patch(team.path, {"closes_at": hours(5)})
    reopened = await team.move("collecting", "P1 again")
    assert datetime.fromisoformat(reopened["closes_at"]) == NOW + timedelta(hours=5)


async def test_other_fields_change_after_the_window_has_ended(tenancy: Tenancy, admin: Actor, clock: SetClock) -> None:
    team = await in_consensus(tenancy, closes_at=hours(1))
    clock(hours(2))
    assert (await admin.patch(team.path, {"title": "Renamed"})).status_code == 200


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("timezone", "today", "tomorrow"),
    [("Etc/UTC", "2026-03-01", "2026-03-02"), ("Pacific/Kiritimati", "2026-03-02", "2026-03-03")],
)
async def test_a_session_took_place_today_or_earlier_where_the_organization_is(
    tenancy: Tenancy, admin: Actor, timezone: str, today: str, tomorrow: str
) -> None:
    site = (await tenancy.organization(timezone=timezone))["id"]
    pointer = "/body/administered_on"
    refused(await create(tenancy, site, administered_on=tomorrow), "administered_in_future", pointer)
    made = await create(tenancy, site, administered_on=today)
    assert made.status_code == 201, made.text
    path = made.headers["location"]
    refused(await admin.patch(path, {"administered_on": tomorrow}), "administered_in_future", pointer)


async def test_a_draft_whose_session_is_still_to_come_is_not_opened(
    tenancy: Tenancy, admin: Actor, clock: SetClock
) -> None:
    team = await new_team(tenancy, administered_on="2026-03-01")
    clock("2026-02-27T12:00:00+00:00")
    refused(await admin.move(team.path, "collecting"), "administered_in_future", "/body/to")


async def test_a_revision_is_not_of_a_session_that_is_still_to_come(
    tenancy: Tenancy, admin: Actor, clock: SetClock
) -> None:
    team = await in_consensus(tenancy, administered_on="2026-03-01")
    for practice in PRACTICES:
        await team.consensus(practice, 1, "From paper")
    await team.administration()
    await team.move("final")
    clock("2026-02-27T12:00:00+00:00")
    answer = await admin.post(f"{team.path}/revisions", {"reason": "A slip"})
    refused(answer, "administered_in_future", "/body/administered_on")


@pytest.mark.usefixtures("clock")
async def test_a_patch_that_changes_nothing_keeps_the_version(tenancy: Tenancy, admin: Actor) -> None:
    team = await new_team(tenancy, closes_at=hours(1), administered_on="2026-02-01")
    same = {name: team.assessment[name] for name in ("title", "closes_at", "administered_on", "stage")}
    assert (await admin.patch(team.path, same)).json() == team.assessment
