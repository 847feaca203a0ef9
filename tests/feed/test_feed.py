"""The event feed over HTTP: what it holds, for whom, and from where on."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from app.access.keys import revoke_key
from app.events import watch
from app.events.record import record_event
from app.events.retention import has_expired_events, purge_events
from app.events.sealer import Sealer
from app.events.types import EVENT_TYPES
from app.jobs.context import WorkContext
from app.principal import Role
from app.provisioning import operators_transaction
from tests.support.actors import Actor, Tenancy
from tests.support.database import Urls, run
from tests.support.feed import ask, end_of, read, read_all, seal, types, until_waiting
from tests.support.jobs import work_of
from tests.support.places import furnish
from tests.support.team import new_team

APP = Path(__file__).parents[2] / "app"


async def purge(tenancy: Tenancy, urls: Urls, *, days_later: int) -> None:
    """Purge the tenant's events as the periodic job does some days from now."""
    # The service counts by its own clock, and the database by the instants that it recorded.
    await run(
        urls.owner,
        f"update outbox_events set recorded_at = recorded_at - interval '{days_later} days' "
        f"where tenant_id = '{tenancy.tenant_id}'",
    )
    state = tenancy.app.state.app_state
    work = WorkContext(state.settings, state.database, lambda: datetime.now(UTC) + timedelta(days=days_later))
    async with work.transaction(tenancy.tenant_id, "purge") as tx:
        expired = await has_expired_events(tx, state.settings)
        assert bool(await purge_events(tx, state.settings)) == expired


async def test_the_feed_has_each_change_in_order_and_deletions_too(tenancy: Tenancy, admin: Actor) -> None:
    after = await end_of(tenancy)
    person = await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
    path = f"/v1/people/{person['id']}"
    assert (await admin.patch(path, {"name": "B"})).status_code == 200
    assert (await admin.patch(path, {"name": "B"})).status_code == 200
    assert (await admin.delete(path)).status_code == 204
    await seal(tenancy)
    events = await read_all(admin, after)
    assert types(events) == ["person.created", "person.updated", "person.deleted"]
    assert {event["subject_id"] for event in events} == {person["id"]}
    assert {event["organization_id"] for event in events} == {tenancy.root_id}
    assert events[1]["data"] == {"fields": ["name"]}
    assert events[0]["occurred_at"] == person["created_at"]


async def test_a_refused_write_and_a_dry_run_leave_no_event(tenancy: Tenancy, admin: Actor) -> None:
    after = await end_of(tenancy)
    body = {"organization_id": tenancy.root_id, "name": "A"}
    assert (await admin.post("/v1/people?dry_run=true", body)).status_code == 200
    assert (await admin.post("/v1/people", {**body, "name": ""})).status_code == 422
    await seal(tenancy)
    assert await read_all(admin, after) == []


async def test_the_feed_can_be_read_again_from_any_place_in_pages_of_any_size(tenancy: Tenancy, admin: Actor) -> None:
    await furnish(tenancy, tenancy.root_id)
    await seal(tenancy)
    whole = await read_all(admin)
    assert len(whole) > 12
    assert await read_all(admin, limit=7) == whole
    assert await read_all(admin, limit=1, types="person.created") == [
        event for event in whole if event["type"] == "person.created"
    ]
    part = await read(admin, limit=3)
    assert part["has_more"]
    assert await read_all(admin, part["next_after"]) == whole[3:]


async def test_every_event_fits_the_schema_of_its_type(tenancy: Tenancy, admin: Actor) -> None:
    await furnish(tenancy, tenancy.root_id)
    await tenancy.key((Role.VIEWER, tenancy.root_id))
    await seal(tenancy)
    events = await read_all(admin)
    assert len(set(types(events))) > 12
    for event in events:
        model = EVENT_TYPES[event["type"]].data
        sent = model.model_validate(event["data"]).model_dump(mode="json", by_alias=True)
        assert sent == event["data"], event["type"]


def test_every_type_that_is_recorded_is_registered() -> None:
    """Types that are put together from a state are registered for each state by hand."""
    text = "".join(path.read_text() for path in APP.rglob("*.py") if path.parent.name != "events")
    subjects = {name.partition(".")[0] for name in EVENT_TYPES}
    named = set(re.findall(rf'(?<!f)"((?:{"|".join(subjects)})\.[a-z_]+)"', text))
    assert len(named) > 30
    # Votes are in the audit trail and in no feed.
    assert named - set(EVENT_TYPES) == {"assessment.vote_cast", "assessment.vote_replaced"}


async def test_the_document_describes_every_type_as_a_webhook(app: FastAPI) -> None:
    document = app.openapi()
    assert set(document["webhooks"]) == set(EVENT_TYPES)
    operation = document["webhooks"]["organization.moved"]["post"]
    narrowed = operation["requestBody"]["content"]["application/json"]["schema"]["allOf"][1]
    assert narrowed["properties"]["data"] == {"$ref": "#/components/schemas/OrganizationMoved"}
    headers = {one["name"]: one["in"] for one in operation["parameters"]}
    assert headers == dict.fromkeys(("webhook-id", "webhook-timestamp", "webhook-signature"), "header")
    assert "to_parent_id" in document["components"]["schemas"]["OrganizationMoved"]["properties"]


async def test_followers_of_the_former_place_learn_that_an_organization_left(tenancy: Tenancy, admin: Actor) -> None:
    former, new = [(await tenancy.organization(name=name))["id"] for name in ("Former", "New")]
    moved = (await tenancy.organization(former))["id"]
    follower, other = [await tenancy.key((Role.VIEWER, place)) for place in (former, new)]
    after = await end_of(tenancy, follower)
    answer = await admin.post(f"/v1/organizations/{moved}/move", {"parent_id": new}, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    await seal(tenancy)
    [left] = await read_all(follower, after)
    assert (left["type"], left["subject_id"], left["organization_id"]) == ("organization.moved_away", moved, former)
    assert new not in str(left)
    assert types(await read_all(other, after)) == ["organization.moved"]


async def test_followers_of_the_former_organization_learn_that_a_person_left(tenancy: Tenancy, admin: Actor) -> None:
    former, new = [(await tenancy.organization(name=name))["id"] for name in ("Former", "New")]
    person = await admin.made("/v1/people", {"organization_id": former, "name": "A"})
    follower, other = [await tenancy.key((Role.VIEWER, place)) for place in (former, new)]
    after = await end_of(tenancy, follower)
    await admin.patch(f"/v1/people/{person['id']}", {"organization_id": new})
    await seal(tenancy)
    [left] = await read_all(follower, after)
    assert (left["type"], left["subject_id"], left["data"]) == ("person.moved_away", person["id"], {})
    assert types(await read_all(other, after)) == ["person.updated"]


async def test_followers_get_the_events_of_what_they_can_read(tenancy: Tenancy, admin: Actor) -> None:
    mine, other = [(await tenancy.organization(name=name))["id"] for name in ("Mine", "Other")]
    below = (await tenancy.organization(mine))["id"]
    viewer = await tenancy.key((Role.VIEWER, mine))
    after = await end_of(tenancy, viewer)
    for at in (other, below, tenancy.root_id, mine):
        await admin.made("/v1/people", {"organization_id": at, "name": "A"})
    await seal(tenancy)
    assert [event["organization_id"] for event in await read_all(viewer, after)] == [below, mine]


async def test_events_of_an_offered_program_reach_those_below_its_owner(tenancy: Tenancy, admin: Actor) -> None:
    mine, other = [(await tenancy.organization())["id"] for _ in range(2)]
    viewer = await tenancy.key((Role.VIEWER, mine))
    after = await end_of(tenancy)
    for owner in (tenancy.root_id, other):
        await admin.made("/v1/programs", {"organization_id": owner, "name": "Program"})
    await seal(tenancy)
    assert [event["organization_id"] for event in await read_all(viewer, after)] == [tenancy.root_id]


async def test_events_about_keys_are_for_admins(tenancy: Tenancy, admin: Actor) -> None:
    viewer = await tenancy.key((Role.VIEWER, tenancy.root_id))
    await seal(tenancy)
    assert "api_key.created" in types(await read_all(admin))
    assert "api_key.created" not in types(await read_all(viewer))


async def test_a_caller_who_reads_nothing_and_a_seat_have_no_feed(tenancy: Tenancy) -> None:
    team = await new_team(tenancy)
    respondent = await tenancy.key((Role.RESPONDENT, tenancy.root_id))
    for actor in (respondent, await team.seat("A")):
        assert (await ask(actor)).status_code == 403
        assert (await ask(actor, "latest")).status_code == 403


async def test_votes_leave_nothing_in_the_feed(tenancy: Tenancy, admin: Actor, urls: Urls) -> None:
    team = await new_team(tenancy)
    await team.seat("A")
    await team.paper("B")
    await team.move("collecting")
    after = await end_of(tenancy)
    owner = await asyncpg.connect(urls.owner)
    position = "select position from event_feeds where tenant_id = $1"
    before = await owner.fetchval(position, tenancy.tenant_id)
    cast = await team.vote("A", "P1", 1)
    await team.vote("A", "P1", 2, headers={"If-Match": cast.headers["etag"]})
    await team.vote("A", "P1", 0)
    await team.enter("B", "P1", 1)
    await seal(tenancy)
    assert await read_all(admin, after) == []
    assert await owner.fetchval(position, tenancy.tenant_id) == before
    await owner.close()


async def test_places_in_the_feed_show_nothing_of_what_others_do(tenancy: Tenancy, admin: Actor) -> None:
    mine = (await tenancy.organization())["id"]
    viewer = await tenancy.key((Role.VIEWER, mine))
    ends = {await end_of(tenancy, viewer), await end_of(tenancy, viewer)}
    await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
    ends |= {await end_of(tenancy, viewer)}
    assert len(ends) == 3
    assert {len(one) for one in ends} == {32}


@pytest.mark.parametrize("after", ["latest ", "0", "A" * 32, "é" * 8, "A" * 100])
async def test_a_place_that_is_none_is_refused(admin: Actor, after: str) -> None:
    answer = await ask(admin, after)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_a_place_of_another_tenant_is_refused(tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor) -> None:
    answer = await ask(admin, await end_of(other_tenancy))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("query", ["wait=31", "wait=-1", "limit=0", "limit=201", "types=person", "after=", "cursor=a"])
async def test_a_query_beyond_its_bounds_is_refused(admin: Actor, query: str) -> None:
    assert (await admin.get(f"/v1/events?{query}")).status_code in {400, 422}


async def test_who_waits_gets_what_is_written_meanwhile(tenancy: Tenancy, admin: Actor) -> None:
    after = await end_of(tenancy)
    waiting = asyncio.ensure_future(read(admin, after, wait=30))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    person = await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
    assert [event["subject_id"] for event in (await waiting)["items"]] == [person["id"]]


async def test_who_waits_is_not_woken_by_what_others_see(tenancy: Tenancy, admin: Actor) -> None:
    mine = (await tenancy.organization())["id"]
    viewer = await tenancy.key((Role.VIEWER, mine))
    waiting = asyncio.ensure_future(read(viewer, await end_of(tenancy), wait=30))
    await asyncio.sleep(0.1)
    await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
    await seal(tenancy)
    await admin.made("/v1/people", {"organization_id": mine, "name": "B"})
    assert [event["organization_id"] for event in (await waiting)["items"]] == [mine]


async def test_a_wait_ends_empty(tenancy: Tenancy, admin: Actor) -> None:
    page = await read(admin, await end_of(tenancy), wait=1)
    assert (page["items"], page["has_more"]) == ([], False)


async def test_a_key_that_is_revoked_while_it_waits_gets_nothing(tenancy: Tenancy, admin: Actor, app: FastAPI) -> None:
    viewer = await tenancy.key((Role.VIEWER, tenancy.root_id))
    waiting = asyncio.ensure_future(ask(viewer, await end_of(tenancy), wait=30))
    await asyncio.sleep(0.1)
    async with operators_transaction(tenancy.owner, tenancy.tenant_id) as tx:
        await revoke_key(tx, tenancy.keys[-1])
    app.state.app_state.invalidate()
    await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
    assert (await waiting).status_code == 401


@pytest.mark.parametrize(
    ("bound", "status", "code"),
    [
        ("_MOST_WAITING_OF_CALLER", 429, "too_many_followers"),
        ("_MOST_WAITING_OF_TENANT", 429, "too_many_followers"),
        ("_MOST_WAITING", 503, "unavailable"),
    ],
)
async def test_a_bounded_number_of_requests_waits(
    tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch, bound: str, status: int, code: str
) -> None:
    admin, after = tenancy.admin, await end_of(tenancy)
    monkeypatch.setattr(watch, bound, 1)
    first = asyncio.ensure_future(read(admin, after, wait=30))
    await until_waiting(tenancy)
    refused = await ask(admin, after, wait=30)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert int(refused.headers["retry-after"]) > 0
    await admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
    assert len((await first)["items"]) == 1
    assert len((await read(admin, after, wait=30))["items"]) == 1


async def test_the_waiting_of_one_tenant_takes_no_place_of_another(
    tenancy: Tenancy, other_tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_MOST_WAITING_OF_TENANT", 1)
    first = asyncio.ensure_future(read(tenancy.admin, await end_of(tenancy), wait=30))
    await until_waiting(tenancy)
    assert (await ask(other_tenancy.admin, await end_of(other_tenancy), wait=1)).status_code == 200
    await tenancy.admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
    assert len((await first)["items"]) == 1


async def test_a_follower_who_is_too_late_is_sent_to_the_lists(tenancy: Tenancy, admin: Actor, urls: Urls) -> None:
    early = (await read(admin, limit=1))["next_after"] if await end_of(tenancy) else ""
    await tenancy.organization()
    end = await end_of(tenancy)
    await purge(tenancy, urls, days_later=91)
    answer = await ask(admin, early)
    assert (answer.status_code, answer.json()["code"]) == (410, "events_expired")
    assert await read_all(admin, end) == []
    assert await read_all(admin) == []
    await tenancy.organization()
    await seal(tenancy)
    assert types(await read_all(admin, end)) == ["organization.created"]


async def test_the_purge_leaves_what_is_kept(tenancy: Tenancy, admin: Actor, urls: Urls) -> None:
    await seal(tenancy)
    whole = await read_all(admin)
    await purge(tenancy, urls, days_later=89)
    assert await read_all(admin) == whole


async def test_a_database_that_was_restored_has_no_place_of_the_future(
    tenancy: Tenancy, admin: Actor, urls: Urls
) -> None:
    after = await end_of(tenancy)
    owner = await asyncpg.connect(urls.owner)
    await owner.execute("update event_feeds set position = position - 1 where tenant_id = $1", tenancy.tenant_id)
    await owner.close()
    assert (await ask(admin, after)).status_code == 410


async def test_what_a_killed_process_left_is_found(tenancy: Tenancy, admin: Actor, app: FastAPI) -> None:
    # The command line commits and wakes nobody, as a process does that is killed after its commit.
    await tenancy.key((Role.VIEWER, tenancy.root_id))
    await app.state.app_state.sealer.seal_all()
    assert types(await read_all(admin))[-1:] == ["api_key.created"]


async def test_events_of_background_work_reach_followers_at_once(tenancy: Tenancy, admin: Actor, app: FastAPI) -> None:
    after, root_id = await end_of(tenancy), UUID(tenancy.root_id)
    async with work_of(app).transaction(tenancy.tenant_id, "test") as tx:
        record_event(tx, "organization.archived", root_id, organization_id=root_id)
    page = await read(admin, after, wait=30)
    assert types(page["items"]) == ["organization.archived"]


async def test_many_events_of_one_tenant_do_not_delay_those_of_another(
    tenancy: Tenancy, other_tenancy: Tenancy, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[UUID] = []
    sealer = Sealer(app.state.app_state.database, turns.append)
    await sealer.seal_all()
    monkeypatch.setattr("app.events.sealer._BATCH", 1)
    for one in (tenancy, tenancy, tenancy, other_tenancy):
        await one.key((Role.VIEWER, one.root_id))
    turns.clear()
    await sealer.seal_all()
    assert set(turns[:2]) == {tenancy.tenant_id, other_tenancy.tenant_id}
    assert turns[-1] == tenancy.tenant_id
