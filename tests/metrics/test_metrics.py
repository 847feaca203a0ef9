"""Reading figures, withdrawing them, and what is withheld of small ones."""

from typing import Any

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.exports import read_table
from tests.support.feed import read_all, seal
from tests.support.metrics import Site, new_site, push, push_csv


@pytest.fixture
async def site(tenancy: Tenancy) -> Site:
    return await new_site(tenancy)


SMALL: dict[str, Any] = {"numerator": 3, "denominator": 4}


async def test_small_figures_stay_with_the_organization_itself(site: Site, tenancy: Tenancy, admin: Actor) -> None:
    own = await tenancy.key(("viewer", site.id))
    both = await tenancy.key(("viewer", tenancy.root_id), ("facilitator", site.id))
    small = await site.record(**SMALL)
    for actor, is_withheld in ((admin, True), (own, False), (both, False)):
        one = (await actor.get(f"/v1/metrics/{small}")).json()
        assert await actor.items("/v1/metrics") == [one]
        shown = (one["numerator"], one["denominator"], one["withheld"])
        assert shown == ((None, None, True) if is_withheld else (3, 4, False))


async def test_five_are_enough_to_show_a_figure(site: Site, admin: Actor) -> None:
    found = await site.record(numerator=3, denominator=5)
    assert (await admin.get(f"/v1/metrics/{found}")).json()["denominator"] == 5


async def test_a_push_does_not_say_whether_a_guess_at_a_small_figure_is_right(site: Site, tenancy: Tenancy) -> None:
    own, above = await tenancy.key(("integrator", site.id)), await tenancy.key(("integrator", tenancy.root_id))
    await site.record(own, **SMALL)
    guesses = [
        (await push(above, site.figure(**numbers), params={"dry_run": "true"})).json()
        for numbers in (SMALL, {"numerator": 2, "denominator": 4})
    ]
    assert [guess["superseded"] for guess in guesses] == [1, 1]
    assert (await push(own, site.figure(**SMALL))).json()["unchanged"] == 1
    # Whoever sent the present figure knows it: a nightly push from above changes nothing the second time.
    assert [(await push(above, site.figure(**SMALL))).json()["unchanged"] for _ in range(2)] == [0, 1]


async def test_neither_events_nor_the_audit_trail_have_numbers(site: Site, tenancy: Tenancy, admin: Actor) -> None:
    small = await site.record(**SMALL)
    await seal(tenancy)
    events = [event for event in await read_all(admin) if event["type"] == "metric.recorded"]
    assert [event["subject_id"] for event in events] == [small]
    assert events[0]["data"] == {
        "metric": "training_coverage",
        "program_id": site.program_id,
        "source": "lms",
        "period_start": "2025-01-01",
        "period_end": "2025-03-31",
        "supersedes_id": None,
    }
    [row] = await admin.items("/v1/audit-events", object_id=small)
    changes = {change["field"]: change for change in row["changes"]}
    assert changes["numerator"] == {"field": "numerator", "before": None, "after": None, "kept": False}
    assert changes["metric"]["after"] == "training_coverage"


async def test_a_withdrawn_figure_stays_readable_and_frees_its_period(site: Site, admin: Actor) -> None:
    wrong = await site.record(period_end="2025-04-30")
    path = f"/v1/metrics/{wrong}"
    withdrawn = await admin.move(path, "withdrawn", reason="The wrong month")
    assert withdrawn.status_code == 200, withdrawn.text
    assert (withdrawn.json()["state"], withdrawn.json()["allowed_transitions"]) == ("withdrawn", [])
    assert (await admin.get(path)).json() == withdrawn.json()
    assert await admin.items("/v1/metrics") == []
    right = await site.record()
    assert (await admin.get(f"/v1/metrics/{right}")).json()["supersedes_id"] is None
    again = await admin.move(path, "withdrawn", reason="Once more")
    assert (again.status_code, again.json()["code"]) == (409, "metric_not_current")
    stale = await admin.move(f"/v1/metrics/{right}", "withdrawn", reason="R", if_match='"7.0"')
    assert stale.status_code == 412


async def test_filters_narrow_the_list(site: Site, tenancy: Tenancy, admin: Actor) -> None:
    child = await tenancy.organization(site.id)
    first = await site.record()
    below = await site.record(organization_id=child["id"])
    other = await site.record(metric="coaching_coverage", source="hr", period_end="2025-06-30")
    cases: dict[str, list[str]] = {
        f"organization_id={site.id}": [first, other],
        f"subtree={child['id']}": [below],
        f"program_id={site.program_id}": [first, below, other],
        "metric=coaching_coverage": [other],
        "source=lms": [first, below],
        "period_after=2025-04-01": [other],
        "period_before=2025-03-31": [first, below],
        "sort=-period_end&limit=1": [other],
    }
    for query, expected in cases.items():
        answer = await admin.get(f"/v1/metrics?{query}")
        assert [one["id"] for one in answer.json()["items"]] == expected, query


async def test_a_program_and_an_organization_with_figures_stay(site: Site, admin: Actor) -> None:
    await site.record()
    for path in (f"/v1/programs/{site.program_id}", f"/v1/organizations/{site.id}"):
        answer = await admin.delete(path)
        assert (answer.status_code, answer.json()["code"]) == (409, "in_use"), path


async def test_an_export_has_what_the_list_has_and_can_be_sent_again(
    site: Site, tenancy: Tenancy, admin: Actor
) -> None:
    own = await tenancy.key(("integrator", site.id))
    await site.record(own, **SMALL)
    params = {"list": "/v1/metrics", "format": "csv"}
    mine, above = [await actor.get("/v1/export", params=params) for actor in (own, admin)]
    assert (await push_csv(own, mine.content)).json()["unchanged"] == 1
    [row] = read_table(above.content)
    assert (row["numerator"], row["denominator"], row["withheld"]) == ("", "", "true")
