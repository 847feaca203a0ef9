"""Recording figures over HTTP: all or none, each at its organization, corrections with their lineage."""

import asyncio
from typing import Any

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.metrics import Site, csv_of, new_site, push, push_csv


@pytest.fixture
async def site(tenancy: Tenancy) -> Site:
    return await new_site(tenancy)


def faults(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


async def test_a_figure_is_recorded_and_read(site: Site, admin: Actor) -> None:
    answer = await push(admin, site.figure())
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()[name] for name in ("created", "superseded", "unchanged")} == {
        "created": 1,
        "superseded": 0,
        "unchanged": 0,
    }
    read = await admin.get(f"/v1/metrics/{answer.json()['items'][0]['id']}")
    assert read.json().items() >= {**site.figure(), "state": "current", "withheld": False, "version": 1}.items()
    assert await admin.items("/v1/metrics") == [read.json()]


async def test_other_numbers_supersede_and_the_figure_before_stays_readable(site: Site, admin: Actor) -> None:
    first = await site.record()
    answer = await push(admin, site.figure(numerator=36))
    [recorded] = answer.json()["items"]
    assert recorded["outcome"] == "superseded"
    before, after = [(await admin.get(f"/v1/metrics/{one}")).json() for one in (first, recorded["id"])]
    assert (before["state"], before["superseded_by_id"], before["numerator"]) == ("superseded", recorded["id"], 34)
    assert (after["state"], after["supersedes_id"], after["numerator"]) == ("current", first, 36)
    assert await admin.items("/v1/metrics") == [after]
    assert await admin.items("/v1/metrics", include_superseded="true") == [before, after]


async def test_equal_numbers_change_nothing(site: Site, admin: Actor) -> None:
    first = await site.record()
    before = await admin.get(f"/v1/metrics/{first}")
    answer = await push(admin, site.figure())
    assert answer.json()["items"] == [{"id": first, "outcome": "unchanged"}]
    assert (await admin.get(f"/v1/metrics/{first}")).headers["etag"] == before.headers["etag"]
    assert len(await admin.items("/v1/metrics", include_superseded="true")) == 1


async def test_concurrent_corrections_leave_one_current_figure_and_one_line(site: Site, admin: Actor) -> None:
    answers = await asyncio.gather(*(push(admin, site.figure(numerator=number)) for number in range(30, 36)))
    assert {answer.status_code for answer in answers} == {200}
    rows = await admin.items("/v1/metrics", include_superseded="true")
    assert len(rows) == 6
    assert len(await admin.items("/v1/metrics")) == 1
    assert len({row["supersedes_id"] for row in rows}) == 6


async def test_a_correction_and_a_withdrawal_at_once_leave_one_current_figure(site: Site, admin: Actor) -> None:
    first = await site.record()
    pushed, withdrawn = await asyncio.gather(
        push(admin, site.figure(numerator=35)), admin.move(f"/v1/metrics/{first}", "withdrawn", reason="Wrong")
    )
    assert (pushed.status_code, withdrawn.status_code) in {(200, 200), (200, 409)}
    [current] = await admin.items("/v1/metrics")
    before = (await admin.get(f"/v1/metrics/{first}")).json()
    expected = ("withdrawn", None) if withdrawn.is_success else ("superseded", first)
    assert (before["state"], current["supersedes_id"], current["numerator"]) == (*expected, 35)


async def test_concurrent_periods_that_overlap_leave_one(site: Site, admin: Actor) -> None:
    days = ("2025-03-30", "2025-03-31", "2025-03-29")
    answers = await asyncio.gather(*(push(admin, site.figure(period_end=day)) for day in days))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422]


async def test_one_wrong_figure_refuses_all(site: Site, admin: Actor) -> None:
    answer = await push(admin, site.figure(), site.figure(metric="morale", source="hr"))
    assert answer.json()["code"] == "metrics_refused"
    assert faults(answer) == [("/body/items/1/metric", "unknown_metric")]
    assert await admin.items("/v1/metrics") == []


@pytest.mark.parametrize(
    ("fields", "place", "code"),
    [
        ({"numerator": 41}, "/numerator", "numerator_above_denominator"),
        ({"numerator": -1}, "/numerator", "greater_than_equal"),
        ({"denominator": 0, "numerator": 0}, "/denominator", "greater_than_equal"),
        ({"numerator": 3.5}, "/numerator", "int_type"),
        ({"numerator": True}, "/numerator", "int_type"),
        ({"period_start": "2025-04-01"}, "", "period_reversed"),
        ({"period_end": "2199-12-31"}, "/period_end", "period_in_future"),
        ({"metric": "feedback_lag_days"}, "/metric", "not_a_ratio"),
        ({"organization_id": None}, "", "organization_named"),
        ({"program_id": "0198c6f0-9cad-7ebf-8021-3c4d5e6f7081"}, "/program_id", "unknown_program"),
        ({"organization_id": "0198c6f0-9cad-7ebf-8021-3c4d5e6f7081"}, "/organization_id", "unknown_organization"),
    ],
)
async def test_a_wrong_figure_is_refused_with_its_place(
    site: Site, admin: Actor, fields: dict[str, Any], place: str, code: str
) -> None:
    assert faults(await push(admin, site.figure(**fields))) == [(f"/body/items/0{place}", code)]


async def test_money_spent_may_exceed_the_plan(site: Site, admin: Actor) -> None:
    answer = await push(admin, site.figure(metric="budget_execution", numerator=120_000, denominator=100_000))
    assert answer.status_code == 200, answer.text


async def test_a_period_overlaps_neither_a_stored_one_nor_one_of_the_request(site: Site, admin: Actor) -> None:
    await site.record()
    march = site.figure(period_start="2025-03-01")
    assert faults(await push(admin, march)) == [("/body/items/0/period_start", "overlapping_period")]
    assert (await push(admin, {**march, "source": "other"})).status_code == 200
    april = site.figure(period_start="2025-04-01", period_end="2025-04-30")
    week = site.figure(period_start="2025-04-30", period_end="2025-05-03")
    answer = await push(admin, april, week, april)
    assert faults(answer) == [
        ("/body/items/2", "repeated_figure"),
        ("/body/items/1/period_start", "overlapping_period"),
    ]


async def test_a_program_must_be_offered_to_the_organization(site: Site, tenancy: Tenancy, admin: Actor) -> None:
    aside = await tenancy.organization()
    program = await admin.made("/v1/programs", {"organization_id": aside["id"], "name": "Aside"})
    answer = await push(admin, site.figure(program_id=program["id"]))
    assert faults(answer) == [("/body/items/0/program_id", "program_out_of_reach")]


async def test_each_figure_is_authorized_at_its_organization(site: Site, tenancy: Tenancy) -> None:
    other = await new_site(tenancy)
    hr = await tenancy.key(("integrator", site.id))
    answer = await push(hr, site.figure(), site.figure(organization_id=other.id))
    assert faults(answer) == [("/body/items/1/organization_id", "unknown_organization")]
    both = await tenancy.key(("integrator", site.id), ("viewer", other.id))
    refused = await push(both, site.figure(), site.figure(organization_id=other.id))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (403, "/body/items/1")
    assert await tenancy.admin.items("/v1/metrics") == []
    assert (await push(hr, site.figure())).status_code == 200


async def test_an_organization_is_named_by_its_external_id(site: Site, admin: Actor) -> None:
    name = {"source": "hr", "external_id": "017"}
    answer = await admin.patch(f"/v1/organizations/{site.id}", {"external_ids": [name]})
    assert answer.status_code == 200, answer.text
    answer = await push(admin, site.figure(organization_id=None, organization=name))
    [row] = await admin.items("/v1/metrics")
    assert (row["id"], row["organization_id"]) == (answer.json()["items"][0]["id"], site.id)
    unknown = {**name, "external_id": "018"}
    answer = await push(admin, site.figure(organization_id=None, organization=unknown))
    assert faults(answer) == [("/body/items/0/organization", "unknown_organization")]


async def test_an_archived_organization_takes_no_figures(site: Site, admin: Actor) -> None:
    moved = await admin.move(f"/v1/organizations/{site.id}", "archived", reason="Closed")
    assert moved.status_code == 200, moved.text
    answer = await push(admin, site.figure())
    assert (answer.status_code, answer.json()["code"]) == (409, "organization_archived")


async def test_a_dry_run_records_nothing_and_a_repeated_request_records_once(site: Site, admin: Actor) -> None:
    body = {"items": [site.figure()]}
    answer = await admin.post("/v1/metrics?dry_run=true", body)
    assert (answer.status_code, answer.json()["created"]) == (200, 1)
    assert await admin.items("/v1/metrics") == []
    again = [await admin.post("/v1/metrics", body, headers={"Idempotency-Key": "nightly"}) for _ in range(2)]
    assert again[0].json() == again[1].json()
    assert again[1].headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(("separator", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16")])
async def test_a_csv_file_records_what_json_does(site: Site, admin: Actor, separator: str, encoding: str) -> None:
    rows = [site.figure(), site.figure(source="hr", numerator=0)]
    content = csv_of(*rows, separator=separator).replace("period_end", " Period End ").encode(encoding)
    answer = await push_csv(admin, content + b"\r\n" * (encoding != "utf-16"))
    assert answer.status_code == 200, answer.text
    assert (await push(admin, *rows)).json()["unchanged"] == 2


async def test_a_csv_file_names_organizations_by_external_id_and_is_replayed_as_a_whole(
    site: Site, admin: Actor
) -> None:
    await admin.patch(f"/v1/organizations/{site.id}", {"external_ids": [{"source": "hr", "external_id": "017"}]})
    row = site.figure(organization_id=None)
    named = csv_of({**row, "organization_source": "hr", "organization_external_id": "017", "note": "ignored"})
    key = {"Idempotency-Key": "file"}
    first, again = [await push_csv(admin, named, **key) for _ in range(2)]
    assert first.status_code == 200, first.text
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    other = await push_csv(admin, named.replace("34", "35"), **key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_faults_of_a_csv_file_name_lines(site: Site, admin: Actor) -> None:
    good, bad = site.figure(), site.figure(source="hr", numerator="=1+1", period_end="31.03.2026")
    answer = await push_csv(admin, csv_of(good, bad))
    assert faults(answer) == [("/body/lines/3/numerator", "int_type"), ("/body/lines/3/period_end", "not_iso")]
    assert "1+1" not in answer.text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"metric,numerator\n",
        b"\xff\xfe\x00",
        b"metric,metric\n",
        b"PK\x03\x04\x00",
        b'"metric\nnumerator',
        b"a," * 200,
        ",".join(["x" * 2_000] * 5).encode(),
    ],
)
async def test_what_is_no_csv_file_of_figures_is_refused(admin: Actor, content: bytes) -> None:
    answer = await push_csv(admin, content)
    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable_csv")


async def test_each_route_takes_its_own_media_type(site: Site, admin: Actor) -> None:
    answer = await admin.post("/v1/metrics/csv", {"items": [site.figure()]})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    answer = await admin.call(
        "POST", "/v1/metrics", content=csv_of(site.figure()), headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 415
