"""The signal of HR systems in a stored assessment: which figure counts, who sees it, and since when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.exports import read_table
from tests.support.metrics import Site
from tests.support.statements import record_statements
from tests.support.team import PRACTICES, Team, new_team

TODAY = datetime.now(UTC).date()
SMALL: dict[str, Any] = {"numerator": 3, "denominator": 4}
GOOD: dict[str, Any] = {"numerator": 8, "denominator": 10}
POOR: dict[str, Any] = {"numerator": 3, "denominator": 10}


def ended(days: int) -> dict[str, str]:
    """Return a period of one day that ended so many days ago."""
    day = (TODAY - timedelta(days=days)).isoformat()
    return {"period_start": day, "period_end": day}


class Rated(Site):
    """A site with an assessment in consensus, where level 2 is agreed on each practice."""

    def __init__(self, team: Team, program_id: str) -> None:
        super().__init__(team.tenancy, team.assessment["organization_id"], program_id)
        self.team = team

    async def report(self, days: int = 10, *, metric: str = "policy_currency", **fields: Any) -> str:
        """Record a figure that ended so many days ago."""
        return await self.record(metric=metric, **{**GOOD, **ended(days), **fields})

    async def practice(self, actor: Actor | None = None, code: str = "P4", **params: Any) -> dict[str, Any]:
        """Return one practice of the readiness object."""
        practices = (await self.team.readiness(actor, **params))["practices"]
        found: dict[str, Any] = next(one for one in practices if one["code"] == code)
        return found

    async def level(self, actor: Actor | None = None, **params: Any) -> tuple[int | None, str | None] | None:
        """Return the level and the reason of the signal; None: there is no signal."""
        signal = (await self.practice(actor, **params))["signal"]
        return None if signal is None else (signal["level"], signal["reason"])


async def started(tenancy: Tenancy) -> Rated:
    site = await tenancy.organization()
    team = await new_team(tenancy, site["id"])
    implementation = await tenancy.admin.get(f"/v1/implementations/{team.assessment['implementation_id']}")
    await team.move("collecting")
    return Rated(team, implementation.json()["program_id"])


@pytest.fixture
async def rated(tenancy: Tenancy) -> Rated:
    made = await started(tenancy)
    await made.team.move("consensus")
    for code in PRACTICES:
        assert (await made.team.consensus(code, 2, "From the record.")).status_code == 201
    return made


async def test_a_signal_stands_next_to_the_score_and_changes_nothing_else(rated: Rated) -> None:
    before = await rated.team.readiness()
    figure = await rated.report(**POOR)
    after = await rated.team.readiness()
    practice = after["practices"][3]
    assert practice["flags"] == [*before["practices"][3]["flags"], "feed_contradiction"]
    assert practice["signal"]["level"] == 0
    [metric] = practice["signal"]["metrics"]
    assert (metric["metric_id"], metric["numerator"], metric["denominator"]) == (figure, 3, 10)
    assert after["input_hash"] != before["input_hash"]
    before["practices"][3] |= {"signal": practice["signal"], "flags": practice["flags"]}
    assert {**after, "input_hash": ""} == {**before, "input_hash": ""}


async def test_the_signal_is_the_lowest_of_all_metrics_of_the_practice(rated: Rated) -> None:
    await rated.report(metric="training_coverage")
    assert await rated.level(code="P1") == (None, "metric_missing")
    await rated.report(metric="coaching_coverage", numerator=4)
    assert await rated.level(code="P1") == (1, None)
    assert await rated.level(code="P2") is None


async def test_the_last_period_that_ended_in_time_counts(rated: Rated) -> None:
    await rated.report(100, **POOR)
    await rated.report(10)
    day = TODAY - timedelta(days=50)
    assert await rated.level() == (2, None)
    assert await rated.level(as_of=day.isoformat()) == (0, None)
    # Evidence counts for 365 days, and so does a figure.
    assert await rated.level(as_of=(TODAY + timedelta(days=355)).isoformat()) == (2, None)
    assert await rated.level(as_of=(TODAY + timedelta(days=356)).isoformat()) is None


async def test_of_two_sources_the_lower_figure_counts(rated: Rated) -> None:
    await rated.report()
    await rated.report(source="hr", **POOR)
    assert await rated.level() == (0, None)


async def test_corrected_and_withdrawn_figures_do_not_count(rated: Rated, admin: Actor) -> None:
    await rated.report(**POOR)
    right = await rated.report()
    assert await rated.level() == (2, None)
    await admin.move(f"/v1/metrics/{right}", "withdrawn", reason="R")
    assert await rated.level() is None


async def test_a_small_figure_gives_a_signal_at_the_organization_itself_only(rated: Rated, tenancy: Tenancy) -> None:
    own, above = await tenancy.key(("viewer", rated.id)), await tenancy.key(("viewer", tenancy.root_id))
    both = await tenancy.key(("facilitator", rated.id), ("admin", tenancy.root_id))
    await rated.report(**SMALL)
    assert await rated.level(own) == (1, None)
    assert await rated.level(both) == (1, None)
    practice = await rated.practice(above)
    assert "feed_contradiction" not in practice["flags"]
    [metric] = practice["signal"]["metrics"]
    assert (metric["reason"], metric["numerator"], metric["level"]) == ("small_denominator", None, None)
    # Another source does not say how the small figure compares.
    await rated.report(source="hr", **POOR)
    assert [await rated.level(own), await rated.level(above)] == [(0, None), (None, "small_denominator")]


async def test_nothing_of_it_shows_until_the_votes_are_revealed(tenancy: Tenancy) -> None:
    rated = await started(tenancy)
    path = f"{rated.team.path}/readiness"
    before = await tenancy.admin.get(path)
    await rated.report(**POOR)
    after = await tenancy.admin.get(path)
    assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])
    await rated.team.move("consensus")
    assert await rated.level() == (0, None)
    await rated.team.move("collecting", "One more vote")
    assert {one["signal"] for one in (await rated.team.readiness())["practices"]} == {None}


async def read_all_of(actor: Actor, rated: Rated, app: FastAPI) -> dict[str, Any]:
    """Return all that a caller can read of an assessment, by its path, and the list of assessments."""
    [participant, *_] = rated.team.ids.values()
    own = "/v1/assessments/{assessment_id}"
    paths = [path for path, calls in app.openapi()["paths"].items() if path.startswith(own) and "get" in calls]
    named = {"assessment_id": rated.team.assessment["id"], "participant_id": participant, "practice": "P4"}
    found = {}
    for path in (*paths, "/v1/assessments", "/v1/export?list=/v1/assessments&format=jsonl"):
        answer = await actor.get(path.format(**named))
        found[path] = (answer.status_code, said_by(answer), answer.headers.get("etag"))
    return found


def said_by(answer: httpx.Response) -> Any:
    """Return what an answer says, without the instant of a list and the request id of a refusal."""
    if answer.is_error:
        return answer.json()["code"]
    is_json = answer.headers["content-type"] == "application/json"
    body = answer.json() if is_json else None
    return body["items"] if isinstance(body, dict) and "items" in body else answer.content


async def test_nothing_of_an_assessment_says_before_the_reveal_that_figures_arrived(
    tenancy: Tenancy, app: FastAPI
) -> None:
    rated = await started(tenancy)
    seat = await rated.team.seat("Ann")
    assert (await rated.team.vote("Ann", "P4", 2)).status_code == 201
    before = [await read_all_of(actor, rated, app) for actor in (tenancy.admin, seat)]
    figure = await rated.report(**POOR)
    await rated.report(**GOOD)
    await tenancy.admin.move(f"/v1/metrics/{figure}", "withdrawn", reason="R")
    after = [await read_all_of(actor, rated, app) for actor in (tenancy.admin, seat)]
    assert after == before
    assert [found["/v1/assessments/{assessment_id}/readiness"][0] for found in after] == [200, 200]


async def test_no_answer_to_those_above_depends_on_small_numbers(rated: Rated, tenancy: Tenancy, admin: Actor) -> None:
    own = await tenancy.key(("integrator", rated.id))

    async def look() -> Any:
        """Return what a caller from above learns of the present figure, but for ids and instants."""
        [one] = await admin.items("/v1/metrics")
        [row] = read_table((await admin.get("/v1/export?list=/v1/metrics")).content)
        practice = await rated.practice(admin)
        [shown] = practice["signal"]["metrics"]
        assert shown.pop("metric_id") == one["id"] == row["id"]
        varying = {"id", "version", "created_at", "updated_at", "supersedes_id"}
        return [{name: value for name, value in found.items() if name not in varying} for found in (one, row, practice)]

    await rated.report(actor=own, **SMALL)
    first = await look()
    await rated.report(actor=own, numerator=0, denominator=3)
    assert await look() == first
    assert await rated.level(own) == (0, None)


async def test_a_final_result_keeps_the_figures_of_its_day(rated: Rated) -> None:
    await rated.report(**POOR)
    await rated.team.administration()
    await rated.team.move("final")
    final = await rated.team.readiness(as_of=TODAY.isoformat())
    assert final["practices"][3]["signal"]["level"] == 0
    await rated.report()
    await rated.report(metric="fidelity_completion")
    await rated.report(1, source="hr")
    assert await rated.team.readiness(as_of=TODAY.isoformat()) == final
    later = await rated.practice(as_of=(TODAY + timedelta(days=2_000)).isoformat())
    assert later["signal"] == final["practices"][3]["signal"]


async def test_figures_cost_no_statement(rated: Rated, app: FastAPI, admin: Actor) -> None:
    await rated.report()
    await admin.get(f"{rated.team.path}/readiness")
    with record_statements(app) as statements:
        assert (await admin.get(f"{rated.team.path}/readiness")).status_code == 200
    # The key may have to be looked up again.
    assert len([statement for statement in statements if "api_keys" not in statement]) == 1


async def test_figures_are_computed_with_what_is_sent(admin: Actor) -> None:
    body: dict[str, Any] = {"consensus": {"P4": {"value": 2, "note": "N"}}, "metrics": {"policy_currency": POOR}}
    practice = (await admin.post("/v1/readiness/compute", body)).json()["practices"][3]
    assert (practice["score"], practice["signal"]["level"]) == (2, 0)
    assert "feed_contradiction" in practice["flags"]
    for metrics, code in (
        ({"morale": POOR}, "unknown_metric"),
        ({"policy_currency": {"numerator": 3, "denominator": 2}}, "numerator_above_denominator"),
    ):
        problem = refused(await admin.post("/v1/readiness/compute", {**body, "metrics": metrics}), 422, "invalid")
        assert [error["code"] for error in problem["errors"]] == [code]
