"""Moving organizations: the subtree goes along, paths stay true, the history knows every day, and no race breaks it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.base import now
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.organizations import service
from app.tree import places
from app.tree.history import subtree_on
from app.tree.paths import segment
from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.database import Urls

SEED = 20261005
ROUNDS = 30

# Every place as the parents, archivals and time zones say it, compared with what is stored.
RECOMPUTED = """
with recursive expected as (
    select id, right(path, 23) as path, 0 as depth, null::uuid as archived_by_id, id as timezone_from_id
    from organizations join organization_places p using (tenant_id)
    where tenant_id = $1 and parent_id is null and p.organization_id = id
    union all
    select o.id, e.path || right(p.path, 23), e.depth + 1,
           case when o.archived_at is null then e.archived_by_id else o.id end,
           case when o.timezone is null then e.timezone_from_id else o.id end
    from organizations o join expected e on o.tenant_id = $1 and o.parent_id = e.id
    join organization_places p on p.tenant_id = $1 and p.organization_id = o.id
)
select id, p.path, e is not distinct from (id, p.path, p.depth, p.archived_by_id, p.timezone_from_id) as is_true
from expected e join organization_places p on p.tenant_id = $1 and p.organization_id = e.id
"""
BELOW = """
with recursive below as (
    select id from organizations where tenant_id = $1 and parent_id = $2
    union all
    select o.id from organizations o join below b on o.tenant_id = $1 and o.parent_id = b.id
)
select id from below
"""


@pytest.fixture
async def database(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """The database, as its owner sees it."""
    connection = await asyncpg.connect(urls.owner)
    yield connection
    await connection.close()


@pytest.fixture
def chance() -> random.Random:
    """The same choices in every run."""
    return random.Random(SEED)  # choices, not secrets


async def move(actor: Actor, at: str, to: str, *, if_match: str | None = "*", **body: Any) -> httpx.Response:
    headers = {"If-Match": if_match} if if_match else {}
    return await actor.post(f"/v1/organizations/{at}/move", {"parent_id": to, **body}, headers=headers)


async def moved(actor: Actor, at: str, to: str, **body: Any) -> dict[str, Any]:
    answer = await move(actor, at, to, **body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def read(actor: Actor, at: str) -> dict[str, Any]:
    answer = await actor.get(f"/v1/organizations/{at}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ensure_true_paths(database: asyncpg.Connection, tenant_id: UUID) -> int:
    """Check every place against the parents. Return the number of organizations."""
    rows = await database.fetch(RECOMPUTED, tenant_id)
    for table in ("organizations", "organization_places"):
        stored = await database.fetchval(f"select count(*) from {table} where tenant_id = $1", tenant_id)
        assert len(rows) == stored, "some organization is not below the root"
    wrong = [dict(row) for row in rows if not row["is_true"] or not row["path"].endswith(segment(row["id"]))]
    assert wrong == []
    return len(rows)


async def descendants(actor: Actor, at: str) -> list[str]:
    found, path = [], f"/v1/organizations/{at}/descendants?limit=200"
    while path:
        answer = await actor.get(path)
        assert answer.status_code == 200, answer.text
        found += [item["id"] for item in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    return found


async def at_once(*requests: Awaitable[httpx.Response]) -> list[httpx.Response]:
    answers = list(await asyncio.gather(*requests))
    assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
    return answers


def yesterday(days: int = 1) -> str:
    return (now().date() - timedelta(days=days)).isoformat()


@pytest.fixture
async def reformed(tenancy: Tenancy, admin: Actor) -> dict[str, Any]:
    """A county with a team below it that moved from north to south: all four as they were made, and the answer."""
    north, south = await tenancy.organization(name="North"), await tenancy.organization(name="South")
    county = await tenancy.organization(north["id"], name="County")
    team = await tenancy.organization(county["id"], name="Team")
    tag = (await admin.get(f"/v1/organizations/{county['id']}")).headers["etag"]
    answer = await move(admin, county["id"], south["id"], if_match=tag, moved_on="2026-01-31", reason="Reform")
    assert answer.status_code == 200, answer.text
    return {"north": north, "south": south, "county": county, "team": team, "answer": answer}


async def test_a_moved_organization_has_another_parent_and_version(reformed: dict[str, Any], admin: Actor) -> None:
    answer, county = reformed["answer"], reformed["county"]
    moved_county = answer.json()
    assert (moved_county["parent_id"], moved_county["depth"]) == (reformed["south"]["id"], 2)
    assert (moved_county["version"], moved_county["updated_at"] > county["updated_at"]) == (2, True)
    again = await admin.get(f"/v1/organizations/{county['id']}")
    assert (again.json(), again.headers["etag"]) == (moved_county, answer.headers["etag"])


async def test_the_whole_subtree_comes_along_and_does_not_change(
    reformed: dict[str, Any], tenancy: Tenancy, admin: Actor, database: asyncpg.Connection
) -> None:
    north, south, county, team = (reformed[name] for name in ("north", "south", "county", "team"))
    deeper = await read(admin, team["id"])
    assert (deeper["parent_id"], deeper["depth"], deeper["version"]) == (county["id"], 3, 1)
    assert deeper["updated_at"] == team["updated_at"]
    assert [await read(admin, one["id"]) for one in (north, south)] == [north, south]
    assert await descendants(admin, north["id"]) == []
    assert await descendants(admin, south["id"]) == [county["id"], team["id"]]
    assert await ensure_true_paths(database, tenancy.tenant_id) == 5


async def test_a_move_stays_in_the_history_of_the_organization(reformed: dict[str, Any], admin: Actor) -> None:
    [kept] = (await admin.get(f"/v1/organizations/{reformed['county']['id']}/moves")).json()["items"]
    assert kept == {
        "id": kept["id"],
        "created_at": reformed["answer"].json()["updated_at"],
        "from_parent_id": reformed["north"]["id"],
        "to_parent_id": reformed["south"]["id"],
        "moved_on": "2026-01-31",
        "reason": "Reform",
        "actor_id": kept["actor_id"],
        "actor_name": "first admin key",
    }


async def test_a_move_is_one_event_with_the_number_of_organizations_that_came_along(
    reformed: dict[str, Any], tenancy: Tenancy, database: asyncpg.Connection
) -> None:
    [happened] = await database.fetch(
        "select subject_id, organization_id, data from outbox_events where tenant_id = $1 and type = $2",
        tenancy.tenant_id,
        "organization.moved",
    )
    assert str(happened["subject_id"]) == str(happened["organization_id"]) == reformed["county"]["id"]
    assert json.loads(happened["data"]) == {
        "from_parent_id": reformed["north"]["id"],
        "to_parent_id": reformed["south"]["id"],
        "moved_on": "2026-01-31",
        "reason": "Reform",
        "descendants": 1,
    }


async def test_a_move_counts_as_a_change_of_the_moved_organization_only(tenancy: Tenancy, admin: Actor) -> None:
    top, aside = await tenancy.organization(), await tenancy.organization()
    await tenancy.organization(top["id"])
    since = (await moved(admin, top["id"], aside["id"]))["updated_at"]
    changed = await admin.get("/v1/organizations", params={"updated_since": since})
    assert [one["id"] for one in changed.json()["items"]] == [top["id"]]
    below = await admin.get(f"/v1/organizations/{tenancy.root_id}/descendants", params={"updated_since": since})
    assert [one["id"] for one in below.json()["items"]] == [top["id"]]


async def test_a_move_needs_the_version_that_was_read(tenancy: Tenancy, admin: Actor) -> None:
    site, other = await tenancy.organization(), await tenancy.organization()
    tag = (await admin.get(f"/v1/organizations/{site['id']}")).headers["etag"]
    assert outcome(await move(admin, site["id"], other["id"], if_match=None)) == (428, "precondition_required")
    await admin.patch(f"/v1/organizations/{site['id']}", {"name": "Other"})
    stale = await move(admin, site["id"], other["id"], if_match=tag)
    assert outcome(stale) == (412, "precondition_failed")
    assert stale.headers["etag"].startswith('"2.')
    assert (await read(admin, site["id"]))["parent_id"] == tenancy.root_id


async def test_what_a_move_may_not_do(
    tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor, database: asyncpg.Connection
) -> None:
    top, closed = await tenancy.organization(), await tenancy.organization()
    leaf = await tenancy.organization((await tenancy.organization(top["id"]))["id"])
    await admin.move(f"/v1/organizations/{closed['id']}", "archived")
    for below in (top["id"], leaf["id"]):
        refused = await move(admin, top["id"], below)
        assert outcome(refused) == (422, "organization_cycle")
        assert [one["pointer"] for one in refused.json()["errors"]] == ["/body/parent_id"]
    assert outcome(await move(admin, top["id"], tenancy.root_id)) == (409, "already_there")
    assert outcome(await move(admin, top["id"], closed["id"])) == (409, "organization_archived")
    assert outcome(await move(admin, tenancy.root_id, top["id"])) == (409, "root_organization")
    assert outcome(await move(admin, tenancy.root_id, tenancy.root_id)) == (409, "root_organization")
    unseen = [await move(admin, top["id"], at) for at in (str(uuid4()), other_tenancy.root_id)]
    for refused in unseen:
        assert outcome(refused) == (422, "unknown_organization")
        assert {**refused.json(), "request_id": ""} == {**unseen[0].json(), "request_id": ""}
    for foreign in (str(uuid4()), other_tenancy.root_id):
        assert outcome(await move(admin, foreign, top["id"])) == (404, "not_found")
    assert (await read(admin, top["id"]))["version"] == 1
    await ensure_true_paths(database, tenancy.tenant_id)
    # What is archived may still be put where it belongs.
    assert (await moved(admin, closed["id"], top["id"]))["status"] == "archived"


async def test_the_tree_does_not_grow_too_deep_by_moves(
    tenancy: Tenancy, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAXIMUM_DEPTH", 4)
    deep = tenancy.root_id
    chain = []
    for _ in range(4):
        deep = (await tenancy.organization(deep))["id"]
        chain.append(deep)
    assert outcome(await admin.post("/v1/organizations", {"parent_id": deep, "kind": "team", "name": "T"})) == (
        422,
        "tree_too_deep",
    )
    pair = await tenancy.organization()
    await tenancy.organization(pair["id"])
    assert outcome(await move(admin, pair["id"], chain[2])) == (422, "tree_too_deep")
    assert (await moved(admin, pair["id"], chain[1]))["depth"] == 3


async def test_a_move_takes_a_role_at_both_places(tenancy: Tenancy) -> None:
    here, there = await tenancy.organization(), await tenancy.organization()
    site = await tenancy.organization(here["id"])
    only_here = await tenancy.key(("admin", site["id"]))
    refused = await move(only_here, site["id"], there["id"])
    assert outcome(refused) == (422, "unknown_organization")
    seen = await tenancy.key(("admin", site["id"]), ("manager", there["id"]))
    assert outcome(await move(seen, site["id"], there["id"])) == (403, "forbidden")
    only_there = await tenancy.key(("viewer", site["id"]), ("admin", there["id"]))
    assert outcome(await move(only_there, site["id"], there["id"])) == (403, "forbidden")
    assert outcome(await move(await tenancy.key(("admin", there["id"])), site["id"], there["id"])) == (404, "not_found")
    both = await tenancy.key(("admin", site["id"]), ("admin", there["id"]))
    assert (await moved(both, site["id"], there["id"]))["parent_id"] == there["id"]


async def test_roles_count_at_the_new_place_at_once(tenancy: Tenancy, admin: Actor) -> None:
    old, new = await tenancy.organization(), await tenancy.organization()
    site = await tenancy.organization(old["id"])
    team = await tenancy.organization(site["id"])
    before, after = await tenancy.key(("viewer", old["id"])), await tenancy.key(("viewer", new["id"]))
    own = await tenancy.key(("viewer", site["id"]))

    async def sees(actor: Actor) -> list[int]:
        return [(await actor.get(f"/v1/organizations/{one['id']}")).status_code for one in (site, team)]

    assert [await sees(before), await sees(after), await sees(own)] == [[200, 200], [404, 404], [200, 200]]
    await moved(admin, site["id"], new["id"])
    assert [await sees(before), await sees(after), await sees(own)] == [[404, 404], [200, 200], [200, 200]]
    assert site["id"] not in {one["id"] for one in (await before.get("/v1/organizations")).json()["items"]}
    assert {one["id"] for one in (await own.get("/v1/organizations")).json()["items"]} == {site["id"], team["id"]}


async def test_what_was_read_before_a_change_is_not_remembered_after_it(app: FastAPI, tenancy: Tenancy) -> None:
    viewer = await tenancy.key(("viewer", tenancy.root_id))
    authenticate = app.state.app_state.authenticate
    credential = f"Bearer {viewer.token}"
    asking = asyncio.create_task(authenticate(credential))
    await asyncio.sleep(0)
    authenticate.invalidate()
    stale = await asking
    kept = await authenticate(credential)
    assert kept is not stale
    assert await authenticate(credential) is kept


async def test_an_implementation_keeps_its_program_when_it_moves_out_of_reach(tenancy: Tenancy, admin: Actor) -> None:
    old, new = await tenancy.organization(), await tenancy.organization()
    site = await tenancy.organization(old["id"])
    program = await admin.made("/v1/programs", {"organization_id": old["id"], "name": "Visits"})
    body = {"organization_id": site["id"], "program_id": program["id"]}
    use = await admin.made("/v1/implementations", body)
    assessment = await admin.made("/v1/assessments", {"implementation_id": use["id"], "title": "First"})
    await moved(admin, site["id"], new["id"])
    assert (await admin.get(f"/v1/implementations/{use['id']}")).json() == use
    opened = await admin.move(f"/v1/assessments/{assessment['id']}", "collecting")
    assert (opened.status_code, opened.json()["implementation_id"]) == (200, use["id"])
    # Only a new use needs a program of the organization or of one above it.
    other = await tenancy.organization(new["id"])
    refused = await admin.post("/v1/implementations", body | {"organization_id": other["id"]})
    assert outcome(refused) == (422, "program_out_of_reach")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_the_day_of_a_move_is_the_roots(tenancy: Tenancy, admin: Actor, zone: str) -> None:
    await admin.patch(f"/v1/organizations/{tenancy.root_id}", {"timezone": zone})
    east, west = await tenancy.organization(), await tenancy.organization()
    site = await tenancy.organization(timezone="UTC")
    today = datetime.now(ZoneInfo(zone)).date()
    refused = await move(admin, site["id"], east["id"], moved_on=(today + timedelta(days=1)).isoformat())
    assert outcome(refused) == (422, "moved_on_in_future")
    assert refused.json()["errors"][0]["pointer"] == "/body/moved_on"
    await moved(admin, site["id"], east["id"])
    refused = await move(admin, site["id"], west["id"], moved_on=(today - timedelta(days=1)).isoformat())
    assert outcome(refused) == (422, "moved_on_too_early")
    await moved(admin, site["id"], west["id"], moved_on=today.isoformat())
    days = [one["moved_on"] for one in (await admin.get(f"/v1/organizations/{site['id']}/moves")).json()["items"]]
    assert days == [today.isoformat()] * 2


async def test_a_move_is_not_before_the_last_one_where_the_root_went_back_a_day(tenancy: Tenancy, admin: Actor) -> None:
    root = f"/v1/organizations/{tenancy.root_id}"
    site, other = await tenancy.organization(), await tenancy.organization()
    await admin.patch(root, {"timezone": "Pacific/Kiritimati"})
    await moved(admin, site["id"], other["id"])
    day = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
    await admin.patch(root, {"timezone": "Pacific/Pago_Pago"})
    await moved(admin, site["id"], tenancy.root_id)
    days = [one["moved_on"] for one in (await admin.get(f"/v1/organizations/{site['id']}/moves")).json()["items"]]
    assert days == [day.isoformat()] * 2


async def test_two_nodes_in_different_time_zones_can_be_swapped(tenancy: Tenancy, admin: Actor) -> None:
    upper = await tenancy.organization(timezone="Pacific/Pago_Pago")
    lower = await tenancy.organization(upper["id"], timezone="Pacific/Kiritimati")
    await moved(admin, lower["id"], tenancy.root_id)
    assert (await moved(admin, upper["id"], lower["id"]))["parent_id"] == lower["id"]
    await moved(admin, upper["id"], tenancy.root_id)
    assert (await moved(admin, lower["id"], upper["id"]))["parent_id"] == upper["id"]


async def test_a_day_on_which_it_would_have_closed_a_circle_is_refused(tenancy: Tenancy, admin: Actor) -> None:
    first, second = await tenancy.organization(), await tenancy.organization()
    third = await tenancy.organization(second["id"])
    await moved(admin, second["id"], first["id"], moved_on=yesterday(30))
    await moved(admin, second["id"], tenancy.root_id, moved_on=yesterday(10))
    for day in (yesterday(40), yesterday(30), yesterday(11)):
        refused = await move(admin, first["id"], third["id"], moved_on=day)
        assert outcome(refused) == (422, "organization_cycle")
        assert refused.json()["errors"][0]["pointer"] == "/body/moved_on"
    await moved(admin, first["id"], third["id"], moved_on=yesterday(10))


async def test_the_history_pages_and_is_for_those_who_see_the_organization(
    tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor
) -> None:
    parents = [await tenancy.organization() for _ in range(2)]
    site = await tenancy.organization()
    for turn in range(5):
        await moved(admin, site["id"], parents[turn % 2]["id"], reason=f"Turn {turn}")
    path = f"/v1/organizations/{site['id']}/moves"
    whole = (await admin.get(path)).json()["items"]
    assert [one["reason"] for one in whole] == [f"Turn {turn}" for turn in range(5)]
    assert [one["from_parent_id"] for one in whole[1:]] == [one["to_parent_id"] for one in whole[:-1]]
    seen, link = [], f"{path}?limit=2&sort=-id"
    while link:
        answer = await admin.get(link)
        seen += answer.json()["items"]
        link = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == whole[::-1]
    later = await admin.get(path, params={"updated_since": whole[3]["created_at"]})
    assert later.json()["items"] == whole[3:]
    assert (await admin.get(path, params={"updated_since": whole[3]["created_at"], "limit": 1})).json()["next_cursor"]
    for query in ("sort=moved_on", "moved_on=2026-01-01", "updated_since=2026-01-01", "updated_since=1", "limit=0"):
        assert outcome(await admin.get(f"{path}?{query}")) == (422, "invalid")
    assert outcome(await other_tenancy.admin.get(path)) == (404, "not_found")
    assert outcome(await (await tenancy.key(("viewer", parents[1]["id"]))).get(path)) == (404, "not_found")
    assert (await (await tenancy.key(("viewer", parents[0]["id"]))).get(path)).json()["items"] == whole


async def test_deleting_what_moved_and_keeping_where_it_was(tenancy: Tenancy, admin: Actor) -> None:
    old, new = await tenancy.organization(), await tenancy.organization()
    site = await tenancy.organization(old["id"])
    await moved(admin, site["id"], new["id"])
    kept = await admin.delete(f"/v1/organizations/{old['id']}")
    assert outcome(kept) == (409, "in_use")
    assert (await admin.delete(f"/v1/organizations/{site['id']}")).status_code == 204
    assert (await admin.delete(f"/v1/organizations/{old['id']}")).status_code == 204


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/body/parent_id"),
        ({"parent_id": None}, "/body/parent_id"),
        ({"parent_id": "root"}, "/body/parent_id"),
        ({"parent_id": 7}, "/body/parent_id"),
        ({"parent_id": ["x"]}, "/body/parent_id"),
        ({"moved_on": 0}, "/body/moved_on"),
        ({"moved_on": True}, "/body/moved_on"),
        ({"moved_on": "yesterday"}, "/body/moved_on"),
        ({"moved_on": "2026-02-30"}, "/body/moved_on"),
        ({"moved_on": "2026-01-01T00:00:00Z"}, "/body/moved_on"),
        ({"moved_on": "1066-10-14"}, "/body/moved_on"),
        ({"moved_on": "9999-12-31"}, "/body/moved_on"),
        ({"reason": ""}, "/body/reason"),
        ({"reason": "a\x00b"}, "/body/reason"),
        ({"reason": "x" * 10_001}, "/body/reason"),
        ({"reason": {}}, "/body/reason"),
        ({"depth": 1}, "/body/depth"),
        ([], "/body"),
    ],
)
async def test_hostile_bodies(tenancy: Tenancy, admin: Actor, body: Any, pointer: str) -> None:
    site, other = await tenancy.organization(), await tenancy.organization()
    sent = {"parent_id": other["id"], **body} if body else body
    answer = await admin.post(f"/v1/organizations/{site['id']}/move", sent, headers={"If-Match": "*"})
    assert outcome(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert await read(admin, site["id"]) == site


async def test_a_move_can_be_rehearsed_and_repeated(tenancy: Tenancy, admin: Actor) -> None:
    site, other = await tenancy.organization(), await tenancy.organization()
    path, body = f"/v1/organizations/{site['id']}/move", {"parent_id": other["id"]}
    rehearsed = await admin.post(f"{path}?dry_run=true", body, headers={"If-Match": "*"})
    assert (rehearsed.status_code, rehearsed.json()["depth"]) == (200, 2)
    assert await read(admin, site["id"]) == site
    headers = {"If-Match": "*", "Idempotency-Key": "move-1"}
    answers = [await admin.post(path, body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert len((await admin.get(f"{path}s")).json()["items"]) == 1


async def test_two_moves_never_close_a_circle(
    tenancy: Tenancy, admin: Actor, database: asyncpg.Connection, chance: random.Random
) -> None:
    outcomes = set()
    for _ in range(ROUNDS):
        first, second = await tenancy.organization(), await tenancy.organization()
        inner = [(await tenancy.organization(one["id"]))["id"] for one in (first, second)]
        pairs = [(first["id"], chance.choice([second["id"], inner[1]])), (second["id"], inner[0])]
        chance.shuffle(pairs)
        answers = await at_once(*(move(admin, one, other) for one, other in pairs))
        assert sorted(outcome(answer)[0] for answer in answers) == [200, 422]
        outcomes.add(pairs[0][0] == first["id"])
    assert outcomes == {True, False}
    await ensure_true_paths(database, tenancy.tenant_id)


async def test_what_is_created_during_a_move_ends_in_its_place(
    tenancy: Tenancy, admin: Actor, database: asyncpg.Connection
) -> None:
    parents = [await tenancy.organization() for _ in range(2)]
    top = await tenancy.organization(parents[0]["id"])
    middle = await tenancy.organization(top["id"])
    inner = await tenancy.organization(middle["id"])

    async def make(parent: str) -> httpx.Response:
        return await admin.post("/v1/organizations", {"parent_id": parent, "kind": "team", "name": "Late"})

    for turn in range(ROUNDS):
        made = [make(at["id"]) for at in (top, middle, inner, inner, middle)]
        answers = await at_once(*made[:3], move(admin, top["id"], parents[1 - turn % 2]["id"]), *made[3:])
        assert {answer.status_code for answer in answers} == {200, 201}
        await ensure_true_paths(database, tenancy.tenant_id)
    assert await ensure_true_paths(database, tenancy.tenant_id) == 6 + 5 * ROUNDS


async def test_archiving_or_deleting_the_new_parent_meets_the_move(
    tenancy: Tenancy, admin: Actor, database: asyncpg.Connection
) -> None:
    for turn in range(ROUNDS):
        site, target = await tenancy.organization(), await tenancy.organization()
        path = f"/v1/organizations/{target['id']}"
        other = admin.delete(path) if turn % 2 else admin.move(path, "archived")
        answers = await at_once(*([move(admin, site["id"], target["id"]), other][:: -1 if turn % 3 else 1]))
        there = (await read(admin, site["id"]))["parent_id"] == target["id"]
        assert {outcome(answer) for answer in answers} <= {
            (200, None),
            (204, None),
            (409, "has_children"),
            (409, "organization_archived"),
            (422, "unknown_organization"),
        }
        assert (await admin.get(path)).status_code == (200 if there or not turn % 2 else 404)
    await ensure_true_paths(database, tenancy.tenant_id)


class Model:
    """The tree as a plain dictionary, with a copy for every day."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.parents: dict[str, str | None] = {root: None}
        self.moves: list[tuple[date, str, str]] = []
        self.first: dict[str, str | None] = {root: None}
        self.last: dict[str, date] = {}

    def add(self, child: str, parent: str) -> None:
        self.parents[child] = self.first[child] = parent

    def above(self, parents: dict[str, str | None], at: str | None) -> list[str]:
        found: list[str] = []
        while at is not None:
            assert at not in found, "a circle"
            found.append(at)
            at = parents[at]
        return found

    def on(self, day: date) -> dict[str, str | None]:
        """Return every organization's parent at the end of a day."""
        parents = dict(self.first)
        for moved_on, child, parent in sorted(self.moves, key=lambda one: one[0]):
            if moved_on <= day:
                parents[child] = parent
        return parents

    def subtree(self, parents: dict[str, str | None], top: str) -> set[str]:
        return {one for one in parents if top in self.above(parents, one)}

    def allows(self, child: str, parent: str, day: date) -> bool:
        if child in self.last and day < self.last[child]:
            return False
        days = {day} | {moved_on for moved_on, _, _ in self.moves if moved_on > day}
        return all(child not in self.above(self.on(one), parent) for one in days)

    def move(self, child: str, parent: str, day: date) -> None:
        self.parents[child] = parent
        self.moves.append((day, child, parent))
        self.last[child] = day


async def move_at_random(admin: Actor, model: Model, chance: random.Random) -> int:
    """Ask for a random move, compare the answer with the model, and return its status."""
    child, parent = chance.choice(list(model.parents)[1:]), chance.choice(list(model.parents))
    day = now().date() - timedelta(days=chance.choice([0, 0, chance.randint(0, 40)]))
    answer = await move(admin, child, parent, moved_on=day.isoformat())
    if model.parents[child] == parent:
        assert outcome(answer) == (409, "already_there")
    elif child in model.above(model.parents, parent):
        assert outcome(answer) == (422, "organization_cycle")
    else:
        assert (answer.status_code == 200) == model.allows(child, parent, day), answer.text
    if answer.status_code == 200:
        model.move(child, parent, day)
    return answer.status_code


async def compare_the_present(admin: Actor, model: Model, tenancy: Tenancy, database: asyncpg.Connection) -> None:
    """Compare every subtree with the model, as it is listed and as it is stored."""
    await ensure_true_paths(database, tenancy.tenant_id)
    for top in model.parents:
        listed = await descendants(admin, top)
        assert set(listed) == model.subtree(model.parents, top) - {top}
        assert set(listed) == {str(row["id"]) for row in await database.fetch(BELOW, tenancy.tenant_id, UUID(top))}


async def compare_a_day(app: FastAPI, model: Model, tenancy: Tenancy, day: date) -> None:
    """Compare every subtree at the end of a day with the model."""
    then = model.on(day)
    moved_by_then = {child for at, child, _ in model.moves if at <= day}
    made = {one for one in then if day == now().date() or one in moved_by_then}
    for top in made:
        found = await subtree_on(app.state.app_state.database.reads, tenancy.tenant_id, UUID(top), day)
        # Nothing was made before today, so earlier days know what had moved by then.
        expected = {one for one in model.subtree(then, top) if set(path_to(model, then, one, top)) <= made}
        assert sorted(str(one) for one in found) == sorted(expected)


async def test_many_moves_keep_every_path_and_every_past_day(
    app: FastAPI, tenancy: Tenancy, admin: Actor, database: asyncpg.Connection, chance: random.Random
) -> None:
    model = Model(tenancy.root_id)
    for _ in range(24):
        parent = chance.choice(list(model.parents))
        model.add((await tenancy.organization(parent))["id"], parent)
    counts = {200: 0, 409: 0, 422: 0}
    for turn in range(150):
        counts[await move_at_random(admin, model, chance)] += 1
        if turn % 10 == 9:
            await compare_the_present(admin, model, tenancy, database)
    assert min(counts.values()) > 2
    for days in range(0, 42, 3):
        await compare_a_day(app, model, tenancy, now().date() - timedelta(days=days))


def path_to(model: Model, parents: dict[str, str | None], one: str, top: str) -> list[str]:
    way = model.above(parents, one)
    return way[: way.index(top) + 1]


async def test_today_the_history_tells_the_present_tree(
    app: FastAPI, tenancy: Tenancy, other_tenancy: Tenancy, admin: Actor
) -> None:
    old, new = await tenancy.organization(), await tenancy.organization()
    site = await tenancy.organization(old["id"])
    team = await tenancy.organization(site["id"])
    await moved(admin, site["id"], new["id"], moved_on=yesterday(5))
    pool = app.state.app_state.database.reads

    async def below(top: str, day: str, tenant_id: UUID = tenancy.tenant_id) -> set[str]:
        return {str(one) for one in await subtree_on(pool, tenant_id, UUID(top), date.fromisoformat(day))}

    today = now().date().isoformat()
    assert await below(new["id"], today) == {new["id"], site["id"], team["id"]}
    assert await below(old["id"], today) == {old["id"]}
    assert await below(site["id"], yesterday(5)) == {site["id"]}
    assert await below(site["id"], yesterday(6)) == set()
    assert await below(new["id"], today, other_tenancy.tenant_id) == set()


async def grow(owner: AsyncEngine, tenant_id: UUID, top: str, count: int) -> None:
    """Many organizations below one, ten to each."""
    nodes: list[tuple[UUID, UUID, str, int]] = []
    async with owner.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        row = await raw.fetchrow(
            "select path, depth, timezone_from_id from organization_places "
            "where tenant_id = $1 and organization_id = $2",
            tenant_id,
            UUID(top),
        )
        nodes.append((UUID(top), UUID(top), row["path"], row["depth"]))
        for number in range(count):
            parent, _, path, depth = nodes[number // 10]
            made = uuid7()
            nodes.append((made, parent, path + segment(made), depth + 1))
        at = datetime.now(UTC)
        await raw.copy_records_to_table(
            "organizations",
            records=[
                (tenant_id, made, at, at, 1, parent, "team", "Team", "team") for made, parent, _, _ in nodes[1:]
            ],
            columns=[
                "tenant_id", "id", "created_at", "updated_at", "version", "parent_id", "kind", "name", "name_key",
            ],
        )  # fmt: skip
        await raw.copy_records_to_table(
            "organization_places",
            records=[(tenant_id, made, path, depth, row["timezone_from_id"]) for made, _, path, depth in nodes[1:]],
            columns=["tenant_id", "organization_id", "path", "depth", "timezone_from_id"],
        )


async def test_a_large_subtree_moves_in_batches(
    tenancy: Tenancy, owner: AsyncEngine, admin: Actor, database: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    top, there = await tenancy.organization(), await tenancy.organization()
    await grow(owner, tenancy.tenant_id, top["id"], 500)
    monkeypatch.setattr(places, "BATCH", 37)
    await moved(admin, top["id"], there["id"])
    assert await ensure_true_paths(database, tenancy.tenant_id) == 503


class Pause:
    """Holds a rewrite of places after its first pass, as a very large one would take its time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.resume = asyncio.Event(), asyncio.Event()
        self._rewrite = places.rewrite
        monkeypatch.setattr(places, "rewrite", self)

    async def __call__(self, tx: Tx, change: places.PlaceChange) -> int:
        changed = await self._rewrite(tx, change)
        if not self.reached.is_set():
            self.reached.set()
            await self.resume.wait()
        return changed


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Pause:
    return Pause(monkeypatch)


async def test_others_write_in_a_subtree_while_it_moves(
    tenancy: Tenancy, admin: Actor, database: asyncpg.Connection, pause: Pause
) -> None:
    old, new = await tenancy.organization(), await tenancy.organization()
    top = await tenancy.organization(old["id"])
    leaf = await tenancy.organization(top["id"])
    moving = asyncio.create_task(move(admin, top["id"], new["id"]))
    await pause.reached.wait()
    person = await admin.made("/v1/people", {"organization_id": leaf["id"], "name": "Coach"})
    late = await tenancy.organization(leaf["id"], name="Late")
    await admin.patch(f"/v1/organizations/{leaf['id']}", {"name": "Renamed"})
    assert (await read(admin, late["id"]))["depth"] == 4
    assert await descendants(admin, new["id"]) == []
    pause.resume.set()
    assert (await moving).status_code == 200
    assert await descendants(admin, new["id"]) == [top["id"], leaf["id"], late["id"]]
    assert (await admin.get(f"/v1/people?subtree={new['id']}")).json()["items"] == [person]
    await ensure_true_paths(database, tenancy.tenant_id)


async def test_a_second_large_change_is_refused_while_one_is_under_way(
    tenancy: Tenancy, admin: Actor, pause: Pause
) -> None:
    top, leaf, new = [await tenancy.organization() for _ in range(3)]
    moving = asyncio.create_task(move(admin, top["id"], new["id"]))
    await pause.reached.wait()
    for refused in await at_once(
        move(admin, leaf["id"], new["id"]),
        admin.move(f"/v1/organizations/{leaf['id']}", "archived"),
        admin.delete(f"/v1/organizations/{top['id']}"),
    ):
        assert (outcome(refused), refused.headers["retry-after"]) == ((409, "tree_busy"), "2")
    pause.resume.set()
    assert (await moving).status_code == 200
    assert (await move(admin, leaf["id"], new["id"])).status_code == 200


async def test_what_changes_during_a_move_is_checked_again(tenancy: Tenancy, admin: Actor, pause: Pause) -> None:
    top, new = await tenancy.organization(), await tenancy.organization()
    tag = (await admin.get(f"/v1/organizations/{top['id']}")).headers["etag"]
    moving = asyncio.create_task(move(admin, top["id"], new["id"], if_match=tag))
    await pause.reached.wait()
    await admin.patch(f"/v1/organizations/{top['id']}", {"name": "Renamed"})
    pause.resume.set()
    assert outcome(await moving) == (412, "precondition_failed")
    assert (await read(admin, top["id"]))["parent_id"] == tenancy.root_id


async def test_a_move_that_dies_half_way_leaves_the_old_tree(
    tenancy: Tenancy, admin: Actor, database: asyncpg.Connection, pause: Pause
) -> None:
    top, new = await tenancy.organization(), await tenancy.organization()
    leaf = await tenancy.organization(top["id"])
    moving = asyncio.create_task(move(admin, top["id"], new["id"]))
    await pause.reached.wait()
    moving.cancel()
    await asyncio.wait([moving])
    assert await read(admin, leaf["id"]) == leaf
    await ensure_true_paths(database, tenancy.tenant_id)
    await moved(admin, top["id"], new["id"])
