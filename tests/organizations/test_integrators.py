"""An integrator maintains what an admin linked to an external source, by every way to change organizations alike."""

from typing import Any

import httpx
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome

REFUSED = (403, "not_maintained")
FIELDS = {"kind": "site", "name": "From the feed"}


def hr(external_id: str, source: str = "hr") -> list[dict[str, str]]:
    return [{"source": source, "external_id": external_id}]


async def create(actor: Actor, parent_id: str, external_ids: list[dict[str, str]]) -> httpx.Response:
    return await actor.post("/v1/organizations", {"parent_id": parent_id, "external_ids": external_ids, **FIELDS})


async def upsert(actor: Actor, parent_id: str, external_ids: list[dict[str, str]], **fields: Any) -> httpx.Response:
    [one] = external_ids
    path = f"/v1/organizations/by-external-id/{one['source']}/{one['external_id']}"
    return await actor.put(path, {"parent_id": parent_id, **FIELDS, **fields})


async def move(actor: Actor, organization: dict[str, Any], parent_id: str) -> httpx.Response:
    path = f"/v1/organizations/{organization['id']}/move"
    return await actor.post(path, {"parent_id": parent_id}, headers={"If-Match": "*"})


async def upsert_move(actor: Actor, organization: dict[str, Any], parent_id: str) -> httpx.Response:
    return await upsert(actor, parent_id, organization["external_ids"][:1], name=organization["name"])


@pytest.fixture
async def feed(tenancy: Tenancy) -> Actor:
    return await tenancy.key(("integrator", tenancy.root_id))


@pytest.mark.parametrize("way", [create, upsert])
async def test_an_integrator_creates_below_a_linked_parent(tenancy: Tenancy, feed: Actor, way: Any) -> None:
    linked = await tenancy.organization(external_ids=hr("region"))
    made = await way(feed, linked["id"], hr("county"))
    assert (made.status_code, made.json()["external_ids"]) == (201, hr("county"))
    assert (await way(feed, made.json()["id"], hr("team"))).status_code == 201


@pytest.mark.parametrize("way", [create, upsert])
async def test_an_integrator_creates_nothing_below_an_unlinked_parent(tenancy: Tenancy, feed: Actor, way: Any) -> None:
    unlinked = await tenancy.organization()
    assert outcome(await way(feed, unlinked["id"], hr("county"))) == REFUSED


@pytest.mark.parametrize("way", [create, upsert])
async def test_an_integrator_creates_nothing_of_a_source_the_parent_lacks(
    tenancy: Tenancy, feed: Actor, way: Any
) -> None:
    linked = await tenancy.organization(external_ids=hr("region"))
    assert outcome(await way(feed, linked["id"], hr("county", "finance"))) == REFUSED


async def test_an_integrator_creates_nothing_without_an_external_id(tenancy: Tenancy, feed: Actor) -> None:
    linked = await tenancy.organization(external_ids=hr("region"))
    assert outcome(await create(feed, linked["id"], [])) == REFUSED


@pytest.mark.parametrize("changes", [{"name": "New"}, {"staff_count": 3}, {"external_ids": hr("mine")}])
async def test_an_integrator_changes_nothing_unlinked(tenancy: Tenancy, feed: Actor, changes: dict[str, Any]) -> None:
    unlinked = await tenancy.organization()
    path = f"/v1/organizations/{unlinked['id']}"
    assert outcome(await feed.patch(path, changes)) == REFUSED
    assert (await tenancy.admin.get(path)).json() == unlinked


async def test_an_integrator_renames_what_is_linked(tenancy: Tenancy, feed: Actor) -> None:
    linked = await tenancy.organization(external_ids=hr("region"))
    renamed = await feed.patch(f"/v1/organizations/{linked['id']}", {"name": "New", "staff_count": 3, "kind": "region"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "New")
    assert (await upsert(feed, tenancy.root_id, hr("region"), name="Newer")).json()["name"] == "Newer"


@pytest.mark.parametrize("wanted", [[], hr("x", "finance"), [*hr("region"), *hr("x", "finance")]])
async def test_only_an_admin_links_and_unlinks(
    tenancy: Tenancy, feed: Actor, admin: Actor, wanted: list[dict[str, str]]
) -> None:
    linked = await tenancy.organization(external_ids=hr("region"))
    path = f"/v1/organizations/{linked['id']}"
    assert outcome(await feed.patch(path, {"external_ids": wanted})) == REFUSED
    assert (await admin.patch(path, {"external_ids": wanted})).status_code == 200


async def test_an_integrator_renumbers_within_a_linked_source(tenancy: Tenancy, feed: Actor) -> None:
    linked = await tenancy.organization(external_ids=hr("region"))
    wanted = [*hr("r1"), *hr("r2")]
    answer = await feed.patch(f"/v1/organizations/{linked['id']}", {"external_ids": wanted})
    assert (answer.status_code, answer.json()["external_ids"]) == (200, wanted)


@pytest.mark.parametrize("way", [move, upsert_move])
async def test_an_integrator_moves_between_linked_parents(tenancy: Tenancy, feed: Actor, way: Any) -> None:
    old, new = [await tenancy.organization(external_ids=hr(name)) for name in ("old", "new")]
    site = await tenancy.organization(old["id"], external_ids=[*hr("site"), *hr("site", "finance")])
    moved = await way(feed, site, new["id"])
    assert (moved.status_code, moved.json()["parent_id"]) == (200, new["id"])


@pytest.mark.parametrize("way", [move, upsert_move])
@pytest.mark.parametrize(
    ("old_links", "new_links"),
    [([], hr("new")), (hr("old"), []), (hr("old", "finance"), hr("new")), (hr("old"), hr("new", "finance"))],
)
async def test_an_integrator_moves_nothing_into_or_out_of_an_unlinked_branch(
    tenancy: Tenancy, feed: Actor, way: Any, old_links: list[dict[str, str]], new_links: list[dict[str, str]]
) -> None:
    old = await tenancy.organization(external_ids=old_links)
    new = await tenancy.organization(external_ids=new_links)
    site = await tenancy.organization(old["id"], external_ids=hr("site"))
    assert outcome(await way(feed, site, new["id"])) == REFUSED
    assert (await tenancy.admin.get(f"/v1/organizations/{site['id']}")).json() == site


async def test_an_integrator_moves_nothing_unlinked(tenancy: Tenancy, feed: Actor) -> None:
    old, new = [await tenancy.organization(external_ids=hr(name)) for name in ("old", "new")]
    site = await tenancy.organization(old["id"])
    assert outcome(await move(feed, site, new["id"])) == REFUSED


async def test_an_integrator_neither_archives_nor_deletes(tenancy: Tenancy, feed: Actor) -> None:
    linked = await tenancy.organization(external_ids=hr("region"))
    path = f"/v1/organizations/{linked['id']}"
    assert outcome(await feed.move(path, "archived")) == (403, "forbidden")
    assert outcome(await feed.delete(path)) == (403, "forbidden")


async def test_an_unlinked_organization_is_the_admins_again(tenancy: Tenancy, feed: Actor, admin: Actor) -> None:
    linked = await tenancy.organization(external_ids=hr("region"))
    await admin.patch(f"/v1/organizations/{linked['id']}", {"external_ids": []})
    assert outcome(await feed.patch(f"/v1/organizations/{linked['id']}", {"name": "New"})) == REFUSED
    assert outcome(await create(feed, linked["id"], hr("county"))) == REFUSED


async def test_the_rule_shows_nothing_about_what_the_caller_cannot_see(tenancy: Tenancy) -> None:
    seen, unseen = [await tenancy.organization(external_ids=hr(name)) for name in ("seen", "unseen")]
    feed = await tenancy.key(("integrator", seen["id"]))
    assert outcome(await create(feed, unseen["id"], hr("county"))) == (404, "not_found")
    assert outcome(await move(feed, seen, unseen["id"])) == (422, "unknown_organization")
    assert outcome(await feed.patch(f"/v1/organizations/{unseen['id']}", {"name": "New"})) == (404, "not_found")
