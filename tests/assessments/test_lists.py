"""Lists of assessments: filters, orders, pages, and what the caller can see."""

from uuid import uuid4

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import refused
from tests.support.courses import listed
from tests.support.team import Team, new_team


@pytest.fixture
async def three(tenancy: Tenancy) -> list[Team]:
    """Assessments of an organization, of one below it (void), and of a third one."""
    top = await tenancy.organization()
    leaf = await tenancy.organization(top["id"])
    first = await new_team(tenancy, top["id"], administered_on="2020-05-05")
    second = await new_team(tenancy, leaf["id"], administered_on="2021-05-05")
    third = await new_team(tenancy)
    await second.move("void")
    return [first, second, third]


async def test_the_list_is_filtered(three: list[Team], admin: Actor) -> None:
    first, second, _ = (team.assessment for team in three)
    assert await listed(admin, three, organization_id=first["organization_id"]) == [1]
    assert await listed(admin, three, subtree=first["organization_id"]) == [1, 2]
    assert await listed(admin, three, implementation_id=second["implementation_id"]) == [2]
    assert await listed(admin, three, state=["void"]) == [2]
    assert await listed(admin, three, state=["void", "draft"], subtree=first["organization_id"]) == [1, 2]
    assert await listed(admin, three, administered_after="2020-05-06") == [2]
    assert await listed(admin, three, administered_before="2020-05-05") == [1]
    assert await listed(admin, three, updated_since=second["updated_at"]) == [2]


@pytest.mark.parametrize(
    ("sort", "expected"), [("id", [1, 2, 3]), ("-id", [3, 2, 1]), ("-updated_at", [2, 3, 1])], ids=str
)
async def test_the_list_is_ordered_and_paged(three: list[Team], admin: Actor, sort: str, expected: list[int]) -> None:
    assert await listed(admin, three, sort=sort) == expected
    paged, path = [], f"/v1/assessments?limit=1&sort={sort}"
    while path:
        answer = await admin.get(path)
        paged += [item["id"] for item in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert paged == [three[number - 1].assessment["id"] for number in expected]


async def test_the_list_holds_what_the_caller_can_see(three: list[Team], tenancy: Tenancy) -> None:
    top, leaf = (team.assessment["organization_id"] for team in three[:2])
    assert await listed(await tenancy.key(("viewer", leaf)), three) == [2]
    assert await listed(await tenancy.key(("viewer", leaf), ("manager", top)), three) == [1, 2]


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"subtree": str(uuid4())}, 404, "not_found"),
        ({"status": "draft"}, 422, "invalid"),
        ({"state": "open"}, 422, "invalid"),
    ],
)
async def test_the_list_refuses_what_it_does_not_know(
    admin: Actor, params: dict[str, str], status: int, code: str
) -> None:
    refused(await admin.get("/v1/assessments", params=params), status, code)
