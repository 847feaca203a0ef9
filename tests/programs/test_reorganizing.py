"""Programs are handed to an organization above; implementations end and are resumed, with their history."""

from typing import Any

import httpx
import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.answers import outcome
from tests.support.team import new_implementation


async def hand_over(actor: Actor, program: dict[str, Any], to: str, if_match: str = "*") -> httpx.Response:
    path = f"/v1/programs/{program['id']}/hand-over"
    return await actor.post(path, {"organization_id": to, "reason": "All use it."}, headers={"If-Match": if_match})


async def test_a_program_is_handed_to_an_organization_above(tenancy: Tenancy, admin: Actor) -> None:
    region, other = await tenancy.organization(), await tenancy.organization()
    program = await admin.made("/v1/programs", {"organization_id": region["id"], "name": "Visits"})
    body = {"organization_id": other["id"], "program_id": program["id"]}
    assert outcome(await admin.post("/v1/implementations", body)) == (422, "program_out_of_reach")
    given = await hand_over(admin, program, tenancy.root_id, '"1.0"')
    assert (given.status_code, given.json()["organization_id"], given.json()["version"]) == (200, tenancy.root_id, 2)
    assert outcome(await admin.post("/v1/implementations", body)) == (201, None)


async def test_a_program_is_handed_neither_down_nor_aside_nor_to_its_owner(tenancy: Tenancy, admin: Actor) -> None:
    region, aside = await tenancy.organization(), await tenancy.organization()
    below = await tenancy.organization(region["id"])
    program = await admin.made("/v1/programs", {"organization_id": region["id"], "name": "Visits"})
    for to in (below, aside, region):
        assert outcome(await hand_over(admin, program, to["id"])) == (422, "not_above_owner")
    assert (await admin.get(f"/v1/programs/{program['id']}")).json() == program


async def test_handing_over_takes_the_role_at_both_owners(tenancy: Tenancy) -> None:
    region = await tenancy.organization()
    county = await tenancy.organization(region["id"])
    program = await tenancy.admin.made("/v1/programs", {"organization_id": county["id"], "name": "Visits"})
    below = await tenancy.key(("manager", county["id"]))
    assert outcome(await hand_over(below, program, region["id"])) == (422, "unknown_organization")
    seen = await tenancy.key(("manager", county["id"]), ("viewer", region["id"]))
    assert outcome(await hand_over(seen, program, region["id"])) == (403, "forbidden")
    both = await tenancy.key(("manager", region["id"]))
    assert outcome(await hand_over(both, program, region["id"], '"9.0"')) == (412, "precondition_failed")
    assert outcome(await hand_over(both, program, region["id"])) == (200, None)


async def test_an_implementation_ends_and_is_resumed_with_its_history(tenancy: Tenancy, admin: Actor) -> None:
    use = await new_implementation(tenancy)
    path = f"/v1/implementations/{use['id']}"
    ended = (await admin.move(path, "ended", reason="Replaced.")).json()
    assert (ended["stage"], ended["ended_at"], ended["allowed_transitions"]) == (
        "initial_implementation",
        ended["updated_at"],
        ["resumed"],
    )
    resumed = (await admin.move(path, "resumed", reason="Again.")).json()
    assert (resumed["stage"], resumed["ended_at"], resumed["version"]) == ("initial_implementation", None, 3)
    kept = (await admin.get(f"{path}/stages")).json()["items"]
    assert [(one["kind"], one["to_stage"], one["reason"]) for one in kept] == [
        ("stage", "initial_implementation", None),
        ("ended", "initial_implementation", "Replaced."),
        ("resumed", "initial_implementation", "Again."),
    ]


@pytest.mark.parametrize(
    ("to", "reason", "refusal"),
    [
        ("ended", None, (422, "reason_required")),
        ("resumed", "R", (409, "invalid_transition")),
    ],
)
async def test_what_goes_on_ends_with_a_reason_and_is_not_resumed(
    tenancy: Tenancy, admin: Actor, to: str, reason: str | None, refusal: tuple[int, str]
) -> None:
    use = await new_implementation(tenancy)
    assert outcome(await admin.move(f"/v1/implementations/{use['id']}", to, reason=reason)) == refusal


async def test_an_ended_use_is_resumed_and_not_begun_again(tenancy: Tenancy, admin: Actor) -> None:
    use = await new_implementation(tenancy)
    path = f"/v1/implementations/{use['id']}"
    await admin.move(path, "ended", reason="Replaced.")
    body = {"organization_id": use["organization_id"], "program_id": use["program_id"]}
    assert outcome(await admin.post("/v1/implementations", body)) == (409, "implementation_exists")
    assert outcome(await admin.move(path, "installation", reason="R")) == (409, "implementation_ended")
    for ended, found in (("true", 1), ("false", 0)):
        listed = await admin.get(f"/v1/implementations?ended={ended}&program_id={use['program_id']}")
        assert len(listed.json()["items"]) == found
