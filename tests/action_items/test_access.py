"""Action items: who may see, propose and change them."""

from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.items import ITEMS, item


@pytest.mark.parametrize("role", ["viewer", "integrator"])
async def test_only_those_who_run_or_plan_may_propose(tenancy: Tenancy, role: str) -> None:
    reader = await tenancy.key((role, tenancy.root_id))
    answer = await reader.post(ITEMS, {"organization_id": tenancy.root_id, "title": "A"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_manager_plans_where_it_manages(tenancy: Tenancy) -> None:
    site = await tenancy.organization()
    manager = await tenancy.key(("manager", site["id"]))
    made = await manager.made(ITEMS, {"organization_id": site["id"], "title": "A"})
    assert made["allowed_transitions"] == ["open", "dismissed"]


async def test_a_facilitator_changes_its_own_proposal_until_it_is_accepted(tenancy: Tenancy, admin: Actor) -> None:
    facilitator = await tenancy.key(("facilitator", tenancy.root_id))
    made = await facilitator.made(ITEMS, {"organization_id": tenancy.root_id, "title": "A"})
    path = f"{ITEMS}/{made['id']}"
    assert (made["status"], made["allowed_transitions"]) == ("proposed", [])
    assert (await facilitator.patch(path, {"title": "B"})).json()["title"] == "B"
    one = {"id": made["id"], "version": 2, "changes": {"title": "C"}}
    assert (await facilitator.call("PATCH", ITEMS, json={"items": [one]})).status_code == 200
    assert (await facilitator.move(path, "open")).status_code == 403
    await admin.move(path, "open")
    assert (await facilitator.patch(path, {"title": "D"})).status_code == 403


async def test_a_facilitator_does_not_change_the_proposals_of_others(tenancy: Tenancy) -> None:
    mine, other = [await tenancy.key(("facilitator", tenancy.root_id)) for _ in range(2)]
    made = await other.made(ITEMS, {"organization_id": tenancy.root_id, "title": "A"})
    assert (await mine.patch(f"{ITEMS}/{made['id']}", {"title": "B"})).status_code == 403


async def test_allowed_transitions_follow_the_role_at_each_organization(tenancy: Tenancy) -> None:
    mine, beside = await tenancy.organization(), await tenancy.organization()
    for site in (mine, beside, mine):
        await item(tenancy, site["id"])
    caller = await tenancy.key(("viewer", tenancy.root_id), ("manager", mine["id"]))
    items = (await caller.get(ITEMS)).json()["items"]
    assert [bool(one["allowed_transitions"]) for one in items] == [True, False, True]


@dataclass
class Shared:
    """Items at an organization of a manager, at one below it, at another one, and in another tenant."""

    manager: Actor
    seen: list[str]
    unseen: list[str]
    child: str
    others: list[str]


@pytest.fixture
async def shared(tenancy: Tenancy, other_tenancy: Tenancy) -> Shared:
    """The items, and a key of the manager."""
    mine, other = await tenancy.organization(), await tenancy.organization()
    child = await tenancy.organization(mine["id"])
    return Shared(
        manager=await tenancy.key(("manager", mine["id"])),
        seen=[(await item(tenancy, site["id"]))["id"] for site in (mine, child)],
        unseen=[(await item(tenancy, other["id"]))["id"], (await item(other_tenancy))["id"], str(uuid4())],
        child=child["id"],
        others=[other["id"], tenancy.root_id, other_tenancy.root_id],
    )


async def test_items_the_caller_cannot_see_do_not_exist(shared: Shared) -> None:
    answers = []
    for hidden in shared.unseen:
        path = f"{ITEMS}/{hidden}"
        answers += [
            await shared.manager.get(path),
            await shared.manager.get(f"{path}/notes"),
            await shared.manager.get(f"{path}/history"),
            await shared.manager.patch(path, {"title": "B"}),
            await shared.manager.delete(path),
            await shared.manager.move(path, "open"),
            await shared.manager.post(f"{path}/notes", {"text": "A"}),
        ]
    problems = [{**answer.json(), "instance": "", "request_id": ""} for answer in answers]
    assert {answer.status_code for answer in answers} == {404}
    assert [problem for problem in problems if problem != problems[0]] == []


async def test_organizations_the_caller_cannot_see_have_no_items(shared: Shared) -> None:
    for hidden in shared.others:
        assert (await shared.manager.post(ITEMS, {"organization_id": hidden, "title": "A"})).status_code == 404
        assert (await shared.manager.get(ITEMS, params={"subtree": hidden})).status_code == 404
        assert await shared.manager.items(ITEMS, organization_id=hidden) == []


async def test_the_list_holds_what_the_caller_can_see(shared: Shared, tenancy: Tenancy) -> None:
    assert [one["id"] for one in await shared.manager.items(ITEMS)] == shared.seen
    both = await tenancy.key(("viewer", shared.others[0]), ("viewer", shared.child))
    assert [one["id"] for one in await both.items(ITEMS)] == [shared.seen[1], shared.unseen[0]]
    respondent = await tenancy.key(("respondent", tenancy.root_id))
    assert (await respondent.get(ITEMS)).status_code == 403
