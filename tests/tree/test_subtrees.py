"""`subtree` on every list of things that live in organizations: the same meaning and the same sight everywhere."""

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.places import MISSING, Place, furnish

#: What each list shows of a place.
LISTS = {
    "/v1/organizations": ("organization",),
    "/v1/programs": ("program",),
    "/v1/implementations": ("implementation",),
    "/v1/people": ("person",),
    "/v1/assessments": ("assessment",),
    "/v1/action-items": ("action_item",),
    "/v1/metrics": ("metric",),
    "/v1/jobs": ("job", "roster_import"),
}


@pytest.fixture
async def places(tenancy: Tenancy) -> list[Place]:
    """One of each thing at a region, at a county below it, and at another region."""
    region, other = await tenancy.organization(), await tenancy.organization()
    county = await tenancy.organization(region["id"])
    return [await furnish(tenancy, one["id"]) for one in (region, county, other)]


def ids(kinds: tuple[str, ...], *places: Place) -> list[str]:
    return [getattr(place, kind) for place in places for kind in kinds]


async def listed(actor: Actor, path: str, subtree: str) -> list[str]:
    answer = await actor.get(path, params={"subtree": subtree, "limit": 200})
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]]


async def test_every_list_has_an_organization_and_what_is_below_it(
    tenancy: Tenancy, admin: Actor, places: list[Place]
) -> None:
    region, county, _ = places
    for path, kinds in LISTS.items():
        found = await listed(admin, path, region.organization)
        assert found == ids(kinds, region, county), path
        assert await listed(admin, path, county.organization) == ids(kinds, county), path
        assert len(await listed(admin, path, tenancy.root_id)) >= 3, path


async def test_a_subtree_the_caller_cannot_see_is_not_found(tenancy: Tenancy, places: list[Place]) -> None:
    region, county, other = places
    viewer = await tenancy.key(("viewer", region.organization))
    for path, kinds in LISTS.items():
        assert await listed(viewer, path, county.organization) == ids(kinds, county), path
        answers = [await viewer.get(path, params={"subtree": at}) for at in (other.organization, MISSING)]
        assert [(one.status_code, one.json()["code"]) for one in answers] == [(404, "not_found")] * 2, path


async def test_a_subtree_pages(admin: Actor, places: list[Place]) -> None:
    region, county, _ = places
    for path, kinds in LISTS.items():
        first = answer = await admin.get(path, params={"subtree": region.organization, "limit": 1})
        found = [one["id"] for one in answer.json()["items"]]
        while "next" in answer.links:
            answer = await admin.get(answer.links["next"]["url"])
            found += [one["id"] for one in answer.json()["items"]]
        assert found == ids(kinds, region, county), path
        refused = await admin.get(
            path, params={"subtree": county.organization, "limit": 1, "cursor": first.json()["next_cursor"]}
        )
        assert refused.status_code == 400, path
