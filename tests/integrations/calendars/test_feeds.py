"""A calendar is read by its secret address, as long as its creator may read what it shows."""

import logging
from typing import Any

import httpx
import icalendar
import pytest
from fastapi import FastAPI

from app.http.token_buckets import TokenBuckets
from app.integrations.calendars import service
from tests.support.accounts import Account, grant, new_principal, problem
from tests.support.actors import Actor, Tenancy
from tests.support.audit import seal_trail, trail
from tests.support.people import add_person

FEEDS = "/v1/calendar-feeds"
DUE = "2099-12-31"


@pytest.fixture(autouse=True)
def many_fetches(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.state.app_state, "calendar_fetches", TokenBuckets(burst=1_000, seconds=1))


async def add_feed(actor: Actor, organization_id: str, **fields: Any) -> dict[str, Any]:
    return await actor.made(FEEDS, {"organization_id": organization_id, "name": "Due dates", **fields})


async def add_item(tenancy: Tenancy, organization_id: str | None = None, **fields: Any) -> dict[str, Any]:
    body = {"organization_id": organization_id or tenancy.root_id, "title": "Plan", "practices": [], "due_on": DUE}
    return await tenancy.admin.made("/v1/action-items", {**body, **fields})


async def add_account(tenancy: Tenancy, person_id: str) -> Account:
    """Add a viewer's principal that stands for a person, with a key."""
    principal = await new_principal(tenancy.admin, tenancy.root_id, kind="person", person_id=person_id)
    granted = (await grant(tenancy.admin, principal, "viewer", tenancy.root_id)).json()["id"]
    key = await tenancy.admin.made(f"/v1/principals/{principal}/api-keys", {"name": "Key"})
    return Account(principal, key["id"], Actor(tenancy.http, key["key"]), [granted])


async def fetch(tenancy: Tenancy, feed: dict[str, Any], **headers: str) -> httpx.Response:
    """Fetch a calendar without a credential."""
    return await tenancy.http.get(feed["url"], headers=headers)


async def titles(tenancy: Tenancy, feed: dict[str, Any]) -> list[str]:
    answer = await fetch(tenancy, feed)
    assert answer.status_code == 200, answer.text
    return [str(event["SUMMARY"]) for event in icalendar.Calendar.from_ical(answer.content).walk("VEVENT")]


async def test_a_calendar_shows_due_dates_of_an_organization_and_below(tenancy: Tenancy) -> None:
    county, other = (await tenancy.organization())["id"], (await tenancy.organization())["id"]
    team = (await tenancy.organization(county))["id"]
    await add_item(tenancy, team, title="Below", due_on="2099-01-02")
    await add_item(tenancy, county, title="Here", due_on="2099-01-01")
    await add_item(tenancy, county, title="Without a date", due_on=None)
    await add_item(tenancy, county, title="Long ago", due_on="2001-01-01")
    await add_item(tenancy, other, title="Elsewhere")
    viewer = await tenancy.key(("viewer", county))
    feed = await add_feed(viewer, county)
    assert await titles(tenancy, feed) == ["Here", "Below"]
    assert problem(await viewer.post(FEEDS, {"organization_id": other, "name": "N"})) == (404, "not_found")


async def test_a_calendar_is_private_and_revalidated(tenancy: Tenancy) -> None:
    item, feed = await add_item(tenancy), await add_feed(tenancy.admin, tenancy.root_id)
    answer = await fetch(tenancy, feed)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["cache-control"] == "private, no-cache"
    tag = answer.headers["etag"]
    again = await fetch(tenancy, feed, **{"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    await tenancy.admin.patch(f"/v1/action-items/{item['id']}", {"due_on": "2099-12-30"})
    assert (await fetch(tenancy, feed, **{"If-None-Match": tag})).status_code == 200
    assert (await tenancy.http.head(feed["url"])).status_code == 200


async def test_the_address_is_shown_once(tenancy: Tenancy) -> None:
    body, headers = {"organization_id": tenancy.root_id, "name": "N"}, {"Idempotency-Key": "once"}
    made = (await tenancy.admin.post(FEEDS, body, headers=headers)).json()
    again = (await tenancy.admin.post(FEEDS, body, headers=headers)).json()
    assert again == {**made, "url": None, "url_reason": "secret_not_replayable"}
    stored = {name: value for name, value in made.items() if not name.startswith("url")}
    assert (await tenancy.admin.get(f"{FEEDS}/{made['id']}")).json() == stored
    assert await tenancy.admin.items(FEEDS) == [stored]


@pytest.mark.parametrize("end", ["delete", "revoke", "erase", "deactivate", "leave", "lose role"])
async def test_a_calendar_ends_with_the_rights_of_its_creator(tenancy: Tenancy, end: str) -> None:
    person = await add_person(tenancy)
    account = await add_account(tenancy, person["id"])
    key, feed = account.actor, await add_feed(account.actor, tenancy.root_id)
    assert (await fetch(tenancy, feed)).status_code == 200
    admin, principal = tenancy.admin, f"/v1/principals/{account.id}"
    if end == "delete":
        assert (await key.delete(f"{FEEDS}/{feed['id']}")).status_code == 204
    elif end == "revoke":
        assert (await admin.delete(f"/v1/api-keys/{account.key_id}")).is_success
    elif end == "erase":
        assert (await admin.post(f"/v1/people/{person['id']}/erasure")).status_code == 200
        assert await admin.items(FEEDS) == []
    elif end == "deactivate":
        assert (await admin.move(principal, "deactivated")).is_success
    elif end == "leave":
        assert (await admin.patch(f"/v1/people/{person['id']}", {"active": False})).is_success
    else:
        assert (await admin.delete(f"/v1/role-grants/{account.grants[0]}")).is_success
    assert problem(await fetch(tenancy, feed)) == (404, "calendar_not_found")


async def test_own_items_are_those_of_the_person_whom_the_caller_stands_for(tenancy: Tenancy) -> None:
    person = await add_person(tenancy)
    key = (await add_account(tenancy, person["id"])).actor
    await add_item(tenancy, title="Mine", owner_id=person["id"])
    await add_item(tenancy, title="Another's")
    assert await titles(tenancy, await add_feed(key, tenancy.root_id, own_only=True)) == ["Mine"]
    refused = await tenancy.admin.post(FEEDS, {"organization_id": tenancy.root_id, "name": "N", "own_only": True})
    assert problem(refused) == (422, "no_person")


async def test_a_key_that_is_limited_to_networks_makes_no_calendar(tenancy: Tenancy) -> None:
    key = await tenancy.key(("viewer", tenancy.root_id), networks=["127.0.0.0/8"])
    refused = await key.post(FEEDS, {"organization_id": tenancy.root_id, "name": "N"})
    assert problem(refused) == (403, "key_limited_to_networks")


async def test_a_calendar_shows_the_items_of_one_person_whom_its_creator_sees(tenancy: Tenancy) -> None:
    county = (await tenancy.organization())["id"]
    coach, other = await add_person(tenancy, county), await add_person(tenancy, county)
    outside = await add_person(tenancy)
    await add_item(tenancy, county, title="Coach's", owner_id=coach["id"])
    await add_item(tenancy, county, title="Another's", owner_id=other["id"])
    viewer = await tenancy.key(("viewer", county))
    feed = await add_feed(viewer, county, owner_id=coach["id"])
    assert await titles(tenancy, feed) == ["Coach's"]
    assert await viewer.items(FEEDS, owner_id=coach["id"]) == [(await viewer.get(f"{FEEDS}/{feed['id']}")).json()]
    assert await viewer.items(FEEDS, owner_id=other["id"]) == []
    body = {"organization_id": county, "name": "N"}
    for fields, expected in (
        ({"owner_id": outside["id"]}, (422, "unknown_owner")),
        ({"owner_id": county}, (422, "unknown_owner")),
        ({"owner_id": coach["id"], "own_only": True}, (422, "invalid")),
    ):
        assert problem(await viewer.post(FEEDS, {**body, **fields})) == expected


async def test_a_calendar_of_an_owner_follows_a_merge_and_ends_with_an_erasure(tenancy: Tenancy) -> None:
    gone, kept = await add_person(tenancy), await add_person(tenancy)
    await add_item(tenancy, title="Theirs", owner_id=gone["id"])
    feed = await add_feed(tenancy.admin, tenancy.root_id, owner_id=gone["id"])
    merged = await tenancy.admin.post(
        f"/v1/people/{kept['id']}/merge", {"person_id": gone["id"]}, headers={"If-Match": "*"}
    )
    assert merged.is_success, merged.text
    assert await titles(tenancy, feed) == ["Theirs"]
    refused = await tenancy.admin.post(FEEDS, {"organization_id": tenancy.root_id, "name": "N", "owner_id": gone["id"]})
    assert problem(refused) == (422, "unknown_owner")
    assert (await tenancy.admin.post(f"/v1/people/{kept['id']}/erasure")).status_code == 200
    assert problem(await fetch(tenancy, feed)) == (404, "calendar_not_found")
    assert await tenancy.admin.items(FEEDS) == []


@pytest.mark.parametrize(
    ("method", "written"),
    [
        ("POST", "/v1/calendars/{}.ics"),
        ("DELETE", "/v1/calendars/{}.ics"),
        ("GET", "/v1/calendars/{}.ics/"),
        ("GET", "/v1//calendars/{}.ics"),
        ("GET", "/v1/Calendars/{}.ics"),
        ("GET", "/calendars/{}"),
        ("GET", "/v1/calendar-feeds/{}"),
        ("GET", "/v1/calendars/{}.ics?x=1"),
    ],
)
async def test_a_mistyped_address_is_not_repeated(tenancy: Tenancy, method: str, written: str) -> None:
    token = "fc_" + tenancy.tenant_id.hex + "_" + "S" * 43
    for answer in (
        await tenancy.http.request(method, written.format(token)),
        await tenancy.admin.call(method, written.format(token)),
    ):
        assert answer.status_code >= 400
        assert tenancy.tenant_id.hex not in answer.text + str(answer.headers)
        assert "SSSS" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("change", ["another secret", "another tenant", "no suffix", "nonsense"])
async def test_other_addresses_answer_alike_and_repeat_no_token(
    tenancy: Tenancy, other_tenancy: Tenancy, change: str
) -> None:
    feed = await add_feed(tenancy.admin, tenancy.root_id)
    url = {
        "another secret": feed["url"].replace("_", "_x", 2)[: -len("xx.ics")] + ".ics",
        "another tenant": feed["url"].replace(tenancy.tenant_id.hex, other_tenancy.tenant_id.hex),
        "no suffix": feed["url"].removesuffix(".ics"),
        "nonsense": "/v1/calendars/fc_secret.ics",
    }[change]
    answer = await tenancy.http.get(url)
    assert answer.status_code == 404
    assert answer.json()["instance"] == "/v1/calendars/(token)"
    assert feed["url"][-20:-4] not in answer.text


async def test_no_log_line_has_the_token(tenancy: Tenancy, caplog: pytest.LogCaptureFixture) -> None:
    feed = await add_feed(tenancy.admin, tenancy.root_id)
    with caplog.at_level(logging.DEBUG):
        await fetch(tenancy, feed)
        await tenancy.http.get(feed["url"] + "x")
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    assert feed["url"].rpartition("_")[2][:20] not in str(logged)


async def test_calendars_and_addresses_are_limited(
    tenancy: Tenancy, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = await add_feed(tenancy.admin, tenancy.root_id)
    monkeypatch.setattr(app.state.app_state, "calendar_fetches", TokenBuckets(burst=1, seconds=3_600))
    assert (await fetch(tenancy, feed)).status_code == 200
    refused = await fetch(tenancy, feed)
    assert problem(refused) == (429, "too_many_fetches")
    assert int(refused.headers["retry-after"]) > 0


async def test_a_caller_has_few_feeds(tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_FEEDS", 1)
    await add_feed(tenancy.admin, tenancy.root_id)
    refused = await tenancy.admin.post(FEEDS, {"organization_id": tenancy.root_id, "name": "N"})
    assert problem(refused) == (409, "too_many_calendar_feeds")


async def test_making_and_deleting_a_feed_is_recorded(tenancy: Tenancy) -> None:
    feed = await add_feed(tenancy.admin, tenancy.root_id)
    assert (await tenancy.admin.delete(f"{FEEDS}/{feed['id']}")).status_code == 204
    await seal_trail(tenancy)
    rows = await trail(tenancy.admin, object_type="calendar_feed")
    assert [row["action"] for row in rows] == ["calendar_feed.created", "calendar_feed.deleted"]
    assert feed["url"].rpartition("_")[2][:20] not in str(rows)


async def test_another_principal_deletes_a_feed_only_as_an_admin(tenancy: Tenancy) -> None:
    feed = await add_feed(tenancy.admin, tenancy.root_id)
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    assert problem(await viewer.delete(f"{FEEDS}/{feed['id']}")) == (403, "forbidden")
    own = await add_feed(viewer, tenancy.root_id)
    assert (await tenancy.admin.delete(f"{FEEDS}/{own['id']}")).status_code == 204
